// SPDX-License-Identifier: Apache-2.0
// Statuses by replaying the history from its first entry. Nothing is stored about them, so they
// cannot disagree with it.
#include <algorithm>

#include "model/revision.h"

namespace rollback {

namespace {

struct Known : RevisionStatus {
  bool by_hand = false;  // blocked by an operator: no rollback and no snapshot ends that
};

class Replay {
 public:
  explicit Replay(const std::vector<Revision>& revisions) {
    for (const auto& revision : revisions) known_.push_back({{revision, unused(revision)}});
    std::stable_sort(known_.begin(), known_.end(), [](const auto& a, const auto& b) {
      return a.revision.recorded < b.revision.recorded;
    });
  }

  void apply(const HistoryEntry& entry) {
    switch (entry.action) {
      case HistoryAction::kSnapshot:
        if (entry.outcome == RunOutcome::kSucceeded) recorded(entry);
        return;
      case HistoryAction::kDeploy:  // one that is taken back leaves the host where it was
        if (entry.outcome == RunOutcome::kSucceeded || entry.outcome == RunOutcome::kFailed)
          recorded(entry);
        return;
      case HistoryAction::kRollback:
      case HistoryAction::kUndo:
        if (entry.outcome == RunOutcome::kSucceeded) moved(entry);
        if (entry.outcome == RunOutcome::kInconsistent) stuck(entry);
        return;
      case HistoryAction::kPin:
      case HistoryAction::kUnpin:
        if (auto* const it = find(entry.to)) it->pinned = entry.action == HistoryAction::kPin;
        return;
      case HistoryAction::kBlock:
      case HistoryAction::kUnblock:
        if (auto* const it = find(entry.to)) mark_blocked(*it, entry);
        return;
      case HistoryAction::kImport:
        return imported(entry);
      case HistoryAction::kPrune:
        return;  // what it removed is not among the revisions, and no number is given out twice
    }
  }

  std::vector<RevisionStatus> take() && { return {known_.begin(), known_.end()}; }

 private:
  static ReleaseStatus unused(const Revision& revision) {
    return revision.healthy ? ReleaseStatus::kAvailable : ReleaseStatus::kFailed;
  }

  static std::string said_by(const HistoryEntry& entry) {
    return entry.reason.empty() ? entry.actor : entry.actor + ": " + entry.reason;
  }

  static void become(Known& it, ReleaseStatus status) {
    it.status = status;
    it.blocked = it.by_hand || status == ReleaseStatus::kRolledBack;
    if (!it.blocked) it.blocked_why.clear();
  }

  void mark_blocked(Known& it, const HistoryEntry& entry) {
    it.by_hand = entry.action == HistoryAction::kBlock;
    if (it.by_hand) {
      it.blocked_why = said_by(entry);
      return become(it, it.status);
    }
    if (it.status != ReleaseStatus::kRolledBack) return become(it, it.status);
    const bool replaced = std::any_of(known_.begin(), known_.end(), [&](const Known& other) {
      return other.revision.healthy && is_newer(other, it);
    });
    become(it, replaced ? ReleaseStatus::kSuperseded : unused(it.revision));
  }

  Known* find(const std::string& name) {
    for (auto& it : known_)
      if (it.revision.name.str() == name) return &it;
    return nullptr;
  }

  // Where a host is that went back to the origin of a run: on the release with the same content,
  // if one was recorded; the run's own revision otherwise.
  Known* find_place(const std::string& name) {
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
      become(*place, ReleaseStatus::kFailed);
      return;  // a red revision supersedes nothing: the older one stays the newest good one
    }
    supersede_by(*place);
    become(*place, ReleaseStatus::kDeployed);
  }

  // Where the host is does not change, nor what is known of a revision that was here already.
  void imported(const HistoryEntry& entry) {
    const auto* const place = find_place(entry.to);
    if (place != nullptr && place->revision.healthy) supersede_by(*place);
  }

  void supersede_by(const Known& newer) {
    for (auto& it : known_)
      if (it.status == ReleaseStatus::kAvailable && is_newer(newer, it))
        it.status = ReleaseStatus::kSuperseded;
  }

  void moved(const HistoryEntry& entry) {
    auto* const from = find_place(entry.from);
    auto* const to = find_place(entry.to);
    leave_deployed(to);
    // What a rollback left is bad until somebody says otherwise. Undoing a run says nothing about
    // the release it leaves, and an unrecorded origin has nothing to block.
    const bool undo = entry.action == HistoryAction::kUndo || entry.to.starts_with("run:");
    if (!undo && from != nullptr && from != to && !from->revision.name.is_run()) {
      if (!from->by_hand) from->blocked_why = said_by(entry);
      become(*from, ReleaseStatus::kRolledBack);
    }
    if (to != nullptr) become(*to, ReleaseStatus::kDeployed);
  }

  // The host is on neither end. The target stays a target: repeating the run is a way out.
  void stuck(const HistoryEntry& entry) {
    leave_deployed(nullptr);
    auto* const to = find_place(entry.to);
    if (to != nullptr && !to->blocked) to->status = ReleaseStatus::kInconsistent;
  }

  void leave_deployed(const Known* next) {
    for (auto& it : known_) {
      if (it.status == ReleaseStatus::kInconsistent) it.status = unused(it.revision);
      if (it.status != ReleaseStatus::kDeployed || &it == next) continue;
      const bool replaced = next != nullptr && next->revision.healthy && is_newer(*next, it);
      it.status = replaced ? ReleaseStatus::kSuperseded : unused(it.revision);
    }
  }

  static bool is_newer(const Known& a, const Known& b) {
    return a.revision.name.label() == b.revision.name.label() &&
           a.revision.name.number() > b.revision.name.number();
  }

  std::vector<Known> known_;
};

}  // namespace

std::vector<RevisionStatus> revision_statuses(const std::vector<Revision>& revisions,
                                              const std::vector<HistoryEntry>& history) {
  Replay replay(revisions);
  for (const auto& entry : history) replay.apply(entry);
  return std::move(replay).take();
}

}  // namespace rollback
