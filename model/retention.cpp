// SPDX-License-Identifier: Apache-2.0
#include "model/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace rollback {

namespace {

// What is counted by itself.
enum class Kind { kGood, kOrigin, kNoTarget };

Kind kind_of(const RevisionStatus& it) {
  if (it.revision.name.is_run()) return Kind::kOrigin;
  return is_good(it) ? Kind::kGood : Kind::kNoTarget;
}

std::string age_text(Duration age) {
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(age).count();
  if (hours >= 48) return fmt::format("{} days", hours / 24);
  return hours >= 2 ? fmt::format("{} hours", hours) : format_duration(age);
}

class Judge {
 public:
  Judge(const std::vector<RevisionStatus>& known, const std::vector<HistoryEntry>& history,
        const std::set<std::string>& held, const RetentionRules& rules, WallTime now)
      : known_(known), held_(held), rules_(rules), now_(now) {
    for (const auto& it : known) used_[it.revision.name.str()] = it.revision.recorded;
    for (const auto& entry : history) note_use(entry);
    if (const auto previous = previous_target(known)) previous_ = previous->name.str();
  }

  std::vector<RetentionDecision> run() {
    std::vector<RetentionDecision> stay;
    std::vector<RetentionDecision> rest;
    for (const auto* it : newest_first()) {
      const Kind kind = kind_of(*it);
      const bool among_newest = counted_[kind]++ < rules_.keep;
      std::string why = protection(*it);
      if (why.empty() && among_newest)
        why = fmt::format("among the {} newest {}", rules_.keep, plural(kind));
      if (!why.empty())
        stay.push_back({it->revision, false, false, std::move(why), 0});
      else
        rest.push_back(judge_spare(*it, kind));
    }
    stay.insert(stay.end(), std::make_move_iterator(rest.begin()),
                std::make_move_iterator(rest.end()));
    return stay;
  }

 private:
  // Runs move a host only when they succeed; marks move it never. What was imported just now was
  // meant to be used.
  void note_use(const HistoryEntry& entry) {
    const bool run =
        entry.action == HistoryAction::kRollback || entry.action == HistoryAction::kUndo;
    if (entry.outcome != RunOutcome::kSucceeded) return;
    if (run) last_origin_ = "run:" + entry.run;
    if (!run && entry.action != HistoryAction::kSnapshot &&
        entry.action != HistoryAction::kDeploy && entry.action != HistoryAction::kImport)
      return;
    for (const auto& name : {entry.from, entry.to})
      if (const auto found = used_.find(name); found != used_.end())
        found->second = std::max(found->second, entry.time);
  }

  [[nodiscard]] WallTime used(const RevisionStatus& it) const {
    return used_.at(it.revision.name.str());
  }

  [[nodiscard]] std::vector<const RevisionStatus*> newest_first() const {
    std::vector<const RevisionStatus*> order;
    for (auto it = known_.rbegin(); it != known_.rend(); ++it) order.push_back(&*it);
    std::stable_sort(order.begin(), order.end(),
                     [&](const auto* a, const auto* b) { return used(*a) > used(*b); });
    return order;
  }

  [[nodiscard]] std::string protection(const RevisionStatus& it) const {
    const std::string name = it.revision.name.str();
    if (it.status == ReleaseStatus::kDeployed) return "deployed";
    if (it.status == ReleaseStatus::kInconsistent) return "a run to it left the host inconsistent";
    if (name == previous_) return "the previous good release";
    if (it.pinned) return "pinned";
    if (held_.contains(name)) return "a run holds it";
    if (name == last_origin_) return "undo of the last run leads to it";
    return "";
  }

  static std::string_view plural(Kind kind) {
    switch (kind) {
      case Kind::kGood:
        return "good releases";
      case Kind::kOrigin:
        return "origins of runs";
      case Kind::kNoTarget:
        return "that are no targets";
    }
    return "";
  }

  [[nodiscard]] std::string what(const RevisionStatus& it, Kind kind) const {
    if (kind == Kind::kOrigin) return "an origin of a run";
    if (kind == Kind::kGood) return "a good release";
    return it.blocked && it.status != ReleaseStatus::kRolledBack
               ? "blocked"
               : std::string(to_string(it.status));
  }

  [[nodiscard]] RetentionDecision judge_spare(const RevisionStatus& it, Kind kind) const {
    RetentionDecision decision{it.revision, false, true, {}, 0};
    std::string beyond = what(it, kind);
    if (rules_.keep > 0) beyond += fmt::format(", beyond the {} newest", rules_.keep);
    const std::string age = age_text(rules_.older_than);
    const bool by_age = rules_.older_than != Duration::zero();
    const bool old = by_age && now_ - used(it) > rules_.older_than;
    if (old) {
      decision.removed = true;
      decision.why = fmt::format("{}, not used for {}", beyond, age);
    } else if (!by_age && rules_.max_size == 0) {
      decision.removed = true;
      decision.why = beyond;
    } else {
      decision.why =
          rules_.max_size != 0 ? "there is room for it" : fmt::format("used in the last {}", age);
    }
    return decision;
  }

  const std::vector<RevisionStatus>& known_;
  const std::set<std::string>& held_;
  const RetentionRules& rules_;
  const WallTime now_;
  std::map<std::string, WallTime> used_;  // when the host was last on it
  std::string previous_;
  std::string last_origin_;
  std::map<Kind, std::uint32_t> counted_;
};

}  // namespace

std::vector<RetentionDecision> decide_retention(const std::vector<RevisionStatus>& known,
                                                const std::vector<HistoryEntry>& history,
                                                const std::set<std::string>& held,
                                                const RetentionRules& rules, WallTime now) {
  return Judge(known, history, held, rules, now).run();
}

bool make_room(std::vector<RetentionDecision>& decisions, std::uint64_t max_size) {
  std::uint64_t left = 0;
  for (const auto& it : decisions)
    if (!it.removed) left += it.bytes;
  for (auto it = decisions.rbegin(); it != decisions.rend() && left > max_size; ++it) {
    if (it->removed || !it->spare) continue;
    it->removed = true;
    it->why = "last used before the others; the store is to have room";
    left -= it->bytes;
  }
  return left <= max_size;
}

std::string how_long(const RetentionDecision& decision, const RetentionRules& rules) {
  if (!decision.removed) return decision.why;
  return rules.any() ? "until the next snapshot or prune" : "until it is pruned";
}

std::string origins_stay(const RetentionRules& rules) {
  std::string text;
  const auto add = [&](const std::string& reason) {
    text += (text.empty() ? "while " : ", or ") + reason;
  };
  if (rules.keep > 0) add(fmt::format("it is among the {} newest", rules.keep));
  if (rules.older_than != Duration::zero())
    add("it was used in the last " + age_text(rules.older_than));
  if (rules.max_size != 0) add("the store has room for it");
  return text.empty() ? "until `prune` removes it" : text;
}

}  // namespace rollback
