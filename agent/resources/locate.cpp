// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/locate.h"

#include <fnmatch.h>

#include <algorithm>
#include <deque>

namespace rollback {

namespace {

constexpr int kMostLinks = 40;  // as the kernel
constexpr std::size_t kMostMatches = 10'000;

std::deque<std::string> parts_of(std::string_view path) {
  std::deque<std::string> parts;
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// The directory that holds `path`, and the name of it in there.
Result<ParentOf> parent_at(const Directory& root, std::string_view path) {
  return open_parent(root, path.substr(1), Crossing::kAllow);
}

Result<Directory> directory_at(const Directory& root, const std::string& path) {
  return root.open_directory(std::string_view(path).substr(path.empty() ? 0 : 1), Crossing::kAllow);
}

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

// The entries of the directory `base` that match one component of a pattern.
Result<std::vector<std::string>> matches_in(const Directory& root, const std::string& base,
                                            const std::string& pattern) {
  std::vector<std::string> matches;
  ROLLBACK_ASSIGN(const auto located, locate(root, base.empty() ? "/" : base));
  if (!located || located->stat.type != FileType::kDirectory) return matches;
  ROLLBACK_ASSIGN(const auto directory,
                  directory_at(root, located->path == "/" ? "" : located->path));
  ROLLBACK_ASSIGN(const auto names, directory.list(""));
  for (const auto& name : names)
    if (fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0)
      matches.push_back(base + "/" + name);
  return matches;
}

}  // namespace

Result<std::optional<ParentOf>> find_parent_at(const Directory& root, std::string_view path) {
  auto parent = parent_at(root, path);
  if (parent) return *std::move(parent);
  if (parent.error().code != ErrorCode::kNotFound) return Failure(std::move(parent).error());
  const auto above = path.substr(0, path.rfind('/'));
  if (above.empty()) return std::nullopt;
  ROLLBACK_ASSIGN(const auto stat, find_stat_at(root, above));
  if (stat && stat->type == FileType::kSymlink)
    return fail(ErrorCode::kInvalid, std::string(above) +
                                         " is a symbolic link, which is never "
                                         "followed; name the real path of " +
                                         std::string(path));
  return std::nullopt;
}

Result<std::optional<FileStat>> find_stat_at(const Directory& root, std::string_view path) {
  ROLLBACK_ASSIGN(const auto parent, find_parent_at(root, path));
  if (!parent) return std::nullopt;
  return parent->directory.find_stat(parent->name);
}

Result<std::optional<Located>> locate(const Directory& root, std::string_view path) {
  Located located;
  auto parts = parts_of(path);
  int links = 0;
  for (std::string& at = located.path; !parts.empty();) {
    const std::string part = parts.front();
    parts.pop_front();
    if (part == "..") {
      at = parent_of(at);
      continue;
    }
    at += "/" + part;
    ROLLBACK_ASSIGN(const auto stat, find_stat_at(root, at));
    if (!stat) return std::nullopt;
    located.stat = *stat;
    if (stat->type != FileType::kSymlink) continue;
    if (++links > kMostLinks)
      return fail(ErrorCode::kInvalid, std::string(path) + " leads through too many links");
    if (parts.empty()) located.links.push_back(at);
    ROLLBACK_ASSIGN(const auto parent, parent_at(root, at));
    ROLLBACK_ASSIGN(const auto target, parent.directory.read_link(parent.name));
    const auto more = parts_of(target);
    parts.insert(parts.begin(), more.begin(), more.end());
    at = target.starts_with('/') ? "" : parent_of(at);
  }
  if (!located.path.empty()) {
    ROLLBACK_ASSIGN(const auto last, find_stat_at(root, located.path));
    if (!last) return std::nullopt;
    located.stat = *last;
    return located;
  }
  located.path = "/";
  ROLLBACK_ASSIGN(located.stat, root.stat(""));
  return located;
}

Result<std::string> read_located(const Directory& root, const std::string& path,
                                 std::size_t limit) {
  ROLLBACK_ASSIGN(const auto parent, parent_at(root, path));
  ROLLBACK_ASSIGN(const auto file, parent.directory.open_file(parent.name));
  return file.read_all(limit);
}

Result<std::vector<std::string>> expand_glob(const Directory& root, const std::string& pattern) {
  std::vector<std::string> found = {""};
  for (const auto& part : parts_of(pattern)) {
    std::vector<std::string> next;
    for (const auto& base : found) {
      if (!has_wildcard(part)) {
        next.push_back(base + "/" + part);
        continue;
      }
      ROLLBACK_ASSIGN(const auto matches, matches_in(root, base, part));
      next.insert(next.end(), matches.begin(), matches.end());
    }
    if (next.size() > kMostMatches)
      return fail(ErrorCode::kInvalid, "the pattern " + pattern + " matches too many files");
    found = std::move(next);
  }
  return found;
}

}  // namespace rollback
