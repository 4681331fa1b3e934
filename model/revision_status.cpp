// SPDX-License-Identifier: Apache-2.0
// Statuses by replaying the history from its first entry. Nothing is stored about them, so they
// cannot disagree with it.
#include <algorithm>

#include "model/revision.h"

namespace rollback {

namespace {

class Replay {
 public:
  explicit Replay(const std::vector<Revision>& revisions) {
    for (const auto& revision : revisions) known_.push_back({revision, unused(revision), false});
    std::stable_sort(known_.begin(), known_.end(), [](const auto& a, const auto& b) {
      return a.revision.recorded < b.revision.recorded;
    });
  }

  void apply(const HistoryEntry& entry) {
    if (entry.action == HistoryAction::kSnapshot) {
      if (entry.outcome == RunOutcome::kSucceeded) recorded(entry);
    } else if (entry.outcome == RunOutcome::kSucceeded) {
      moved(entry);
    } else if (entry.outcome == RunOutcome::kInconsistent) {
      stuck(entry);
    }
  }

  std::vector<RevisionStatus> take() && { return std::move(known_); }

 private:
  static ReleaseStatus unused(const Revision& revision) {
    return revision.healthy ? ReleaseStatus::kAvailable : ReleaseStatus::kFailed;
  }

  RevisionStatus* find(const std::string& name) {
    for (auto& it : known_)
      if (it.revision.name.str() == name) return &it;
    return nullptr;
  }

  // Where a host is that went back to the origin of a run: on the release with the same content,
  // if one was recorded; the run's own revision otherwise.
  RevisionStatus* find_place(const std::string& name) {
    auto* const found = find(name);
    if (found == nullptr || !found->revision.name.is_run()) return found;
    for (auto it = known_.rbegin(); it != known_.rend(); ++it)
      if (!it->revision.name.is_run() && it->revision.content_root == found->revision.content_root)
        return &*it;
    return found;
  }

  void recorded(const HistoryEntry& entry) {
    auto* const place = find(entry.to);
    leave_deployed(place);
    if (place == nullptr) return;  // pruned since
    if (!place->revision.healthy) {
      *place = {place->revision, ReleaseStatus::kFailed, false};
      return;  // a red revision supersedes nothing: the older one stays the newest good one
    }
    for (auto& it : known_)
      if (it.status == ReleaseStatus::kAvailable && is_newer(*place, it))
        it.status = ReleaseStatus::kSuperseded;
    *place = {place->revision, ReleaseStatus::kDeployed, false};
  }

  void moved(const HistoryEntry& entry) {
    auto* const from = find_place(entry.from);
    auto* const to = find_place(entry.to);
    leave_deployed(to);
    // What a rollback left is bad until somebody says otherwise. Undoing a run says nothing about
    // the release it leaves, and an unrecorded origin has nothing to block.
    const bool undo = entry.action == HistoryAction::kUndo || entry.to.starts_with("run:");
    if (!undo && from != nullptr && from != to && !from->revision.name.is_run())
      *from = {from->revision, ReleaseStatus::kRolledBack, true};
    if (to != nullptr) *to = {to->revision, ReleaseStatus::kDeployed, false};
  }

  // The host is on neither end. The target stays a target: repeating the run is a way out.
  void stuck(const HistoryEntry& entry) {
    leave_deployed(nullptr);
    auto* const to = find_place(entry.to);
    if (to != nullptr && !to->blocked) to->status = ReleaseStatus::kInconsistent;
  }

  void leave_deployed(const RevisionStatus* next) {
    for (auto& it : known_) {
      if (it.status == ReleaseStatus::kInconsistent) it.status = unused(it.revision);
      if (it.status != ReleaseStatus::kDeployed || &it == next) continue;
      const bool replaced = next != nullptr && next->revision.healthy && is_newer(*next, it);
      it.status = replaced ? ReleaseStatus::kSuperseded : unused(it.revision);
    }
  }

  static bool is_newer(const RevisionStatus& a, const RevisionStatus& b) {
    return a.revision.name.label() == b.revision.name.label() &&
           a.revision.name.number() > b.revision.name.number();
  }

  std::vector<RevisionStatus> known_;
};

}  // namespace

std::vector<RevisionStatus> revision_statuses(const std::vector<Revision>& revisions,
                                              const std::vector<HistoryEntry>& history) {
  Replay replay(revisions);
  for (const auto& entry : history) replay.apply(entry);
  return std::move(replay).take();
}

}  // namespace rollback
