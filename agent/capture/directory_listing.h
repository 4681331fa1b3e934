// SPDX-License-Identifier: Apache-2.0
// The entries of one directory while it is captured: where the node of each comes from, and what
// the last capture saw there. Private to agent/capture.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/capture/file_reader.h"
#include "agent/capture/read_pool.h"
#include "agent/store/scan_cache.h"
#include "model/tree.h"

namespace rollback {

// The files of one directory that are being read. It waits for them before it goes, because they
// are opened through the directory's descriptor.
class Reads {
 public:
  explicit Reads(ReadPool& pool) : pool_(pool) {}
  ~Reads() { wait(); }
  Reads(const Reads&) = delete;
  Reads& operator=(const Reads&) = delete;

  // The result is where it points once wait() returned.
  const Result<ReadFile>* add(std::uint64_t bytes, std::function<Result<ReadFile>()> read);
  void wait();

 private:
  ReadPool& pool_;
  std::mutex mutex_;
  std::condition_variable none_open_;
  std::size_t open_ = 0;
  std::deque<Result<ReadFile>> results_;
};

struct ListedEntry {
  std::string name;
  FileStat stat;
  bool same = false;                       // nothing of it changed since the last capture
  bool left_out = false;                   // special: not part of the tree's entries
  Digest content;                          // of a file that is the same
  std::optional<Node> node;                // once it is known
  const Result<ReadFile>* read = nullptr;  // a file that is being read
};

// What the last capture saw of a directory, asked name by name in ascending order.
class SeenBefore {
 public:
  SeenBefore() = default;
  // Nothing of it counts on another device or with other names of accounts.
  SeenBefore(std::optional<SeenDirectory> seen, std::uint64_t dev, const Digest& owners);

  // nullptr when there was nothing of this name, or something of it changed.
  const SeenEntry* find_same(const std::string& name, const FileStat& stat);
  // The tree made then is the one to make of `entries` now.
  [[nodiscard]] bool is_same(const std::vector<ListedEntry>& entries) const;
  // Directories of then that are none of `entries`.
  [[nodiscard]] std::vector<std::string> gone(const std::vector<ListedEntry>& entries) const;
  [[nodiscard]] const Digest& tree() const noexcept { return seen_.tree; }
  [[nodiscard]] const Digest& root() const noexcept { return seen_.root; }
  bool operator==(const SeenDirectory& now) const { return seen_ == now; }

 private:
  SeenDirectory seen_;
  std::size_t next_ = 0;
};

}  // namespace rollback
