// SPDX-License-Identifier: Apache-2.0
// ZAP 1.0: https://rfc.zeromq.org/spec/27/
#include <zmq.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "protocol/zmq_channel.h"
#include "protocol/zmq_socket.h"

namespace rollback {

namespace {

constexpr const char* kZapEndpoint = "inproc://zeromq.zap.01";
constexpr std::string_view kZapVersion = "1.0";
constexpr std::size_t kCurveRequestFrames = 7;
constexpr std::size_t kRawKeySize = 32;
constexpr std::size_t kZ85KeySize = 40;

// Frames of a request for the CURVE mechanism, in the order of the specification.
enum Frame : std::size_t { kVersion, kRequestId, kDomain, kAddress, kIdentity, kMechanism, kKey };

std::string z85_of(const std::string& raw_key) {
  std::array<char, kZ85KeySize + 1> text{};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(raw_key.data());
  return zmq_z85_encode(text.data(), bytes, raw_key.size()) == nullptr ? "" : text.data();
}

struct Verdict {
  std::string_view code = "400";
  std::string_view text = "not accepted here";
  std::string user_id;
};

}  // namespace

struct ZapAuthenticator::Inner {
  std::mutex mutex;
  std::set<std::string> admitted;  // guarded by mutex
  std::string probe;               // guarded by mutex

  ZmqSocketPtr requests;  // of the thread once it runs
  ZmqSocketPtr quit_end;  // of the thread once it runs
  ZmqSocketPtr quit;
  std::thread thread;

  Status open(ZmqContext& context);
  void run();
  void answer(const ZmqMessage& request);
  Verdict judge(const ZmqMessage& request);
  void stop();
};

Status ZapAuthenticator::Inner::open(ZmqContext& context) {
  const std::string quit_endpoint = context.unique_endpoint("zap-quit");
  ROLLBACK_ASSIGN(requests, open_zmq_socket(context, ZMQ_ROUTER));
  ROLLBACK_TRY(set_option(requests.get(), ZMQ_LINGER, 0, "LINGER"));
  if (zmq_bind(requests.get(), kZapEndpoint) != 0) return fail_zmq("start the ZAP handler");
  ROLLBACK_ASSIGN(quit_end, open_zmq_socket(context, ZMQ_PAIR));
  if (zmq_bind(quit_end.get(), quit_endpoint.c_str()) != 0)
    return fail_zmq("start the ZAP handler");
  ROLLBACK_ASSIGN(quit, open_zmq_socket(context, ZMQ_PAIR));
  ROLLBACK_TRY(set_option(quit.get(), ZMQ_LINGER, 0, "LINGER"));
  if (zmq_connect(quit.get(), quit_endpoint.c_str()) != 0) return fail_zmq("start the ZAP handler");
  return {};
}

void ZapAuthenticator::Inner::run() {
  constexpr std::size_t kMaxFrames = 2 + kCurveRequestFrames;  // route and delimiter before them
  std::array<zmq_pollitem_t, 2> items{
      {{requests.get(), 0, ZMQ_POLLIN, 0}, {quit_end.get(), 0, ZMQ_POLLIN, 0}}};
  while (items[1].revents == 0) {
    if (zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0) {
      if (errno == EINTR) continue;
      break;  // the context ends; nobody is admitted without us
    }
    if (items[0].revents == 0) continue;
    const auto request = receive_message(requests.get(), kMaxFrames);
    if (request && *request) answer(**request);
  }
  requests.reset();
  quit_end.reset();
}

// A ROUTER, not a REP: a REP that fails to answer one request would answer none after it.
void ZapAuthenticator::Inner::answer(const ZmqMessage& request) {
  if (request.frames.size() < 2 + kDomain) return;  // not from libzmq
  const Verdict verdict = judge(request);
  const std::array<std::string_view, 8> reply{
      request.frames[0], "",           kZapVersion,     request.frames[2 + kRequestId],
      verdict.code,      verdict.text, verdict.user_id, ""};
  for (std::size_t i = 0; i < reply.size(); ++i)
    if (!send_frame(requests.get(), reply[i], i + 1 < reply.size())) return;  // the peer has left
}

Verdict ZapAuthenticator::Inner::judge(const ZmqMessage& request) {
  if (request.too_many || request.frames.size() != 2 + kCurveRequestFrames) return {};
  const auto frame = [&](Frame which) -> const std::string& { return request.frames[2 + which]; };
  if (frame(kVersion) != kZapVersion || frame(kMechanism) != "CURVE") return {};
  if (frame(kKey).size() != kRawKeySize) return {};
  const std::string key = z85_of(frame(kKey));
  bool admit = frame(kDomain) == "enrolment";
  if (frame(kDomain) == "agents") {
    const std::lock_guard lock(mutex);
    admit = admitted.contains(key) || (!probe.empty() && key == probe);
  }
  if (!admit || key.empty()) return {};
  return {"200", "OK", key};
}

void ZapAuthenticator::Inner::stop() {
  if (!thread.joinable()) return;
  (void)send_frame(quit.get(), "", false);  // fails only when the thread has ended by itself
  thread.join();
}

Result<std::unique_ptr<ZapAuthenticator>> ZapAuthenticator::start(ZmqContext& context) {
  auto inner = std::make_unique<Inner>();
  ROLLBACK_TRY(inner->open(context));
  inner->thread = std::thread([raw = inner.get()] { raw->run(); });
  return std::unique_ptr<ZapAuthenticator>(new ZapAuthenticator(std::move(inner)));
}

ZapAuthenticator::ZapAuthenticator(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
ZapAuthenticator::~ZapAuthenticator() { inner_->stop(); }

void ZapAuthenticator::admit(std::set<std::string> public_keys) {
  const std::lock_guard lock(inner_->mutex);
  inner_->admitted = std::move(public_keys);
}

void ZapAuthenticator::admit_probe(std::string public_key) {
  const std::lock_guard lock(inner_->mutex);
  inner_->probe = std::move(public_key);
}

void ZapAuthenticator::stop() { inner_->stop(); }

}  // namespace rollback
