// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/enrolment_endpoint.h"

#include <algorithm>
#include <utility>

#include "coordinator/options.h"
#include "protocol/codec.h"

namespace rollback {

namespace {
constexpr int kMessagesPerRound = 64;
constexpr int kQueue = 4;
constexpr std::size_t kMostLabels = 64;
constexpr double kNanoseconds = 1e9;
}  // namespace

Result<std::unique_ptr<EnrolmentEndpoint>> EnrolmentEndpoint::bind(Fleet& fleet,
                                                                   ZmqContext& context,
                                                                   Poller& poller,
                                                                   ZmqRouter::Options options) {
  options.domain = "enrolment";
  options.max_message = WireLimits::kMaxEnrolment;
  options.queue = kQueue;
  ROLLBACK_ASSIGN(auto router, ZmqRouter::bind(context, options));
  return std::unique_ptr<EnrolmentEndpoint>(
      new EnrolmentEndpoint(fleet, poller, std::move(router)));
}

EnrolmentEndpoint::EnrolmentEndpoint(Fleet& fleet, Poller& poller,
                                     std::unique_ptr<ZmqRouter> router)
    : fleet_(fleet), poller_(poller), router_(std::move(router)), filled_at_(fleet.clock.boot()) {
  poller_.watch(*router_, [this] { receive(); });
}

EnrolmentEndpoint::~EnrolmentEndpoint() { poller_.forget(*router_); }

void EnrolmentEndpoint::receive() {
  for (int i = 0; i < kMessagesPerRound; ++i) {
    const auto message = router_->receive();
    if (!message || !*message) return;
    on_message(**message);
  }
}

bool EnrolmentEndpoint::take_token() {
  const BootTime now = fleet_.clock.boot();
  const double passed = static_cast<double>((now - filled_at_).count()) / kNanoseconds;
  filled_at_ = now;
  tokens_ = std::min(kPerSecond, tokens_ + passed * kPerSecond);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void EnrolmentEndpoint::on_message(const ZmqRouter::Message& message) {
  if (!take_token()) {
    ++refusals_.too_many;
    return;
  }
  const auto request = decode_enrolment_request(message.bytes);
  if (!request || request->hello.host.is_none() || !is_host_name(request->hello.name) ||
      request->hello.labels.size() > kMostLabels) {
    ++refusals_.malformed;
    return;
  }
  const auto host = enrol(request->hello, message.key);
  if (!host) {
    const ErrorCode code = host.error().code;
    auto& counter = code == ErrorCode::kDenied ? refusals_.forged
                    : code == ErrorCode::kBusy ? refusals_.too_many
                                               : refusals_.failed;
    ++counter;
    fleet_.log("enrolment: " + host.error().message);
    return;
  }
  const auto answer =
      encode_enrolment_answer(EnrolmentAnswer{host->admission, fingerprint(message.key)});
  if (answer) (void)router_->send(message.route, *answer);  // gone: it asks again
}

Result<HostRecord> EnrolmentEndpoint::enrol(const Hello& hello, const std::string& key) {
  const bool known = fleet_.hosts.by_id(hello.host) != nullptr;
  if (known) return fleet_.hosts.enrol(hello, key, fleet_.clock.wall());
  Hosts next = fleet_.hosts;
  ROLLBACK_ASSIGN(auto host, next.enrol(hello, key, fleet_.clock.wall()));
  ROLLBACK_TRY(fleet_.ledger.save(host));
  fleet_.hosts = std::move(next);
  fleet_.log(host.name + " asks to be accepted, fingerprint " + fingerprint(key));
  return host;
}

}  // namespace rollback
