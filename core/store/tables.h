// SPDX-License-Identifier: Apache-2.0
// Named tables of ordered byte strings in one RocksDB directory, with atomic batches: what every
// store of this project stands on. RocksDB's types stay inside core/store/*.cpp.
//
// Invariants: the format version is checked before anything is read; nothing is ever repaired,
// reset or deleted to make a damaged directory open; a directory that lost acknowledged synced
// writes does not open (core/store/watermark.h). Thread-safe.
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

namespace rollback {

struct TableSpec {
  std::string name;           // stored: never rename
  bool large_values = false;  // values of 256 bytes and more go to blob files, which are
                              // rewritten only by give_space_back()
};

struct TablesSpec {
  std::string path;               // absolute; its parent exists; made with mode 0700
  std::uint32_t format = 1;       // what this program writes and the newest it reads
  std::vector<TableSpec> tables;  // the first is named "default" and keeps the key "format" itself
  std::uint64_t room = 1 << 20U;  // bytes of its disk that no write takes
};

// kSynced: this batch and every one before it, of any kind, are on the device.
// kBuffered: it survives the death of the process, not of the machine.
// kBulk: for content that nothing refers to before a later kSynced write. Of large amounts nothing
// goes through the log, so the death of the process may lose them until that write.
enum class Durability { kSynced, kBuffered, kBulk };

// A view: whoever builds it keeps the bytes alive for the call.
struct TableChange {
  std::size_t table = 0;  // index into TablesSpec::tables
  std::string_view key;
  std::optional<std::string_view> value;  // nullopt removes
};

class Tables {
 public:
  // Return false to stop.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;

  // A store of an older format says from now on that it has this one.
  // kBusy names the lock when another process, or this one, has the directory open. kUnsupported
  // names both formats. kCorrupt names the path and RocksDB's own words.
  static Result<std::unique_ptr<Tables>> open(const TablesSpec& spec);
  // What can still be read of a directory that open() refused; `why` is the answer to every write.
  // Changes nothing there. Reading may fail for some keys or whole tables, and the newest writes
  // may be missing.
  static Result<std::unique_ptr<Tables>> open_to_read(const TablesSpec& spec, Error why);
  ~Tables();
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  Result<std::optional<std::string>> get(std::size_t table, std::string_view key) const;
  Result<bool> has(std::size_t table, std::string_view key) const;
  // All or nothing. A store that a full disk has stopped goes on when there is room again.
  Status write(const std::vector<TableChange>& changes, Durability durability);
  // A consistent view in key order, from `from` (when it is beyond `prefix`) while keys begin with
  // `prefix`.
  Status scan(std::size_t table, std::string_view prefix, std::string_view from,
              const Visit& visit) const;
  // The same from the last key that begins with `prefix`, backwards.
  Status scan_backwards(std::size_t table, std::string_view prefix, const Visit& visit) const;

  // Keys with the bytes that each takes with its value as stored (core/store/space.h).
  Status scan_sizes(std::size_t table, std::string_view from,
                    const std::function<bool(std::string_view key, std::uint64_t)>& visit) const;
  // Gives the file system back what removed values took, but for `tolerated` of the large ones.
  // May take minutes; everything else goes on. kBusy when `stop` ended it.
  Status give_space_back(double tolerated, std::atomic<bool>& stop);
  [[nodiscard]] Result<std::uint64_t> disk_size() const;

  // About how much a table holds; zeros when RocksDB does not say.
  struct Extent {
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;  // as stored
  };
  [[nodiscard]] Extent extent(std::size_t table) const;

  // Between jobs: lets go of the blocks that were kept for the next reader, which lie all over the
  // heap, so that a few of them hold much of what a large job has freed; and puts what is only in
  // memory and in the log into tables, where that is much. Waits for nothing.
  void rest() const;

  [[nodiscard]] bool is_only_read() const noexcept;
  [[nodiscard]] bool is_stopped() const noexcept;  // a write failed, or there was no room for it
  // Why nothing is written at the moment; nullopt while writes are taken. Answers at once.
  [[nodiscard]] std::optional<Error> stopped() const;
  // Goes on after a full disk without waiting for the next write. May take as long as one.
  Status resume();
  // True once after it has gone on, by this or by a write.
  bool take_resumed() noexcept;
  // There is room again, and it has to be opened anew to use it (core/store/write_stop.h).
  [[nodiscard]] bool needs_new_start() const;

 private:
  Status claim_format();
  struct Inner;
  explicit Tables(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace rollback
