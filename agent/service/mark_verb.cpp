// SPDX-License-Identifier: Apache-2.0
// pin, unpin, block, unblock: one entry in the history. They touch nothing of the host, so they are
// answered also while a run is at work.
#include <algorithm>

#include "agent/service/verbs.h"

namespace rollback {

namespace {

struct Mark {
  HistoryAction action;
  bool RevisionStatus::*flag;
  bool set;
  const char* done;  // "is ... already"
};

Mark mark_of(MarkChange change) {
  switch (change) {
    case MarkChange::kPin:
      return {HistoryAction::kPin, &RevisionStatus::pinned, true, "pinned already"};
    case MarkChange::kUnpin:
      return {HistoryAction::kUnpin, &RevisionStatus::pinned, false, "not pinned"};
    case MarkChange::kBlock:
      return {HistoryAction::kBlock, &RevisionStatus::blocked, true, "blocked already"};
    case MarkChange::kUnblock:
      break;
  }
  return {HistoryAction::kUnblock, &RevisionStatus::blocked, false, "not blocked"};
}

// Without "@n" the newest of the release; what is to be taken off, from the newest that has it.
Result<RevisionStatus> find_marked(const std::vector<RevisionStatus>& known,
                                   const std::string& text, const Mark& mark) {
  ROLLBACK_ASSIGN(const auto name, RevisionName::parse(text));
  const RevisionStatus* found = nullptr;
  for (auto it = known.rbegin(); it != known.rend(); ++it) {
    const auto& have = it->revision.name;
    if (have != name && (name.number() != 0 || have.label() != name.label())) continue;
    if (found == nullptr) found = &*it;
    if (mark.set || (*it).*mark.flag) return *it;
  }
  if (found != nullptr) return *found;
  return fail(ErrorCode::kNotFound,
              "no revision " + text + " on this host; 'rollbackctl history' lists what there is");
}

Status append(Host& host, const Mark& mark, const std::string& revision, const Asked& asked) {
  HistoryEntry entry;
  entry.time = host.deps.clock.wall();
  entry.action = mark.action;
  entry.actor = asked.actor;
  entry.reason = asked.reason;
  entry.to = revision;
  return host.deps.snapshots.append_mark(std::move(entry));
}

// What the history makes of it now.
Result<RevisionStatus> look_again(Host& host, const RevisionName& name) {
  ROLLBACK_ASSIGN(const auto known, host.deps.snapshots.statuses());
  for (const auto& it : known)
    if (it.revision.name == name) return it;
  return fail(ErrorCode::kNotFound, name.str() + " was removed meanwhile");
}

}  // namespace

void mark_verb(Host& host, const MarkRequest& request, const Asked& asked, Stream& stream) {
  const Mark mark = mark_of(request.change);
  const auto refuse = [&](const Error& error) {
    const bool usage = error.code == ErrorCode::kInvalid;
    stream.fail(usage ? ExitCode::kUsage : exit_code_of(error), error);
  };
  const auto known = host.deps.snapshots.statuses();
  if (!known) return refuse(known.error());
  auto found = find_marked(*known, request.revision, mark);
  if (!found) return refuse(found.error());
  const std::string name = found->revision.name.str();
  // What a rollback left is allowed again by going back to it; blocked by hand it is not.
  const bool by_rollback = found->status == ReleaseStatus::kRolledBack;
  const bool changes =
      (*found).*mark.flag != mark.set || (by_rollback && mark.action == HistoryAction::kBlock);
  if (changes) {
    if (const auto status = append(host, mark, name, asked); !status) return refuse(status.error());
    found = look_again(host, found->revision.name);
    if (!found) return refuse(found.error());
  } else {
    stream.note(EventLevel::kInfo, name + " is " + mark.done);
  }
  const bool current = found->status == ReleaseStatus::kDeployed;
  stream.send(RevisionItem{*found, current});
  if (current && found->blocked)
    stream.note(EventLevel::kWarning,
                "this host is on " + name + " and stays there until it is rolled back");
  stream.end(ExitCode::kDone, changes);
}

}  // namespace rollback
