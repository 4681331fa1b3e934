// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/packages.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace rollback {

namespace {

constexpr const char* kLists = "var/lib/dpkg/info";
constexpr std::string_view kList = ".list";
constexpr std::string_view kConffiles = ".conffiles";
constexpr std::size_t kMostOfOne = 64U << 20U;
constexpr std::size_t kMostOfAll = 512U << 20U;

// Source of the format: dpkg(1), one path a line.
void each_line(std::string_view text, const std::function<void(std::string_view)>& use) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    use(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

class Lists {
 public:
  Lists(const Directory& lists, std::vector<std::string_view> paths)
      : lists_(lists), wanted_(std::move(paths)) {
    std::sort(wanted_.begin(), wanted_.end());
  }

  Status read(const std::string& name) {
    std::vector<std::string> owned;
    ROLLBACK_TRY(each_in(name, [&](std::string_view path) {
      if (std::binary_search(wanted_.begin(), wanted_.end(), path)) owned.emplace_back(path);
    }));
    if (owned.empty()) return {};
    const auto package = name.substr(0, name.size() - kList.size());
    std::unordered_set<std::string> conffiles;
    // A newer dpkg marks with words before the path what is to go.
    ROLLBACK_TRY(each_in(package + std::string(kConffiles), [&](std::string_view line) {
      conffiles.emplace(line.substr(std::min(line.find('/'), line.size())));
    }));
    for (const auto& path : owned)
      if (!conffiles.contains(path)) found_.emplace(path, package.substr(0, package.find(':')));
    return {};
  }
  [[nodiscard]] bool is_enough() const { return read_ > kMostOfAll; }

  std::vector<PackageFile> finish() {
    std::vector<PackageFile> files;
    for (auto& [path, package] : found_) files.push_back({path, std::move(package)});
    return files;
  }

 private:
  Status each_in(const std::string& name, const std::function<void(std::string_view)>& use) {
    const auto file = lists_.open_file(name);
    if (!file && file.error().code == ErrorCode::kNotFound) return {};
    if (!file) return Failure(file.error());
    ROLLBACK_ASSIGN(const std::string text, file->read_all(kMostOfOne));
    read_ += text.size();
    each_line(text, use);
    return {};
  }

  const Directory& lists_;
  std::vector<std::string_view> wanted_;  // sorted; a plan may have a hundred thousand
  std::map<std::string, std::string> found_;
  std::size_t read_ = 0;
};

}  // namespace

Result<std::vector<PackageFile>> packaged_files(const Directory& root,
                                                std::vector<std::string_view> paths) {
  if (paths.empty()) return std::vector<PackageFile>{};
  const auto lists = root.open_directory(kLists, Crossing::kAllow);
  if (!lists && lists.error().code == ErrorCode::kNotFound) return std::vector<PackageFile>{};
  if (!lists) return Failure(lists.error());
  ROLLBACK_ASSIGN(const auto names, lists->list(""));
  Lists reader(*lists, std::move(paths));
  for (const auto& name : names) {
    if (!name.ends_with(kList)) continue;
    ROLLBACK_TRY(reader.read(name));
    if (reader.is_enough()) return std::vector<PackageFile>{};
  }
  return reader.finish();
}

}  // namespace rollback
