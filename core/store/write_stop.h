// SPDX-License-Identifier: Apache-2.0
// Why a store takes no writes, and when it goes on. For core/store/*.cpp only.
//
// RocksDB 7.8 does not survive a full disk that its log meets: it keeps the error with the log's
// file, and a resumed store aborts or refuses when it goes on with that (facebook/rocksdb#11643).
// So room is looked for before each write. Where it is taken in between, by somebody else or by
// tables that are written out, only a new start helps; and opening on a full disk aborts, too.
// Thread-safe.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/result.h"

namespace rollback {

// Hears what RocksDB fails at. It does not try again by itself, from a thread of its own.
class LogWatch final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status*) override {
    if (reason == rocksdb::BackgroundErrorReason::kWriteCallback) failed_ = true;
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  std::atomic<bool> failed_ = false;
};

// Opening writes out what the log of the store `path` holds. kNoSpace where that would not leave
// `room` bytes; a new store has no log.
Status find_room_to_open(const std::string& path, std::uint64_t room);

class WriteStop {
 public:
  // `room`: bytes that stay free on the file system of `path`.
  WriteStop(std::string path, std::uint64_t room) : path_(std::move(path)), room_(room) {}

  // A write of so many bytes may begin. A store that has stopped goes on first, if it can.
  Status admit(std::uint64_t bytes, rocksdb::DB& db, const LogWatch& log);
  // RocksDB failed. Returns the error.
  Failure stop(Error error);
  // Memory holds whatever the disk did not take of tables, so it can be written again when there is
  // room, which is four times what a write leaves: not every file that goes starts it again. After
  // any other failure nobody knows what the disk holds.
  Status resume(rocksdb::DB& db, const LogWatch& log);

  [[nodiscard]] bool is_stopped() const noexcept { return stopped_; }
  [[nodiscard]] std::optional<Error> why() const;
  // True once after it has gone on, unless it has stopped again.
  bool take_resumed() noexcept { return resumed_.exchange(false); }
  // resume() cannot help, and there is room to open.
  [[nodiscard]] bool needs_new_start(const LogWatch& log) const;
  [[nodiscard]] bool has_room_to_open() const;

 private:
  void note(Error error);

  const std::string path_;
  const std::uint64_t room_;
  std::mutex resuming_;       // one at a time; why() does not wait for it
  mutable std::mutex mutex_;  // guards what follows
  std::optional<Error> why_;
  std::uint64_t stops_ = 0;
  bool beyond_resuming_ = false;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> resumed_ = false;
};

}  // namespace rollback
