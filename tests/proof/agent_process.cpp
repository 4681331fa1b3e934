// SPDX-License-Identifier: Apache-2.0
#include "tests/proof/agent_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "agent/apply/recovery.h"

namespace rollback {

namespace {

constexpr std::string_view kOptions = R"(
resources:
  - kind: nginx
  - kind: systemd
    units: [shop.service]
  - kind: binary
    name: shop
    paths: [/opt/shop]
health:
  - http: http://127.0.0.1/healthz
gate:
  successes: 1
  interval: 1s
  window: 5s
  soak: 1s
)";

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T>
T valid(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

}  // namespace

AgentProcess::AgentProcess(const HostPlace& place, Syscalls& calls, FaultySyscalls* counted,
                           Gate gate)
    : place_(place),
      root_(valid(Directory::open_root(calls, place.root))),
      state_(valid(root_.open_directory("var/lib/rollback-agent"))),
      database_(valid(Database::open(place.store))),
      blobs_(*database_),
      snapshots_(*database_, blobs_),
      runs_(*database_),
      services_(place.units, place.root, counted),
      options_(valid(AgentOptions::parse(kOptions, "agent.yaml"))) {
  resources_ = make_resources(options_.resources, {root_, services_, programs_});
  prober_.green = [place, gate] {
    return gate == Gate::kGreen || read(place.root / "opt/shop/bin/shop") == "program 2";
  };
  engine_ = std::make_unique<RollbackEngine>(
      RunDeps{root_, state_, options_, resources_, snapshots_, blobs_, runs_, readers_, services_,
              programs_, prober_, clock_, random_},
      Live{LiveFiles(root_), services_, programs_});
}

void AgentProcess::record(const std::string& release) {
  StoringSink sink(blobs_, snapshots_, clock_.wall());
  const auto state = valid(capture(root_, resources_, sink, readers_, {}));
  HistoryEntry entry;
  entry.action = HistoryAction::kSnapshot;
  const auto name = RevisionName::of_release(ReleaseLabel::parse(release).value(), 1);
  (void)valid(snapshots_.record(state, name, true, clock_.wall(), entry));
}

RunId AgentProcess::run() { return RunId::parse("0123456789ab").value(); }

Result<RunRecord> AgentProcess::roll_back() {
  PrepareOrder order;
  order.run = run();
  order.to = "v1.0.0";
  order.actor = "root (uid 0)";
  ROLLBACK_ASSIGN(const auto prepared, engine_->prepare(order, watcher_));
  return engine_->commit(order.run, prepared.plan_digest, watcher_);
}

Result<std::optional<RunRecord>> AgentProcess::finish() {
  ROLLBACK_TRY(recover_files(LiveFiles(root_), state_));  // as rollback-recover does before
  return engine_->finish_interrupted(watcher_);
}

std::string AgentProcess::verdict(const EngineHost& host, std::optional<Told> told) {
  const auto found = runs_.find(run().str());
  if (!found && found.error().code != ErrorCode::kNotFound) return found.error().message;
  if (const auto holder = engine_->holder()) return "run " + holder->str() + " holds the host";
  if (auto wrong = services_.unlike_files(); !wrong.empty()) return wrong;
  if (!found) {  // it ended before it was known
    if (auto wrong = leavings({}); !wrong.empty()) return wrong;
    const auto difference = first_difference(EngineHost::look(place_), host.origin());
    return difference.empty() ? history_of(RunOutcome::kRefused) : "unknown run: " + difference;
  }
  const auto outcome = found->outcome;
  if (told == Told::kDone && outcome != RunOutcome::kSucceeded)
    return fmt::format("it had told success, and is {}", to_string(outcome));
  if (told == Told::kUndone && outcome != RunOutcome::kRestored)
    return fmt::format("it had told an undo, and is {}: {}", to_string(outcome),
                       fmt::join(found->findings, "; "));
  if (auto wrong = verdict_of_record(*found, host); !wrong.empty())
    return fmt::format("{}: {}", to_string(outcome), wrong);
  return leavings(found->findings);
}

std::string AgentProcess::verdict_of_record(const RunRecord& record, const EngineHost& host) {
  const auto live = EngineHost::look(place_);
  switch (record.outcome) {
    case RunOutcome::kSucceeded:
      if (auto wrong = first_difference(live, host.target()); !wrong.empty()) return wrong;
      return history_of(record.outcome);
    case RunOutcome::kRestored:
    case RunOutcome::kRefused:
    case RunOutcome::kForgotten:
      if (auto wrong = first_difference(live, host.origin()); !wrong.empty()) return wrong;
      return history_of(record.outcome);
    default:
      return "not decided: " + fmt::format("{}", fmt::join(record.findings, "; "));
  }
}

// A run that changed something has one entry, any other none.
std::string AgentProcess::history_of(RunOutcome outcome) {
  const auto history = snapshots_.history();
  if (!history) return history.error().message;
  std::vector<RunOutcome> entries;
  for (const auto& entry : *history)
    if (entry.run == run().str()) entries.push_back(entry.outcome);
  const bool changed = outcome == RunOutcome::kSucceeded || outcome == RunOutcome::kRestored;
  if (entries.size() != (changed ? 1U : 0U))
    return fmt::format("{} entries of it in the history", entries.size());
  if (changed && entries.front() != outcome) return "the history says something else";
  return "";
}

// A stage that is kept is named by a finding.
std::string AgentProcess::leavings(const std::vector<std::string>& findings) {
  if (std::filesystem::exists(place_.root / "var/lib/rollback-agent/journal"))
    return "the journal is left";
  const auto home = place_.root / ".rollback";
  if (!std::filesystem::exists(home)) return "";
  for (const auto& entry : std::filesystem::directory_iterator(home)) {
    const auto name = entry.path().filename().string();
    const bool named = std::any_of(findings.begin(), findings.end(), [&](const auto& line) {
      return line.find(name) != std::string::npos;
    });
    if (!name.starts_with("kept-") || !named) return "a stage is left: " + name;
  }
  return "";
}

Told told_by(const Result<RunRecord>& record) {
  if (!record) return Told::kFailed;
  switch (record->outcome) {
    case RunOutcome::kSucceeded:
      return Told::kDone;
    case RunOutcome::kRestored:
      return Told::kUndone;
    case RunOutcome::kInconsistent:
      return Told::kInconsistent;
    default:
      return Told::kFailed;
  }
}

}  // namespace rollback
