// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/agent_endpoint.h"

#include <utility>
#include <vector>

#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/permissions.h"

namespace rollback {

namespace {
constexpr int kMessagesPerRound = 256;  // then the other sockets have their turn
}  // namespace

Result<std::unique_ptr<AgentEndpoint>> AgentEndpoint::bind(Fleet& fleet, ZmqContext& context,
                                                           Poller& poller,
                                                           ZmqRouter::Options options) {
  options.domain = "agents";
  options.max_message = WireLimits::kMaxFrame;
  ROLLBACK_ASSIGN(auto router, ZmqRouter::bind(context, options));
  return std::unique_ptr<AgentEndpoint>(new AgentEndpoint(fleet, poller, std::move(router)));
}

AgentEndpoint::AgentEndpoint(Fleet& fleet, Poller& poller, std::unique_ptr<ZmqRouter> router)
    : fleet_(fleet), poller_(poller), router_(std::move(router)) {
  poller_.watch(*router_, [this] { receive(); });
}

AgentEndpoint::~AgentEndpoint() { poller_.forget(*router_); }

bool AgentEndpoint::is_online(const HostId& host) const {
  return routes_.contains(host) && fleet_.board.is_online(host, fleet_.clock.boot());
}

Result<CommandId> AgentEndpoint::ask(Question question, OnReply on_reply, OnLost on_lost) {
  const auto route = routes_.find(question.host);
  if (route == routes_.end() || !is_online(question.host))
    return fail(ErrorCode::kNotFound, "host " + question.host.str() + " is not online");
  Command command;
  command.fleet = fleet_.name;
  command.id = CommandId::make(fleet_.random);
  command.host = question.host;
  command.run = question.run;
  command.epoch = fleet_.ledger.epoch();
  command.seq = ++seq_;
  command.not_after = fleet_.clock.wall() + kValid;
  command.actor = std::move(question.actor);
  command.reason = std::move(question.reason);
  command.body = std::move(question.body);
  ROLLBACK_ASSIGN(const auto envelope, seal(command));
  ROLLBACK_TRY(send(route->second, envelope));
  pending_[command.id] = {question.host, std::move(on_reply), std::move(on_lost)};
  return command.id;
}

Status AgentEndpoint::send(const std::string& route, const CoordinatorMessage& message) {
  ROLLBACK_ASSIGN(const auto bytes, encode_coordinator_message(message));
  return router_->send(route, bytes);
}

void AgentEndpoint::receive() {
  for (int i = 0; i < kMessagesPerRound; ++i) {
    const auto message = router_->receive();
    if (!message || !*message) return;
    on_message(**message);
  }
}

void AgentEndpoint::on_message(const ZmqRouter::Message& message) {
  const HostRecord* const found = fleet_.hosts.accepted_by_key(message.key);
  if (found == nullptr) {
    ++refusals_.unaccepted;
    return;
  }
  const HostRecord host = *found;
  const auto decoded = decode_agent_message(message.bytes);
  const Principal sender{Role::kAgent, host.name, 0, 0, host.public_key};
  if (!decoded || !may_send(sender, *decoded)) {
    ++refusals_.malformed;
    return;
  }
  if (const auto* hello = std::get_if<Hello>(&*decoded))
    return on_hello(host, message.route, *hello);
  if (const auto* beat = std::get_if<Heartbeat>(&*decoded))
    return on_heartbeat(host, message.route, *beat);
  on_answer(host, std::get<Reply>(*decoded));
}

void AgentEndpoint::refuse_forged(const HostRecord& host, const HostId& claimed,
                                  std::string_view what) {
  ++refusals_.forged;
  fleet_.log("dropped a " + std::string(what) + " of " + host.name + " (" + host.id.str() +
             ") that names host " + claimed.str());
}

void AgentEndpoint::on_hello(const HostRecord& host, const std::string& route, const Hello& hello) {
  if (hello.host != host.id) return refuse_forged(host, hello.host, "hello");
  if (const auto renewed = fleet_.hosts.renew(hello, host.public_key);
      renewed && renewed->labels != host.labels)
    if (const auto saved = fleet_.ledger.save(*renewed); !saved)
      fleet_.log("the labels of " + host.name + " were not stored: " + saved.error().message);
  if (!is_online(host.id)) fleet_.log(host.name + " is online");
  lose_answers(host.id);
  welcome(host.id, route);
}

void AgentEndpoint::welcome(const HostId& host, const std::string& route) {
  routes_[host] = route;
  fleet_.board.heard(host, fleet_.clock.boot(), fleet_.clock.wall());
  (void)send(route,
             Welcome{kProtocolVersion, fleet_.name, fleet_.ledger.epoch()});  // else it retries
}

void AgentEndpoint::on_heartbeat(const HostRecord& host, const std::string& route,
                                 const Heartbeat& beat) {
  if (beat.status.id != host.id) return refuse_forged(host, beat.status.id, "heartbeat");
  if (!routes_.contains(host.id)) welcome(host.id, route);  // was removed, and accepted again
  fleet_.board.heard(host.id, fleet_.clock.boot(), fleet_.clock.wall());
  fleet_.board.reported(host.id, beat.status, beat.health);
}

void AgentEndpoint::on_answer(const HostRecord& host, const Reply& reply) {
  const auto found = pending_.find(reply.command);
  if (found == pending_.end() || found->second.host != host.id) {
    ++refusals_.unasked;
    return;
  }
  fleet_.board.heard(host.id, fleet_.clock.boot(), fleet_.clock.wall());
  const OnReply on_reply = found->second.on_reply;  // it may drop the command
  if (std::holds_alternative<End>(reply.body)) pending_.erase(found);
  on_reply(reply);
}

void AgentEndpoint::lose_answers(const HostId& host) {
  std::vector<OnLost> lost;
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.host != host) {
      ++it;
      continue;
    }
    lost.push_back(std::move(it->second.on_lost));
    it = pending_.erase(it);
  }
  for (const auto& on_lost : lost) on_lost();
}

void AgentEndpoint::lose(const HostId& host) {
  routes_.erase(host);
  fleet_.board.lost(host);
  lose_answers(host);
}

void AgentEndpoint::forget(const HostId& host) { lose(host); }

void AgentEndpoint::tick() {
  const BootTime now = fleet_.clock.boot();
  const bool pulse_is_due = now >= next_pulse_;
  if (pulse_is_due) next_pulse_ = now + kPulse;
  std::vector<HostId> silent;
  for (const auto& [host, route] : routes_) {
    const bool heard = fleet_.board.is_online(host, now);
    if (!heard || (pulse_is_due && !send(route, Pulse{fleet_.clock.wall()})))
      silent.push_back(host);
  }
  for (const auto& host : silent) {
    const HostRecord* const record = fleet_.hosts.by_id(host);
    fleet_.log((record == nullptr ? host.str() : record->name) + " is offline");
    lose(host);
  }
}

}  // namespace rollback
