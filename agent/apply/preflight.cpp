// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/preflight.h"

#include <fmt/format.h>
#include <linux/fs.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "agent/apply/ballast.h"
#include "agent/apply/first_few.h"
#include "agent/plan/planner.h"

namespace rollback {

namespace {

constexpr std::uint64_t kSpareInodes = 64;

Status check_no_mount(const Directory& root, const PlanStep& step, const Directory& directory) {
  ROLLBACK_ASSIGN(const Directory above, live_directory(root, parent_of(step.subject)));
  ROLLBACK_ASSIGN(const FileStat outside, above.stat(""));
  ROLLBACK_ASSIGN(const FileStat inside, directory.stat(""));
  if (inside.mount_id == outside.mount_id) return {};
  return fail(ErrorCode::kConflict, fmt::format("{} must go ({}), but something is mounted there; "
                                                "unmount it",
                                                step.subject, step.why));
}

Status check_emptied(const PreflightInput& input) {
  std::set<std::string> going;
  for (const auto& step : input.plan.steps)
    if (step.action == StepAction::kRemove || step.action == StepAction::kRemoveDirectory)
      going.insert(step.subject);
  for (const auto& step : input.plan.steps) {
    if (step.action != StepAction::kRemoveDirectory) continue;
    ROLLBACK_ASSIGN(const Directory directory, live_directory(input.root, step.subject));
    ROLLBACK_TRY(check_no_mount(input.root, step, directory));
    ROLLBACK_ASSIGN(const auto names, directory.list(""));
    for (const auto& name : names) {
      const auto path = step.subject + "/" + name;
      if (!going.contains(path))
        return fail(ErrorCode::kConflict,
                    fmt::format("{} must go ({}), but {} in it is not managed; move it away",
                                step.subject, step.why, path));
    }
  }
  return {};
}

// The file systems whose files other machines change, too.
// Source of the numbers: linux/magic.h and the file systems' own headers.
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 10> kRemote = {{
    {0x6969, "NFS"},
    {0x517b, "SMB"},
    {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB2"},
    {0x01021997, "9P"},
    {0x00c36400, "Ceph"},
    {0x5346414f, "AFS"},
    {0x6b414653, "AFS"},
    {0x73757245, "Coda"},
    {0x0bd00bd0, "Lustre"},
}};
constexpr std::uint32_t kFuse = 0x65735546;

Result<std::uint32_t> file_system_of(const Directory& directory) {
  ROLLBACK_ASSIGN(const auto found, directory.file_system());
  return static_cast<std::uint32_t>(found.f_type);
}

Status check_local(const Directory& directory, const std::string& mount) {
  ROLLBACK_ASSIGN(const auto type, file_system_of(directory));
  for (const auto& [number, name] : kRemote)
    if (type == number)
      return fail(ErrorCode::kUnsupported,
                  fmt::format("{} is on {}, whose files other machines change, too; manage it on "
                              "the machine that stores it",
                              mount, name));
  return {};
}

// A file or link with a mount of its own keeps its place whatever is renamed to it.
Status check_place(const Directory& parent, const std::string& path, const FileStat& stat) {
  if (stat.type == FileType::kDirectory) return {};
  ROLLBACK_ASSIGN(const FileStat above, parent.stat(""));
  if (stat.mount_id == above.mount_id) return {};
  return fail(ErrorCode::kConflict,
              fmt::format("{0} has to change, but something is mounted over it; `umount {0}`, or "
                          "leave it out with exclude",
                          path));
}

// Nothing that cannot be opened has flags: absent paths, links, sockets.
Status check_flags(LiveParents& parents, const std::string& path) {
  ROLLBACK_ASSIGN(const auto stat, parents.find(path));
  if (!stat) return {};
  ROLLBACK_ASSIGN(const Directory* parent, parents.of(path));
  ROLLBACK_TRY(check_place(*parent, path, *stat));
  const auto name = name_in_parent(path);
  long flags = 0;
  int result = 0;
  if (stat->type == FileType::kDirectory) {
    ROLLBACK_ASSIGN(const Directory directory, parent->open_directory(name, Crossing::kAllow));
    result = parent->calls().ioctl_flags(directory.fd(), flags);
  } else if (stat->type == FileType::kRegular) {
    ROLLBACK_ASSIGN(const File file, parent->open_file(name));
    result = parent->calls().ioctl_flags(file.fd(), flags);
  }
  if (result < 0) return {};  // a file system without flags
  const bool immutable = (flags & FS_IMMUTABLE_FL) != 0;
  if (!immutable && (flags & FS_APPEND_FL) == 0) return {};
  return fail(ErrorCode::kDenied,
              fmt::format("{} is {} and could not be changed; `chattr -{} {}`", path,
                          immutable ? "immutable" : "append-only", immutable ? "i" : "a", path));
}

Status check_all_flags(const PreflightInput& input) {
  LiveParents parents(input.root);
  std::string parent;  // of the step before: neighbours come in a row
  for (const auto& step : input.plan.steps) {
    if (step.phase != StepPhase::kCommit) continue;
    ROLLBACK_TRY(check_flags(parents, step.subject));
    if (parent_of(step.subject) == parent) continue;
    parent = parent_of(step.subject);
    ROLLBACK_TRY(check_flags(parents, parent));
  }
  for (const auto& stage : input.stages.paths()) {
    const auto home = parent_of(stage);  // made by the first run on its mount
    ROLLBACK_ASSIGN(const auto found, find_live(input.root, home));
    ROLLBACK_TRY(check_flags(parents, found ? home : parent_of(home)));
  }
  return {};
}

struct Need {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};

Status check_room(const Directory& directory, const std::string& mount, const Need& need) {
  ROLLBACK_ASSIGN(const auto space, directory.space());
  const std::uint64_t free = space.f_bavail * space.f_frsize;
  if (free < need.bytes + kMargin)
    return fail(ErrorCode::kNoSpace,
                fmt::format("{} has {} MiB free, the run needs {} MiB; make room there", mount,
                            free >> 20U, (need.bytes + kMargin) >> 20U));
  if (space.f_files != 0 && space.f_favail < need.inodes + kSpareInodes)
    return fail(ErrorCode::kNoSpace,
                fmt::format("{} has {} inodes free, the run needs {}; remove files there", mount,
                            space.f_favail, need.inodes + kSpareInodes));
  return {};
}

// Of the journal of a plan, whole: each path stands in the intent, and again when it cannot be
// taken back.
std::uint64_t journal_bytes(const Plan& plan) {
  constexpr std::uint64_t kOfOperation = 256;
  std::uint64_t bytes = journal_reserve(plan);
  for (const auto& step : plan.steps) bytes += kOfOperation + 2 * step.subject.size();
  return bytes;
}

Status check_space(const PreflightInput& input) {
  std::map<std::uint32_t, Need> needs;
  for (const auto& step : input.plan.steps) {
    if (step.phase != StepPhase::kCommit) continue;
    auto& need = needs[input.stages.index_of(step.subject)];
    ++need.inodes;
    const auto node = input.target.manifest.find(step.subject);
    if (node != input.target.manifest.end()) need.bytes += node->second.size + 4096;
  }
  if (!needs.empty()) needs.begin()->second.bytes += input.preview_bytes;
  Need journal{journal_bytes(input.plan), 1};
  ROLLBACK_ASSIGN(const FileStat state, input.state.stat(""));
  for (auto& [index, need] : needs) {
    const auto mount = parent_of(parent_of(input.stages.paths()[index]));
    ROLLBACK_ASSIGN(const Directory directory, live_directory(input.root, mount));
    ROLLBACK_ASSIGN(const FileStat stat, directory.stat(""));
    ROLLBACK_TRY(check_local(directory, mount));
    if (stat.dev == state.dev) need.bytes += std::exchange(journal.bytes, 0);
    ROLLBACK_TRY(check_room(directory, mount, need));
  }
  if (journal.bytes == 0) return {};
  return check_room(input.state, input.state.path(), journal);
}

}  // namespace

std::uint64_t journal_reserve(const Plan& plan) noexcept {
  constexpr std::uint64_t kPhases = 64ULL << 10U;
  constexpr std::uint64_t kOfDifference = 256;             // of one, besides its path
  constexpr std::uint64_t kMostDifferences = 8ULL << 20U;  // nobody reads more
  std::uint64_t differences = 0;
  for (const auto& step : plan.steps)
    if (step.phase == StepPhase::kCommit) differences += 2 * step.subject.size() + kOfDifference;
  return kPhases + std::min(differences, kMostDifferences);
}

Status check_files(const PreflightInput& input) {
  ROLLBACK_TRY(check_emptied(input));
  ROLLBACK_TRY(check_all_flags(input));
  return check_space(input);
}

Result<std::vector<std::string>> doubtful_file_systems(const Directory& root,
                                                       const StageSet& stages) {
  std::vector<std::string> sentences;
  for (const auto& stage : stages.paths()) {
    const auto mount = parent_of(parent_of(stage));
    ROLLBACK_ASSIGN(const Directory directory, live_directory(root, mount));
    ROLLBACK_ASSIGN(const auto type, file_system_of(directory));
    if (type == kFuse)
      sentences.push_back(mount +
                          " is on FUSE: whether a file is safe there when the power goes, its "
                          "program decides");
  }
  return sentences;
}

Status check_removals(const Plan& plan, const std::set<std::string>& recorded, std::size_t limit) {
  const auto paths = unrecorded_removals(plan, recorded);
  if (paths.size() <= limit) return {};
  return fail(ErrorCode::kConflict,
              fmt::format("{} paths would be removed that no release ever recorded ({}); look at "
                          "`rollbackctl plan`, then repeat with --accept-removals",
                          paths.size(), first_few(paths)));
}

}  // namespace rollback
