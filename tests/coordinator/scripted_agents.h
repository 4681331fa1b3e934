// SPDX-License-Identifier: Apache-2.0
// A fleet that answers as agents do, one command at a time and only when the test says so. What a
// host did stays with it, whatever becomes of who asked.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/rollout/agents.h"
#include "protocol/permissions.h"

namespace rollback {

class ScriptedAgents final : public Agents {
 public:
  struct Host {
    std::string name;
    bool online = true;
    bool has_release = true;
    std::string refuses;                          // to prepare, with these words
    RunOutcome outcome = RunOutcome::kSucceeded;  // of its next commit
    int locked = 0;                               // so many answers are "locked"
    int conflicts = 0;                            // so many commits find another plan
    RunKind kind = RunKind::kRollback;            // of what is prepared
    std::optional<RunId> holds;                   // prepared for it
    std::map<RunId, RunRecord> runs;              // what it carried out
    std::vector<RunId> undone;
  };
  enum class Fate { kAnswered, kEndLost, kAnswerLost, kCommandLost };

  Host& host(const HostId& id) { return hosts_[id]; }
  // "web1 prepare", in the order in which they were asked.
  std::vector<std::string> asked;
  [[nodiscard]] bool has_work() const { return !waiting_.empty(); }

  // The oldest command is carried out and answered, or what `fate` says instead.
  void answer_next(Fate fate = Fate::kAnswered) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (fate == Fate::kCommandLost) return;
    auto replies = carry_out(next.question);
    if (fate == Fate::kAnswerLost) return;
    if (fate == Fate::kEndLost) {
      replies.pop_back();
      half_answered_[next.question.host].push_back(next.on_lost);
    }
    answering_ = next.id;
    for (const auto& body : replies)
      if (answering_ == next.id) next.on_reply(Reply{next.id, 1, "", body});
  }

  void lose(const HostId& id) {
    hosts_[id].online = false;
    std::vector<OnLost> lost = std::exchange(half_answered_[id], {});
    std::erase_if(waiting_, [&](Waiting& waiting) {
      if (waiting.question.host != id) return false;
      lost.push_back(waiting.on_lost);
      return true;
    });
    for (const auto& on_lost : lost) on_lost();
  }

  [[nodiscard]] bool is_online(const HostId& id) const override { return hosts_.at(id).online; }

  Result<CommandId> ask(Question question, OnReply on_reply, OnLost on_lost) override {
    if (!is_online(question.host)) return fail(ErrorCode::kNotFound, "offline");
    const std::string number = std::to_string(++commands_);
    const auto id = CommandId::from_bytes(std::string(16 - number.size(), 'c') + number);
    asked.push_back(hosts_[question.host].name + " " + std::string(name_of(question.body)));
    waiting_.push_back({*id, std::move(question), std::move(on_reply), std::move(on_lost)});
    return *id;
  }

  void drop(const CommandId& command) override {
    if (answering_ == command) answering_.reset();
    half_answered_.clear();
    std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.id == command; });
  }

 private:
  struct Waiting {
    CommandId id;
    Question question;
    OnReply on_reply;
    OnLost on_lost;
  };
  using Replies = std::vector<ReplyBody>;

  static Replies failed(ExitCode code, ErrorCode error, const std::string& why) {
    return {End{code, false, Error{error, why}}};
  }

  Replies carry_out(const Question& question) {
    Host& host = hosts_[question.host];
    if (host.locked > 0) {
      --host.locked;
      return failed(ExitCode::kLocked, ErrorCode::kBusy, "busy with a snapshot");
    }
    if (const auto* prepare = std::get_if<PrepareRequest>(&question.body))
      return prepared(host, *prepare);
    if (const auto* commit = std::get_if<CommitRequest>(&question.body))
      return committed(host, *commit);
    if (const auto* undo = std::get_if<UndoRequest>(&question.body)) return undone(host, *undo);
    if (std::holds_alternative<ForgetRequest>(question.body)) host.holds.reset();
    return {End{ExitCode::kDone, false, std::nullopt}};
  }

  static Digest plan_of(const Host& host) { return sha256(host.name); }

  static Replies prepared(Host& host, const PrepareRequest& request) {
    if (!host.has_release)
      return failed(ExitCode::kRefused, ErrorCode::kNotFound, "no revision " + request.to);
    if (!host.refuses.empty())
      return failed(ExitCode::kRefused, ErrorCode::kConflict, host.refuses);
    if (host.holds && *host.holds != request.run)
      return failed(ExitCode::kLocked, ErrorCode::kBusy, "held by " + host.holds->str());
    host.holds = request.run;
    host.kind = request.to.starts_with("run:") ? RunKind::kUndo : RunKind::kRollback;
    return {Prepared{request.run, plan_of(host), true, {}, 3},
            End{ExitCode::kDone, true, std::nullopt}};
  }

  static Replies committed(Host& host, const CommitRequest& request) {
    const auto known = host.runs.find(request.run);
    if (known != host.runs.end()) return told(known->second);
    if (host.conflicts > 0) {
      --host.conflicts;
      host.holds.reset();
      return failed(ExitCode::kRefused, ErrorCode::kConflict, "the host was changed meanwhile");
    }
    if (host.holds != request.run || request.plan_digest != plan_of(host))
      return failed(ExitCode::kRefused, ErrorCode::kNotFound, "nothing is prepared");
    host.holds.reset();
    RunRecord record;
    record.id = request.run;
    record.kind = host.kind;
    record.outcome = host.outcome;
    record.changed = true;
    record.exit_code = host.outcome == RunOutcome::kSucceeded  ? 0
                       : host.outcome == RunOutcome::kRestored ? 4
                                                               : 5;
    if (record.exit_code != 0) record.findings = {"HTTP 502, expected 200"};
    host.runs[request.run] = record;
    return told(record);
  }

  static Replies told(const RunRecord& record) {
    RunEvent event;
    event.seq = 1;
    event.phase = RunPhase::kCommitting;
    event.text = "files are in place";
    return {EventItem{record.id, event}, record,
            End{static_cast<ExitCode>(record.exit_code), true, std::nullopt}};
  }

  static Replies undone(Host& host, const UndoRequest& request) {
    const auto run = RunId::parse(request.run);
    host.undone.push_back(*run);
    RunRecord record;
    record.id = *RunId::from_bytes("undone");
    record.kind = RunKind::kUndo;
    record.outcome = RunOutcome::kSucceeded;
    return {record, End{ExitCode::kDone, true, std::nullopt}};
  }

  std::map<HostId, Host> hosts_;
  std::deque<Waiting> waiting_;
  std::map<HostId, std::vector<OnLost>> half_answered_;
  std::optional<CommandId> answering_;
  std::uint64_t commands_ = 0;
};

}  // namespace rollback
