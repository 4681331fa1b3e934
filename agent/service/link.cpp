// SPDX-License-Identifier: Apache-2.0
#include "agent/service/link.h"

#include <utility>

#include "protocol/codec.h"

namespace rollback {

namespace {

constexpr Duration kHeartbeat = std::chrono::seconds(2);
constexpr Duration kSilence = std::chrono::seconds(10);   // of a coordinator: try again
constexpr Duration kEnrolling = std::chrono::seconds(5);  // for its answer
constexpr Duration kAfterRefusal = std::chrono::seconds(1);
constexpr Duration kAfterSilence = std::chrono::milliseconds(500);

}  // namespace

Link::Link(std::vector<LinkTarget> targets, Deps deps)
    : targets_(std::move(targets)), deps_(std::move(deps)) {}

Link::~Link() { close(); }

std::string Link::state() const {
  if (targets_.empty()) return "none configured";
  if (welcomed_) return "connected to " + target().endpoint;
  if (refused_) return "waiting to be accepted: " + fingerprint(deps_.keys.public_key);
  return "connecting to " + target().endpoint;
}

void Link::tick() {
  if (targets_.empty()) return;
  const BootTime now = deps_.clock.boot();
  if (enrolment_) return tick_enrolment();
  if (!dealer_) {
    if (now >= next_attempt_) open();
    return;
  }
  for (auto event = dealer_->next_event(); event != ZmqDealer::Event::kNone;
       event = dealer_->next_event()) {
    on_event(event);
    if (!dealer_) return;
  }
  if (now - heard_at_ > kSilence) {
    close();
    next_target();
    return retry_later(kAfterSilence);
  }
  if (welcomed_ && now >= next_heartbeat_) {
    next_heartbeat_ = now + kHeartbeat;
    if (const auto beat = encode_agent_message(deps_.heartbeat())) (void)dealer_->send(*beat);
  }
}

void Link::on_event(ZmqDealer::Event event) {
  switch (event) {
    case ZmqDealer::Event::kConnected:
      // A coordinator that was restarted knows nobody: introduce ourselves on every connection.
      if (const auto hello = encode_agent_message(deps_.hello)) (void)dealer_->send(*hello);
      heard_at_ = deps_.clock.boot();
      return;
    case ZmqDealer::Event::kDisconnected:
      welcomed_ = false;
      return;
    case ZmqDealer::Event::kRefused:
      close();
      refused_ = true;
      return begin_enrolment();
    case ZmqDealer::Event::kBroken:
      close();
      next_target();
      return retry_later(kAfterSilence);
    case ZmqDealer::Event::kNone:
      return;
  }
}

void Link::tick_enrolment() {
  for (auto event = enrolment_->next_event(); event != ZmqDealer::Event::kNone;
       event = enrolment_->next_event()) {
    if (event != ZmqDealer::Event::kConnected) continue;
    if (const auto request = encode_enrolment_request({deps_.hello}))
      (void)enrolment_->send(*request);
  }
  if (deps_.clock.boot() - opened_at_ <= kEnrolling) return;
  close();
  retry_later(kAfterRefusal);
}

void Link::send(const Reply& reply) {
  if (!dealer_ || !welcomed_) return;
  if (const auto bytes = encode_agent_message(reply)) (void)dealer_->send(*bytes);
}

void Link::open() {
  auto dealer =
      ZmqDealer::connect(deps_.context, {target().endpoint, target().server_key, deps_.keys});
  if (!dealer) return retry_later(kSilence);
  dealer_ = *std::move(dealer);
  opened_at_ = heard_at_ = deps_.clock.boot();
  deps_.poller.watch(*dealer_, [this] { receive(); });
}

void Link::close() {
  if (dealer_) deps_.poller.forget(*dealer_);
  if (enrolment_) deps_.poller.forget(*enrolment_);
  dealer_.reset();
  enrolment_.reset();
  welcomed_ = false;
}

void Link::next_target() { current_ = (current_ + 1) % targets_.size(); }

// Jitter keeps a thousand agents from knocking in the same instant.
void Link::retry_later(Duration at_least) {
  std::uint8_t random = 0;
  deps_.random.fill(&random, 1);
  next_attempt_ = deps_.clock.boot() + at_least + at_least * random / 256;
}

void Link::receive() {
  for (int i = 0; i < 64 && dealer_; ++i) {
    auto bytes = dealer_->receive();
    if (!bytes || !*bytes) return;
    const auto message = decode_coordinator_message(**bytes);
    if (!message)
      ++malformed_;
    else
      on_message(*message);
  }
}

void Link::on_message(const CoordinatorMessage& message) {
  heard_at_ = deps_.clock.boot();
  const Principal coordinator{Role::kCoordinator, "coordinator", 0, 0, target().server_key};
  if (!may_send(coordinator, message)) {
    ++malformed_;
    return;
  }
  if (std::holds_alternative<Welcome>(message)) {
    welcomed_ = true;
    refused_ = false;
    next_heartbeat_ = heard_at_;
  } else if (const auto* envelope = std::get_if<Envelope>(&message)) {
    if (const auto bytes = encode_envelope(*envelope)) deps_.on_envelope(coordinator, *bytes);
  }
}

void Link::begin_enrolment() {
  auto socket =
      ZmqDealer::connect(deps_.context, {target().enrolment, target().server_key, deps_.keys});
  if (!socket) return retry_later(kSilence);
  enrolment_ = *std::move(socket);
  opened_at_ = deps_.clock.boot();
  deps_.poller.watch(*enrolment_, [this] { receive_enrolment(); });
}

void Link::receive_enrolment() {
  const auto bytes = enrolment_->receive();
  if (!bytes || !*bytes) return;
  const auto answer = decode_enrolment_answer(**bytes);
  close();
  if (!answer) ++malformed_;
  // Accepted meanwhile or still pending: the link itself is the proof, so try it again soon.
  retry_later(kAfterRefusal);
}

}  // namespace rollback
