// SPDX-License-Identifier: Apache-2.0
// What other chunk sizes, thresholds and levels of compression would cost and save: the figures of
// ADR 0014.
//
//   bench_chunk_sizes sizes|levels RELEASE...   directories of successive releases, oldest first
//
// Every candidate stores all of them as the agent's store would: files by SHA-256, those from the
// threshold on cut, each chunk once. Seconds are of one processor: hash, cut, compress.
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/store/chunker.h"
#include "core/digest.h"

namespace {

namespace fs = std::filesystem;
using rollback::ChunkSizes;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kNever = ~std::size_t{0};

using Release = std::vector<std::string>;  // contents, in the order of the paths

struct Candidate {
  std::size_t threshold = kNever;  // smaller files are stored whole
  ChunkSizes sizes;
  int first_level = 3;  // of zstd, for the first release
  int later_level = 3;
};

// A blob beside its content: key and header in a blob file, key and place in a table.
constexpr std::uint64_t kPerBlob = 32 + 32 + 9 + 60;
constexpr std::uint64_t kPerChunk = 36;  // in the list
constexpr std::uint64_t kPerList = 9 + 32;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Store {
 public:
  explicit Store(const Candidate& candidate) : candidate_(candidate) {}

  void put_release(const Release& release) {
    for (const auto& content : release) put_file(content);
    level_ = candidate_.later_level;
    if (first_ == 0) first_ = stored_;
  }
  [[nodiscard]] std::uint64_t first() const { return first_; }
  [[nodiscard]] std::uint64_t stored() const { return stored_; }
  [[nodiscard]] std::size_t blobs() const { return keys_.size(); }

 private:
  static std::string key(std::string_view content) {
    return std::string(rollback::sha256(content).view());
  }

  void put_file(std::string_view content) {
    if (content.size() < candidate_.threshold) {
      put(content);
      return;
    }
    if (!keys_.insert(key(content)).second) return;
    stored_ += kPerBlob + kPerList;
    while (!content.empty()) {
      const auto chunk = content.substr(0, rollback::first_chunk(content, candidate_.sizes));
      stored_ += kPerChunk;
      put(chunk);
      content.remove_prefix(chunk.size());
    }
  }

  void put(std::string_view content) {
    if (!keys_.insert(key(content)).second) return;
    packed_.resize(ZSTD_compressBound(content.size()));
    const auto size = ZSTD_compressCCtx(compressor_.get(), packed_.data(), packed_.size(),
                                        content.data(), content.size(), level_);
    if (ZSTD_isError(size) != 0) throw std::runtime_error(ZSTD_getErrorName(size));
    stored_ += std::min(size, content.size()) + kPerBlob;
  }

  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  };

  Candidate candidate_;
  int level_ = candidate_.first_level;
  std::uint64_t first_ = 0;
  std::unique_ptr<ZSTD_CCtx, Free> compressor_{ZSTD_createCCtx()};
  std::unordered_set<std::string> keys_;
  std::string packed_;
  std::uint64_t stored_ = 0;
};

std::vector<Release> load(const std::vector<std::string>& folders) {
  std::vector<Release> releases;
  for (const auto& folder : folders) {
    std::map<fs::path, std::string> contents;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (!entry.is_symlink() && entry.is_regular_file())
        contents[entry.path()] = read(entry.path());
    auto& release = releases.emplace_back();
    for (auto& [path, content] : contents) release.push_back(std::move(content));
  }
  return releases;
}

ChunkSizes around(std::size_t average) {
  return {average / 4 * kKiB, average * kKiB, average * 4 * kKiB};
}

std::vector<Candidate> sizes() {
  std::vector<Candidate> all{{kNever, {}, 3, 3}};
  for (const std::size_t average : {8, 16, 32, 64, 128, 256})
    for (const std::size_t threshold : {64, 256, 1024})
      if (average * 4 <= threshold || average * 4 <= 256)
        all.push_back({threshold * kKiB, around(average), 3, 3});
  return all;
}

std::vector<Candidate> levels() {
  std::vector<Candidate> all;
  for (const int level : {-1, 1, 2, 3, 4, 5, 6, 7, 9})
    all.push_back({1024 * kKiB, around(64), level, level});
  for (const int later : {2, 3, 4, 5, 6, 7, 9}) all.push_back({1024 * kKiB, around(64), 1, later});
  return all;
}

void report(const Candidate& candidate, const std::vector<Release>& releases) {
  Store store(candidate);
  const std::clock_t begin = std::clock();
  for (const auto& release : releases) store.put_release(release);
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const bool cut = candidate.threshold != kNever;
  fmt::print("{:>9} {:>3}/{:>3}/{:>3} {:>5} {:>6} {:>7} {:>9.2f} {:>9.2f} {:>7.2f}\n",
             cut ? fmt::format("{}", candidate.threshold / kKiB) : "never",
             candidate.sizes.min / kKiB, candidate.sizes.average / kKiB, candidate.sizes.max / kKiB,
             candidate.first_level, candidate.later_level, store.blobs(),
             static_cast<double>(store.first()) / 1e6, static_cast<double>(store.stored()) / 1e6,
             seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc < 3 ? "" : argv[1];
  if (what != "sizes" && what != "levels") {
    fmt::print(stderr, "bench_chunk_sizes sizes|levels RELEASE...\n");
    return 1;
  }
  const auto releases = load({argv + 2, argv + argc});
  fmt::print("THRESHOLD MIN/AVG/MAX FIRST LATER    BLOBS  FIRST MB    ALL MB   CPU s\n");
  for (const auto& candidate : what == "sizes" ? sizes() : levels()) report(candidate, releases);
  return 0;
}
