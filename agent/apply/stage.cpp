// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/stage.h"

#include <algorithm>
#include <utility>

#include "core/fs/publish.h"

namespace rollback {

namespace {

constexpr const char* kStages = ".rollback";
constexpr const char* kUndoing = "undoing";  // no slot is called so

std::string below(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

// The nearest directory at or above `path` that exists, opened.
Result<std::pair<std::string, Directory>> nearest_directory(const Directory& root,
                                                            std::string path) {
  while (true) {
    auto opened = live_directory(root, path);
    if (opened) return std::pair{path, *std::move(opened)};
    // A file or link stands where a directory is going to be: its parent is on the same mount.
    if (!is_no_directory(opened.error()) || path == "/") return Failure(std::move(opened).error());
    path = parent_of(path);
  }
}

struct Mount {
  std::string top;
  std::uint64_t id = 0;
};

Result<Mount> find_mount(const Directory& root, const std::string& path) {
  ROLLBACK_ASSIGN(auto nearest, nearest_directory(root, parent_of(path)));
  ROLLBACK_ASSIGN(const FileStat stat, nearest.second.stat(""));
  ROLLBACK_ASSIGN(const auto space, nearest.second.space());
  if ((space.f_flag & ST_RDONLY) != 0)
    return fail(ErrorCode::kDenied,
                path +
                    " is on a file system that is mounted read-only here; `rollbackctl config "
                    "check` prints the ReadWritePaths that are missing");
  Mount mount{nearest.first, stat.mount_id};
  while (mount.top != "/") {
    ROLLBACK_ASSIGN(const Directory above, live_directory(root, parent_of(mount.top)));
    ROLLBACK_ASSIGN(const FileStat seen, above.stat(""));
    if (seen.mount_id != mount.id) break;
    mount.top = parent_of(mount.top);
  }
  return mount;
}

// Making or removing `.rollback` leaves no trace in the directory above it, which may be managed.
class KeptTime {
 public:
  static Result<KeptTime> of(const Directory& directory) {
    ROLLBACK_ASSIGN(const FileStat stat, directory.stat(""));
    return KeptTime(stat.mtime_ns);
  }
  Status set(const Directory& directory) const {
    return apply_mtime(directory.calls(), directory.fd(), ns_, directory.path());
  }

 private:
  explicit KeptTime(std::int64_t ns) : ns_(ns) {}
  std::int64_t ns_;
};

}  // namespace

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

bool is_no_directory(const Error& error) noexcept {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kInvalid;
}

Result<ParentOf> live_parent(const Directory& root, const std::string& path) {
  return open_parent(root, path.substr(1), Crossing::kAllow);
}

Result<Directory> live_directory(const Directory& root, const std::string& path) {
  return root.open_directory(path.substr(1), Crossing::kAllow);
}

std::string_view name_in_parent(std::string_view path) noexcept {
  return path.substr(path.rfind('/') + 1);
}

Result<const Directory*> LiveParents::of(const std::string& path) {
  const auto begin = path_.size() + 1;
  const bool in_last = last_ && path.size() > begin && path.starts_with(path_) &&
                       path[begin - 1] == '/' && path.find('/', begin) == std::string::npos;
  if (!in_last) {
    last_.reset();
    path_ = parent_of(path);
    last_ = live_directory(*root_, path_);
  }
  if (*last_) return &**last_;
  auto error = last_->error();
  if (!is_no_directory(error)) last_.reset();  // it may open the next time
  return Failure(std::move(error));
}

Result<std::optional<FileStat>> LiveParents::find(const std::string& path) {
  const auto parent = of(path);
  if (parent) return (*parent)->find_stat(name_in_parent(path));
  if (is_no_directory(parent.error())) return std::nullopt;
  return Failure(parent.error());
}

Result<std::optional<FileStat>> find_live(const Directory& root, const std::string& path) {
  return LiveParents(root).find(path);
}

Result<StageSet> StageSet::locate(const Directory& root, const RunId& run,
                                  const std::vector<std::string>& paths) {
  StageSet set(root);
  std::map<std::uint64_t, std::uint32_t> by_mount;
  for (const auto& path : paths) {
    const auto parent = parent_of(path);
    if (set.by_parent_.contains(parent)) continue;
    ROLLBACK_ASSIGN(const Mount mount, find_mount(root, path));
    const auto next = static_cast<std::uint32_t>(set.paths_.size());
    const auto [index, is_new] = by_mount.try_emplace(mount.id, next);
    if (is_new) set.paths_.push_back(below(below(mount.top, kStages), run.str()));
    set.by_parent_[parent] = index->second;
  }
  set.open_.resize(set.paths_.size());
  return set;
}

StageSet StageSet::of_journal(const Directory& root, std::vector<std::string> stages) {
  StageSet set(root);
  set.paths_ = std::move(stages);
  set.open_.resize(set.paths_.size());
  return set;
}

std::uint32_t StageSet::index_of(const std::string& path) const {
  const auto found = by_parent_.find(parent_of(path));
  return found == by_parent_.end() ? 0 : found->second;
}

Status StageSet::make() {
  for (const auto& path : paths_) {
    const auto home = parent_of(path);
    ROLLBACK_ASSIGN(const ParentOf top, live_parent(*root_, home));
    ROLLBACK_ASSIGN(const KeptTime time, KeptTime::of(top.directory));
    const auto made = top.directory.make_directory(top.name, 0700);
    if (!made && made.error().code != ErrorCode::kExists) return made;
    if (made) ROLLBACK_TRY(time.set(top.directory));
    ROLLBACK_ASSIGN(const Directory stages, live_directory(*root_, home));
    ROLLBACK_ASSIGN(const auto old, stages.list(""));
    // The lock is ours, so no other run lives here.
    for (const auto& name : old)
      if (!name.starts_with(kKeptPrefix)) ROLLBACK_TRY(stages.remove_tree(name));
    stages.place_directories_apart();
    ROLLBACK_TRY(stages.make_directory(path.substr(home.size() + 1), 0700));
    ROLLBACK_TRY(stages.sync());
    ROLLBACK_TRY(top.directory.sync());
  }
  return {};
}

Result<const Directory*> StageSet::at(std::uint32_t index) const {
  if (index >= open_.size()) return fail(ErrorCode::kCorrupt, "an operation without its stage");
  if (!open_[index]) {
    auto opened = live_directory(*root_, paths_[index]);
    if (!opened && opened.error().code == ErrorCode::kNotFound)
      opened = live_directory(*root_, kept_name(paths_[index]));
    ROLLBACK_ASSIGN(open_[index], std::move(opened));
  }
  return &*open_[index];
}

Status StageSet::sync() const {
  for (std::uint32_t i = 0; i < paths_.size(); ++i) {
    ROLLBACK_ASSIGN(const Directory* stage, at(i));
    ROLLBACK_TRY(stage->sync());
  }
  return {};
}

Status StageSet::remove() {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    open_[i].reset();
    const auto home = parent_of(paths_[i]);
    auto stages = live_directory(*root_, home);
    if (!stages && stages.error().code == ErrorCode::kNotFound) continue;
    if (!stages) return Failure(std::move(stages).error());
    ROLLBACK_TRY(stages->remove_tree(paths_[i].substr(home.size() + 1)));
    ROLLBACK_TRY(stages->sync());
    ROLLBACK_ASSIGN(const ParentOf top, live_parent(*root_, home));
    ROLLBACK_ASSIGN(const KeptTime time, KeptTime::of(top.directory));
    const auto removed = top.directory.remove_directory(top.name);
    if (removed) ROLLBACK_TRY(time.set(top.directory));  // else another run's is in it
  }
  return {};
}

std::string kept_name(const std::string& stage) {
  const auto home = parent_of(stage);
  return below(home, std::string(kKeptPrefix) + stage.substr(home.size() + 1));
}

Status StageSet::set_aside() {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    open_[i].reset();
    const auto home = parent_of(paths_[i]);
    const auto stages = live_directory(*root_, home);
    if (!stages && stages.error().code == ErrorCode::kNotFound) continue;
    if (!stages) return Failure(stages.error());
    const auto name = paths_[i].substr(home.size() + 1);
    ROLLBACK_ASSIGN(const auto there, stages->find_stat(name));
    if (!there) continue;
    ROLLBACK_TRY(
        publish(*stages, name, *stages, std::string(kKeptPrefix) + name, PublishMode::kMoveIn));
    ROLLBACK_TRY(stages->sync());
  }
  return {};
}

Status StageSet::say_undoing() const {
  for (std::uint32_t i = 0; i < paths_.size(); ++i) {
    ROLLBACK_ASSIGN(const Directory* stage, at(i));
    const auto made = stage->create_file(kUndoing, 0600);
    if (!made && made.error().code != ErrorCode::kExists) return Failure(made.error());
    ROLLBACK_TRY(stage->sync());
  }
  return {};
}

Result<bool> StageSet::says_undoing() const {
  for (std::uint32_t i = 0; i < paths_.size(); ++i) {
    const auto stage = at(i);
    if (!stage && is_no_directory(stage.error())) continue;
    if (!stage) return Failure(stage.error());
    ROLLBACK_ASSIGN(const auto said, (*stage)->find_stat(kUndoing));
    if (said) return true;
  }
  return false;
}

bool StageSet::holds_found() const {
  for (std::uint32_t i = 0; i < paths_.size(); ++i) {
    const auto stage = at(i);
    const auto names = stage ? (*stage)->list("") : tl::unexpected(stage.error());
    if (!names) continue;
    for (const auto& name : *names)
      if (name.ends_with(kFoundSuffix)) return true;
  }
  return false;
}

}  // namespace rollback
