// SPDX-License-Identifier: Apache-2.0
// The tables of a host's store: byte strings in key order, one synced batch (core/store/tables.h
// holds the rules of opening), and what was found damaged since. docs/formats/store.md describes
// keys and values. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/store/tables.h"

namespace rollback {

enum class Table {
  kMeta = 0,
  kBlobs = 1,
  kTrees = 2,
  kSnapshots = 3,
  kRevisions = 4,
  kHistory = 5,
  kRuns = 6,
  kEvents = 7,
  kScans = 8
};

struct Change {
  Table table = Table::kMeta;
  std::string key;
  std::optional<std::string> value;  // nullopt removes
};

class Database {
 public:
  static constexpr std::uint32_t kFormat = 2;  // 2: lists of chunks

  // Creates what is missing below an existing parent. kBusy names the lock when it is open already,
  // kUnsupported both formats when it is newer, kCorrupt the damage. Never repairs, resets or
  // deletes.
  static Result<std::unique_ptr<Database>> open(const std::string& path);
  // For the agent, which stays up whatever is wrong: a store that open() refuses is read as far as
  // that goes, or else every call below answers with the reason. Errors are kBusy, another agent is
  // at work, and kNoSpace of one that cannot be read either: a new start finds out when there is
  // room. Never repairs, resets or deletes.
  static Result<std::unique_ptr<Database>> open_or_degrade(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<std::optional<std::string>> get(Table table, std::string_view key) const;
  // False also for what is known to be damaged, so that putting it again heals it.
  Result<bool> has(Table table, std::string_view key) const;
  [[nodiscard]] bool is_known_damaged(Table table, std::string_view key) const;
  // One value; nothing is copied on the way.
  Status put(Table table, std::string_view key, std::string_view value, Durability durability);
  // All or nothing. A value that is replaced is no longer damaged.
  Status write(const std::vector<Change>& changes, Durability durability);
  // In key order from `from` while keys begin with `prefix`; stops when `visit` returns false.
  Status scan(Table table, std::string_view prefix, std::string_view from,
              const std::function<bool(std::string_view key, std::string_view value)>& visit) const;
  // From the last key that begins with `prefix`, backwards.
  Status scan_backwards(Table table, std::string_view prefix,
                        const std::function<bool(std::string_view, std::string_view)>& visit) const;

  // As Tables has them (core/store/tables.h).
  Status scan_sizes(Table table, std::string_view from,
                    const std::function<bool(std::string_view key, std::uint64_t)>& visit) const;
  Status give_space_back(double tolerated, std::atomic<bool>& stop);
  [[nodiscard]] Result<std::uint64_t> disk_size() const;

  // Whoever finds a stored value broken says so: remembered until it is replaced or the store is
  // closed. Returns the error, kCorrupt, for the caller to return.
  Failure note_damage(Table table, std::string_view key, std::string what) const;
  struct Damaged {
    Table table = Table::kMeta;
    std::string key;
    std::string what;
  };
  [[nodiscard]] std::vector<Damaged> noted_damage() const;
  // It turned out to be sound, or that nobody needs it.
  void forget_damage(Table table, std::string_view key);
  // What is noted now is known to the next start too.
  Status keep_damage();
  // One sentence for `status` and `doctor`; "" while nothing damaged was met and writes are taken.
  // A damaged store still gives out what is sound, but takes no new releases.
  [[nodiscard]] std::string damage() const;
  // Why nothing at all can be read.
  [[nodiscard]] Status readable() const;
  // False for a store that is damaged so that nothing will be written until it is opened anew. One
  // that a full disk has stopped, or that was opened on one, is not such a store.
  [[nodiscard]] bool takes_writes() const noexcept;
  // A write failed, by a full disk or another error of it. Answers at once.
  [[nodiscard]] bool is_stopped() const noexcept;
  // After a full disk: goes on when there is room. True when it had been stopped and no longer is.
  bool resume();
  // As Tables has them (core/store/tables.h).
  bool take_resumed() noexcept;
  [[nodiscard]] bool needs_new_start() const;
  // About how much a table holds, of keys and of stored bytes; zeros when that is not known.
  struct Extent {
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Extent extent(Table table) const;
  // As Tables has it: for when a job is over.
  void rest() const;

 private:
  struct Inner;
  explicit Database(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace rollback
