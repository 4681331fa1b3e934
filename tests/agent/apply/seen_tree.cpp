// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/apply/seen_tree.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace rollback {

namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::map<std::string, std::string> xattrs_of(const std::string& path) {
  std::map<std::string, std::string> found;
  std::string names(4096, '\0');
  const auto size = ::llistxattr(path.c_str(), names.data(), names.size());
  names.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  for (std::size_t at = 0; at < names.size(); at += std::string(names.c_str() + at).size() + 1) {
    const std::string name = names.c_str() + at;
    std::string value(4096, '\0');
    const auto got = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    found[name] = value;
  }
  return found;
}

std::string content_of(const std::string& path, const struct stat& stat) {
  if (S_ISLNK(stat.st_mode)) return std::filesystem::read_symlink(path).string();
  if (!S_ISREG(stat.st_mode)) return S_ISDIR(stat.st_mode) ? "" : std::to_string(stat.st_rdev);
  std::string content(static_cast<std::size_t>(stat.st_size), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  return content;
}

void look(const std::string& root, const std::string& path, SeenTree& tree) {
  struct stat stat {};
  const auto real = root + path;
  if (::lstat(real.c_str(), &stat) != 0) return;
  Seen seen;
  seen.type = stat.st_mode & S_IFMT;
  seen.mode = stat.st_mode & 07777U;
  seen.uid = stat.st_uid;
  seen.gid = stat.st_gid;
  seen.mtime_ns = stat.st_mtim.tv_sec * 1'000'000'000 + stat.st_mtim.tv_nsec;
  seen.content = content_of(real, stat);
  seen.xattrs = xattrs_of(real);
  seen.holes = S_ISREG(stat.st_mode) && stat.st_size >= 4096 && stat.st_blocks * 512 < stat.st_size;
  seen.inode = {stat.st_dev, stat.st_ino};
  tree[path] = std::move(seen);
  if (!S_ISDIR(stat.st_mode)) return;
  for (const auto& entry : std::filesystem::directory_iterator(real)) {
    const auto name = entry.path().filename().string();
    if (name != ".rollback") look(root, path + "/" + name, tree);
  }
}

std::string printable(const std::string& path) {
  std::string text;
  for (const char c : path) text += c > ' ' && c < 127 ? std::string(1, c) : std::string("?");
  return text.size() > 80 ? fmt::format("{:.80}...", text) : text;
}

std::string described(const Seen& seen) {
  std::string text = fmt::format("type {:o} mode {:04o} owner {}:{} mtime {} {} bytes", seen.type,
                                 seen.mode, seen.uid, seen.gid, seen.mtime_ns, seen.content.size());
  for (const auto& [name, value] : seen.xattrs) text += fmt::format(" {}({})", name, value.size());
  return text;
}

std::string differ(const std::string& path, const Seen& found, const Seen& wanted,
                   const char* what) {
  return fmt::format("{}: {}: is {}; should be {}", printable(path), what, described(found),
                     described(wanted));
}

}  // namespace

bool Seen::is_directory() const { return type == S_IFDIR; }
bool Seen::is_special() const { return type != S_IFDIR && type != S_IFREG && type != S_IFLNK; }
bool Seen::same_as(const Seen& other) const {
  return type == other.type && mode == other.mode && uid == other.uid && gid == other.gid &&
         content == other.content && xattrs == other.xattrs;
}

SeenTree look_at(const std::string& root, const std::vector<std::string>& tops) {
  SeenTree tree;
  for (const auto& top : tops) look(root, top, tree);
  return tree;
}

std::map<std::string, std::string> first_names(const SeenTree& tree, const SeenTree& of) {
  std::map<std::pair<dev_t, ino_t>, std::string> first;
  std::map<std::string, std::string> names;
  for (const auto& [path, seen] : tree)
    if (of.contains(path)) names[path] = first.emplace(seen.inode, path).first->second;
  return names;
}

std::string first_difference(const SeenTree& found, const SeenTree& wanted) {
  for (const auto& [path, seen] : wanted) {
    const auto there = found.find(path);
    if (there == found.end()) return printable(path) + " is missing";
    if (!there->second.same_as(seen)) return differ(path, there->second, seen, "differs");
    if (there->second.mtime_ns != seen.mtime_ns) return differ(path, there->second, seen, "time");
    if (there->second.holes != seen.holes) return differ(path, there->second, seen, "holes");
  }
  for (const auto& [path, seen] : found)
    if (!wanted.contains(path)) return printable(path) + " should not be there";
  return first_names(found, wanted) == first_names(wanted, wanted) ? "" : "hard links differ";
}

Expectation::Expectation(const SeenTree& release, const SeenTree& live)
    : release_(release), live_(live) {
  for (const auto& [path, seen] : release)
    if (!seen.is_special()) recorded_.emplace(path, seen);
  for (const auto& [path, seen] : live)
    if (seen.is_special() || is_untold(path)) left_.emplace(path, seen);
}

// At or below what the release only lists.
bool Expectation::is_untold(const std::string& path) const {
  for (auto part = path; !part.empty(); part = parent_of(part)) {
    const auto listed = release_.find(part);
    if (listed != release_.end() && listed->second.is_special()) return true;
  }
  return false;
}

bool Expectation::is_refused() const {
  for (const auto& [path, seen] : live_) {
    if (!seen.is_special() || is_untold(path)) continue;
    const auto above = recorded_.find(parent_of(path));
    if (recorded_.contains(path) || above == recorded_.end() || !above->second.is_directory())
      return true;
  }
  return false;
}

// What differs in its time alone is left alone; so is a directory in which nothing is to change.
bool Expectation::may_keep_time(const std::string& path) const {
  const auto live = live_.find(path);
  return live != live_.end() && live->second.same_as(release_.at(path));
}

std::string Expectation::unmet_at(const std::string& path, const Seen& wanted,
                                  const Seen& found) const {
  if (!found.same_as(wanted)) return differ(path, found, wanted, "differs");
  const auto live = live_.find(path);
  const bool kept = may_keep_time(path) && found.mtime_ns == live->second.mtime_ns;
  if (found.mtime_ns != wanted.mtime_ns && !kept) return differ(path, found, wanted, "time");
  if (found.holes != wanted.holes && !(may_keep_time(path) && found.holes == live->second.holes))
    return differ(path, found, wanted, "holes");
  return "";
}

std::string Expectation::unmet(const SeenTree& found) const {
  for (const auto& [path, wanted] : recorded_) {
    const auto there = found.find(path);
    if (there == found.end()) return printable(path) + " is missing";
    if (auto why = unmet_at(path, wanted, there->second); !why.empty()) return why;
  }
  for (const auto& [path, wanted] : left_) {
    const auto there = found.find(path);
    if (there == found.end()) return printable(path) + " was removed";
    if (!there->second.same_as(wanted)) return differ(path, there->second, wanted, "was touched");
  }
  for (const auto& [path, seen] : found)
    if (!recorded_.contains(path) && !left_.contains(path))
      return printable(path) + " should not be there";
  return first_names(found, recorded_) == first_names(release_, recorded_) ? ""
                                                                           : "hard links differ";
}

}  // namespace rollback
