// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/directory_listing.h"

#include <algorithm>
#include <utility>

namespace rollback {

const Result<ReadFile>* Reads::add(std::uint64_t bytes, std::function<Result<ReadFile>()> read) {
  Result<ReadFile>& place = results_.emplace_back();
  {
    const std::lock_guard lock(mutex_);
    ++open_;
  }
  pool_.post(bytes, [this, &place, read = std::move(read)] {
    place = read();
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) none_open_.notify_all();
  });
  return &place;
}

void Reads::wait() {
  std::unique_lock lock(mutex_);
  none_open_.wait(lock, [&] { return open_ == 0; });
}

SeenBefore::SeenBefore(std::optional<SeenDirectory> seen, std::uint64_t dev, const Digest& owners) {
  if (seen && seen->dev == dev && seen->owners == owners) seen_ = *std::move(seen);
}

const SeenEntry* SeenBefore::find_same(const std::string& name, const FileStat& stat) {
  const auto& entries = seen_.entries;
  while (next_ < entries.size() && entries[next_].name < name) ++next_;
  if (next_ == entries.size() || entries[next_].name != name) return nullptr;
  const SeenEntry& seen = entries[next_];
  const bool same = seen.ino == stat.ino && seen.type == stat.type && seen.size == stat.size &&
                    seen.mtime_ns == stat.mtime_ns && seen.ctime_ns == stat.ctime_ns;
  return same ? &seen : nullptr;
}

bool SeenBefore::is_same(const std::vector<ListedEntry>& entries) const {
  return !seen_.tree.is_none() && entries.size() == seen_.entries.size() &&
         std::all_of(entries.begin(), entries.end(), [](const auto& entry) { return entry.same; });
}

std::vector<std::string> SeenBefore::gone(const std::vector<ListedEntry>& entries) const {
  std::vector<std::string> names;
  auto now = entries.begin();
  for (const auto& seen : seen_.entries) {
    if (seen.type != FileType::kDirectory) continue;
    while (now != entries.end() && now->name < seen.name) ++now;
    const bool there =
        now != entries.end() && now->name == seen.name && now->stat.type == FileType::kDirectory;
    if (!there) names.push_back(seen.name);
  }
  return names;
}

}  // namespace rollback
