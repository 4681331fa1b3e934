// SPDX-License-Identifier: Apache-2.0
#include "agent/service/run_hub.h"

#include <algorithm>
#include <utility>

namespace rollback {

namespace {

constexpr Duration kBetweenContacts = std::chrono::seconds(1);

}  // namespace

void RunHub::begin(const RunId& run, StreamPtr stream) {
  const std::lock_guard lock(mutex_);
  running_ = run;
  phase_ = RunPhase::kPlanned;
  aborted_ = false;
  if (stream) watchers_.emplace(run, Watcher{std::move(stream), 1});
}

void RunHub::watch(const RunId& run, std::uint64_t from, StreamPtr stream) {
  const std::lock_guard lock(mutex_);
  auto events = runs_.events(run, from);
  if (!events) return stream->fail(ExitCode::kRefused, events.error());
  std::uint64_t next = from;
  for (auto& event : *events) {
    next = event.seq + 1;
    stream->send(EventItem{run, std::move(event)});
  }
  if (running_ == run) {
    watchers_.emplace(run, Watcher{std::move(stream), next});
    return;
  }
  auto record = runs_.find(run.str());
  if (!record) return stream->fail(ExitCode::kRefused, record.error());
  if (record->outcome == RunOutcome::kRunning)
    return stream->fail(ExitCode::kPartial,
                        Error{ErrorCode::kBusy, "run " + run.str() +
                                                    " is prepared or was interrupted, and is not "
                                                    "at work now"});
  const auto code = static_cast<ExitCode>(record->exit_code);
  const bool changed = record->changed;
  stream->send(*std::move(record));
  stream->end(code, changed);
}

void RunHub::finish(const RunRecord& record, std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  if (running_ == record.id) running_.reset();
  aborted_ = false;  // meant this run, not the next one that is prepared
  phase_ = RunPhase::kDone;
  const auto [first, last] = watchers_.equal_range(record.id);
  for (auto it = first; it != last; ++it) {
    it->second.stream->send(record);
    it->second.stream->send(End{static_cast<ExitCode>(record.exit_code), record.changed, error});
  }
  watchers_.erase(first, last);
}

void RunHub::forget(const Destination& destination) {
  const std::lock_guard lock(mutex_);
  std::erase_if(watchers_,
                [&](const auto& entry) { return entry.second.stream->to() == destination; });
}

Status RunHub::abort(const RunId& run) {
  {
    const std::lock_guard lock(mutex_);
    if (running_ != run)
      return fail(ErrorCode::kNotFound, "run " + run.str() + " is not running on this host");
    aborted_ = true;
  }
  aborted_changed_.notify_all();
  return {};
}

Result<RunId> RunHub::confirm(const std::string& prefix) {
  RunId run;
  {
    const std::lock_guard lock(mutex_);
    if (!unconfirmed_ || !unconfirmed_->str().starts_with(prefix))
      return fail(ErrorCode::kNotFound, prefix.empty()
                                            ? "no run of this host waits to be confirmed"
                                            : "run " + prefix + " does not wait to be confirmed");
    run = *std::exchange(unconfirmed_, std::nullopt);
  }
  aborted_changed_.notify_all();
  return run;
}

bool RunHub::wait_confirmed(const RunId& run, BootTime until,
                            const std::function<bool()>& contact) {
  std::unique_lock lock(mutex_);
  unconfirmed_ = run;
  running_ = run;  // also one that an agent before this one began
  while (unconfirmed_ && !aborted_) {
    const Duration left = until - clock_.boot();
    if (left.count() <= 0) break;
    if (contact) {
      lock.unlock();
      const bool met = contact();
      lock.lock();
      if (met && !aborted_) unconfirmed_.reset();
    }
    aborted_changed_.wait_for(lock, contact ? std::min(left, kBetweenContacts) : left,
                              [this] { return aborted_ || !unconfirmed_; });
  }
  const bool confirmed = !unconfirmed_;
  unconfirmed_.reset();
  return confirmed;
}

std::optional<RunId> RunHub::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

RunPhase RunHub::phase() const {
  const std::lock_guard lock(mutex_);
  return phase_;
}

void RunHub::on_event(const RunId& run, const RunEvent& event) {
  const std::lock_guard lock(mutex_);
  phase_ = event.phase;
  if (phase_ == RunPhase::kUndoing) aborted_ = false;  // done with that: undo waits like anybody
  // A run must not stop because its log cannot be written; the outcome is stored on its own.
  (void)runs_.append_event(run, event);
  const auto [first, last] = watchers_.equal_range(run);
  for (auto it = first; it != last; ++it) {
    if (event.seq < it->second.next) continue;
    it->second.next = event.seq + 1;
    it->second.stream->send(EventItem{run, event});
  }
}

bool RunHub::wait(BootTime until) {
  std::unique_lock lock(mutex_);
  const auto left = until - clock_.boot();
  if (left.count() > 0) aborted_changed_.wait_for(lock, left, [this] { return aborted_; });
  return aborted_;
}

}  // namespace rollback
