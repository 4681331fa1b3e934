// SPDX-License-Identifier: Apache-2.0
#include "model/revision.h"

#include <algorithm>
#include <charconv>

namespace rollback {

namespace {

constexpr std::string_view kRunPrefix = "run:";
constexpr std::uint32_t kNewest = 0;  // "v2.4.1": whichever is the newest good one

Result<std::uint32_t> parse_number(std::string_view text, std::string_view digits) {
  std::uint32_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || rest != end || number == 0 || digits.front() == '0')
    return fail(ErrorCode::kInvalid, "'" + std::string(text) +
                                         "' is no revision such as v2.4.1@2: '" +
                                         std::string(digits) + "' is no number from 1");
  return number;
}

// The newest ten, for an operator who mistyped one.
std::string list_releases(const std::vector<RevisionStatus>& known) {
  constexpr int kShown = 10;
  std::string names;
  int shown = 0;
  for (auto it = known.rbegin(); it != known.rend(); ++it) {
    if (it->revision.name.is_run()) continue;
    if (++shown > kShown) return names + ", and older ones";
    names += (shown == 1 ? "" : ", ") + it->revision.name.str() + " (" +
             std::string(to_string(it->status)) + ")";
  }
  return names;
}

}  // namespace

Failure revision_not_found(const std::string& what, const std::vector<RevisionStatus>& known) {
  const std::string names = list_releases(known);
  if (names.empty())
    return fail(ErrorCode::kNotFound,
                what +
                    ": no release was recorded here yet; record one with 'rollbackctl snapshot "
                    "RELEASE'");
  return fail(ErrorCode::kNotFound, what + "; there are " + names);
}

namespace {

Failure refuse(const RevisionStatus& revision) {
  const std::string name = revision.revision.name.str();
  if (revision.status == ReleaseStatus::kRolledBack)
    return fail(ErrorCode::kConflict, name + " is blocked because a rollback left it (" +
                                          revision.blocked_why +
                                          "): choose another release, take that rollback back with "
                                          "'rollbackctl undo', or allow it again with "
                                          "'rollbackctl unblock " +
                                          name + "'");
  if (revision.blocked)
    return fail(ErrorCode::kConflict,
                name + " is blocked (" + revision.blocked_why +
                    "): choose another release, or allow it again with 'rollbackctl unblock " +
                    name + "'");
  if (revision.status == ReleaseStatus::kFailed)
    return fail(ErrorCode::kConflict,
                name + " was recorded while its health was red; choose another release");
  return fail(ErrorCode::kConflict, name + " is " + std::string(to_string(revision.status)));
}

}  // namespace

RevisionName RevisionName::of_release(const ReleaseLabel& label, std::uint32_t number) {
  return {label.str(), number};
}

RevisionName RevisionName::of_run(const RunId& run) {
  return {std::string(kRunPrefix) + run.str(), 1};
}

Result<RevisionName> RevisionName::parse(std::string_view text) {
  if (text.starts_with(kRunPrefix)) {
    ROLLBACK_ASSIGN(const auto run, RunId::parse(text.substr(kRunPrefix.size())));
    return of_run(run);
  }
  const auto at = text.find('@');
  ROLLBACK_ASSIGN(const auto label, ReleaseLabel::parse(text.substr(0, at)));
  if (at == std::string_view::npos) return of_release(label, kNewest);
  const auto digits = text.substr(at + 1);
  if (digits.empty())
    return fail(ErrorCode::kInvalid,
                "'" + std::string(text) + "' ends in '@' without a revision's number");
  ROLLBACK_ASSIGN(const auto number, parse_number(text, digits));
  return of_release(label, number);
}

std::string RevisionName::str() const {
  return number_ > 1 ? label_ + "@" + std::to_string(number_) : label_;
}

std::string_view to_string(HistoryAction action) noexcept {
  switch (action) {
    case HistoryAction::kSnapshot:
      return "snapshot";
    case HistoryAction::kRollback:
      return "rollback";
    case HistoryAction::kUndo:
      return "undo";
    case HistoryAction::kPin:
      return "pin";
    case HistoryAction::kUnpin:
      return "unpin";
    case HistoryAction::kBlock:
      return "block";
    case HistoryAction::kUnblock:
      return "unblock";
    case HistoryAction::kImport:
      return "import";
    case HistoryAction::kPrune:
      return "prune";
    case HistoryAction::kDeploy:
      return "deploy";
  }
  return "unknown";
}

std::string_view to_string(RunOutcome outcome) noexcept {
  switch (outcome) {
    case RunOutcome::kRunning:
      return "running";
    case RunOutcome::kSucceeded:
      return "succeeded";
    case RunOutcome::kRefused:
      return "refused";
    case RunOutcome::kRestored:
      return "restored";
    case RunOutcome::kInconsistent:
      return "inconsistent";
    case RunOutcome::kForgotten:
      return "forgotten";
    case RunOutcome::kFailed:
      return "failed";
  }
  return "unknown";
}

std::string_view to_string(ReleaseStatus status) noexcept {
  switch (status) {
    case ReleaseStatus::kDeployed:
      return "deployed";
    case ReleaseStatus::kSuperseded:
      return "superseded";
    case ReleaseStatus::kAvailable:
      return "available";
    case ReleaseStatus::kFailed:
      return "failed";
    case ReleaseStatus::kRolledBack:
      return "rolled-back";
    case ReleaseStatus::kInconsistent:
      return "inconsistent";
  }
  return "unknown";
}

bool is_good(const RevisionStatus& revision) noexcept {
  return !revision.blocked && (revision.status == ReleaseStatus::kDeployed ||
                               revision.status == ReleaseStatus::kAvailable ||
                               revision.status == ReleaseStatus::kInconsistent);
}

Status check_git_ref(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (text.size() <= kLongest && visible && !text.starts_with('-')) return {};
  return fail(ErrorCode::kInvalid,
              "the git reference is none: give a commit, tag or branch of at most 200 visible "
              "characters that does not begin with '-'");
}

Result<Revision> resolve_target(const RevisionName& name,
                                const std::vector<RevisionStatus>& known) {
  const bool newest_good = !name.is_run() && name.number() == kNewest;
  const RevisionStatus* refused = nullptr;  // the newest of this name that is no target
  for (auto it = known.rbegin(); it != known.rend(); ++it) {
    const auto& candidate = it->revision.name;
    if (candidate.label() != name.label()) continue;
    if (!newest_good && candidate.number() != name.number()) continue;
    const bool only_by_number =
        it->status == ReleaseStatus::kSuperseded && !it->blocked && !newest_good;
    if (is_good(*it) || only_by_number) return it->revision;
    if (refused == nullptr) refused = &*it;
  }
  if (refused != nullptr) return refuse(*refused);
  return revision_not_found("there is no revision " + name.str() + " on this host", known);
}

Result<Revision> previous_target(const std::vector<RevisionStatus>& known) {
  const auto deployed = std::find_if(known.begin(), known.end(), [](const RevisionStatus& it) {
    return it.status == ReleaseStatus::kDeployed;
  });
  for (auto it = known.rbegin(); it != known.rend(); ++it) {
    const auto& name = it->revision.name;
    if (name.is_run() || it->blocked || it->status != ReleaseStatus::kAvailable) continue;
    if (deployed != known.end() && name.label() == deployed->revision.name.label()) continue;
    return it->revision;
  }
  return revision_not_found("there is no good release before the deployed one on this host", known);
}

}  // namespace rollback
