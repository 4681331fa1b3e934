// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/fan_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace rollback {

namespace {
constexpr std::array kByWeight = {ExitCode::kInconsistent, ExitCode::kPartial, ExitCode::kTimedOut,
                                  ExitCode::kRestored,     ExitCode::kDenied,  ExitCode::kLocked,
                                  ExitCode::kRefused,      ExitCode::kUsage};
}  // namespace

ExitCode worst_of(const std::vector<ExitCode>& codes) {
  const auto has = [&](ExitCode code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  const auto worst = std::find_if(kByWeight.begin(), kByWeight.end(), has);
  if (worst == kByWeight.end()) return ExitCode::kDone;
  const bool is_mixed = has(ExitCode::kDone) || has(ExitCode::kNothingToDo);
  return is_mixed && *worst != ExitCode::kInconsistent ? ExitCode::kPartial : *worst;
}

FanOut::~FanOut() {
  for (const auto& asking : askings_)
    for (const auto& [host, command] : asking.waiting) agents_.drop(command);
}

void FanOut::start(Order order) {
  Asking& asking = askings_.emplace_back();
  asking.deadline = clock_.boot() + order.deadline;
  asking.order = std::move(order);
  for (const auto& host : asking.order.hosts) ask(asking, host);
  if (asking.waiting.empty()) finish(asking);
}

void FanOut::ask(Asking& asking, const HostRecord& host) {
  const auto asked = agents_.ask(
      {host.id, asking.order.body, asking.order.actor, asking.order.reason, {}},
      [this, &asking, &host](const Reply& reply) { on_reply(asking, host, reply); },
      [this, &asking, &host] {
        asking.waiting.erase(host.id);
        has_no_answer(asking, host, "the connection broke before it had answered");
        if (asking.waiting.empty()) finish(asking);
      });
  if (asked)
    asking.waiting[host.id] = *asked;
  else if (asked.error().code == ErrorCode::kNotFound)
    has_no_answer(asking, host, "offline");
  else
    has_no_answer(asking, host, "it could not be asked: " + asked.error().message);
}

void FanOut::has_no_answer(Asking& asking, const HostRecord& host, const std::string& why) {
  asking.outcome.codes.push_back(ExitCode::kPartial);
  asking.outcome.silent.push_back(host.name);
  asking.order.watcher->send(host.name, Line{EventLevel::kError, why});
}

void FanOut::on_reply(Asking& asking, const HostRecord& host, const Reply& reply) {
  const auto* end = std::get_if<End>(&reply.body);
  if (end == nullptr) {
    if (asking.order.on_item) return asking.order.on_item(host, reply.body);
    return asking.order.watcher->send(host.name, reply.body);
  }
  asking.waiting.erase(host.id);
  asking.outcome.codes.push_back(end->exit_code);
  asking.outcome.changed = asking.outcome.changed || end->changed;
  if (end->error)
    asking.order.watcher->send(host.name, Line{EventLevel::kError, end->error->message});
  if (asking.waiting.empty()) finish(asking);
}

void FanOut::finish(Asking& asking) {
  const Outcome& outcome = asking.outcome;
  if (asking.order.on_finish) {
    asking.order.on_finish(outcome);
  } else {
    End end{worst_of(outcome.codes), outcome.changed, std::nullopt};
    if (!outcome.silent.empty())
      end.error = Error{ErrorCode::kNotFound,
                        fmt::format("no answer from {}", fmt::join(outcome.silent, ", "))};
    asking.order.watcher->send("", std::move(end));
  }
  askings_.remove_if([&](const Asking& other) { return &other == &asking; });
}

void FanOut::tick() {
  const BootTime now = clock_.boot();
  for (auto it = askings_.begin(); it != askings_.end();) {
    Asking& asking = *it++;
    if (now < asking.deadline) continue;
    for (const auto& host : asking.order.hosts) {
      const auto waiting = asking.waiting.find(host.id);
      if (waiting == asking.waiting.end()) continue;
      agents_.drop(waiting->second);
      asking.waiting.erase(waiting);
      has_no_answer(asking, host,
                    "it did not answer within " + format_duration(asking.order.deadline));
    }
    finish(asking);
  }
}

}  // namespace rollback
