// SPDX-License-Identifier: Apache-2.0
#include "agent/service/agent.h"

#include <fmt/format.h>

#include <utility>

#include "agent/service/identity.h"
#include "protocol/codec.h"

namespace rollback {

namespace {

constexpr Duration kTurn = std::chrono::milliseconds(100);
constexpr Duration kAlone = std::chrono::seconds(30);  // without anybody
constexpr Duration kHealthEvery = std::chrono::seconds(10);
// An undo of a crash may be behind it, or a run that waits to be confirmed.
constexpr Duration kResuming = std::chrono::minutes(15) + kLongestConfirm;
// Bytes that wait for a client: from when on long answers wait for it, and until when.
constexpr std::size_t kFull = 4U << 20U;
constexpr std::size_t kCaughtUp = 1U << 20U;

}  // namespace

Agent::Agent(Deps deps, std::vector<LinkTarget> targets, Link::Deps link)
    : deps_(std::move(deps)),
      link_(std::move(targets),
            [&] {
              link.heartbeat = [this] {
                return Heartbeat{status_of(deps_.host, link_.state()), health_of(deps_.host)};
              };
              link.on_envelope = [this](const Principal& sender, std::string_view envelope) {
                (void)door_.handle(sender, envelope, ToLink{});
              };
              return std::move(link);
            }()),
      door_(deps_.host, deps_.outbox, [this] { return link_.state(); }) {}

Status Agent::listen(const DoorOptions& socket) {
  ROLLBACK_ASSIGN(socket_,
                  UnixDoor::listen(
                      deps_.poller, deps_.clock, socket,
                      [this](ConnectionId from, const Principal& sender, const std::string& frame) {
                        if (!door_.handle(sender, frame, from, socket_->take_descriptor()))
                          socket_->close_after_sending(from);
                      },
                      [this](ConnectionId from) { door_.closed(from); }));
  return {};
}

Status Agent::run() {
  asked_ = deps_.clock.boot();
  while (!deps_.stopping() && !(deps_.alone && is_over())) {
    ROLLBACK_TRY(deps_.poller.poll(kTurn));
    tick();
    deliver();
    if (needs_new_start_)
      return fail(ErrorCode::kNoSpace,
                  "the disk of the store was full and has room again: a new start uses it");
  }
  return {};
}

void Agent::deliver() {
  std::erase_if(full_, [&](ConnectionId to) {
    if (socket_->queued(to) > kCaughtUp) return false;
    deps_.outbox.set_full(to, false);
    return true;
  });
  for (const auto& outgoing : deps_.outbox.drain()) {
    if (std::holds_alternative<ToLink>(outgoing.to)) {
      link_.send(outgoing.reply);
      continue;
    }
    const auto to = std::get<ConnectionId>(outgoing.to);
    const auto bytes = encode_reply(outgoing.reply);
    if (!bytes)
      deps_.log("an answer could not be encoded: " + bytes.error().message);
    else
      (void)socket_->send(to, *bytes);  // gone or too slow: the door has closed it
    if (socket_->queued(to) > kFull && full_.insert(to).second) deps_.outbox.set_full(to, true);
  }
}

void Agent::say_refusals() {
  const auto& door = door_.refusals();
  const auto& socket = socket_->counters();
  const std::uint64_t all =
      door.malformed + door.denied + socket.malformed + socket.refused + link_.malformed();
  if (all == refusals_said_) return;
  refusals_said_ = all;
  deps_.log(fmt::format(
      "refused since the start: {} malformed and {} denied requests, {} bad frames and {} "
      "connections too many on the "
      "socket, {} bad messages of the coordinator",
      door.malformed, door.denied, socket.malformed, socket.refused, link_.malformed()));
}

void Agent::tick() {
  link_.tick();
  if (const auto state = link_.state(); state != link_state_) {
    link_state_ = state;
    deps_.log("coordinator: " + state);
  }
  const BootTime now = deps_.clock.boot();
  Host& host = deps_.host;                       // of the jobs, which may outlive this object
  const bool idle = !host.run_worker.current();  // before anything is posted here
  if (now >= next_second_) {
    next_second_ = now + std::chrono::seconds(1);
    // Not at every turn: systemd queues ten, and the next one blocks while it reloads.
    if (on_time()) deps_.feed_watchdog();
    socket_->drop_idle();
    if (idle)
      (void)host.run_worker.post({"ending expired leases", std::chrono::minutes(1), [&host] {
                                    (void)host.engine.forget_expired();
                                    (void)host.engine.hold_room();
                                  }});
    if (host.deploys.open() && !host.hub.running())
      (void)host.run_worker.post(
          {"looking after a deploy", kResuming, [&host] { look_after_deploy(host); }});
  }
  if (now >= next_health_) {
    next_health_ = now + kHealthEvery;
    (void)host.health.ask(nullptr);
    if (idle) {
      needs_new_start_ = host.database.needs_new_start() && !host.hub.running() &&
                         !host.query_worker.current() && !host.transfer_worker.current();
      (void)host.run_worker.post(
          {"going on after a full disk", kResuming, [&host] { go_on_after_full_disk(host); }});
    }
    say_refusals();
  }
}

bool Agent::is_over() {
  const BootTime now = deps_.clock.boot();
  if (socket_->connections() > 0 || deps_.host.hub.running() || deps_.host.deploys.open())
    asked_ = now;
  return now - asked_ >= kAlone;
}

bool Agent::on_time() const {
  return !deps_.host.run_worker.overdue() && !deps_.host.query_worker.overdue() &&
         !deps_.host.health.overdue();
}

}  // namespace rollback
