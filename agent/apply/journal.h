// SPDX-License-Identifier: Apache-2.0
// The journal of the one run that holds this host: a small append-only file in the state directory.
// Each record is synced before append() returns; a torn tail (the record being written when the
// power went) is cut off on reading. Damage before the tail is kCorrupt and changes nothing.
// Needs no store. Format: docs/formats/journal.md. One owner, one thread; the lock excludes others.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/apply/journal_records.h"
#include "core/fs/directory.h"

namespace rollback {

// Held by whoever writes the journal or decides over it. Ends with the object or the process.
class RunLock {
 public:
  // kBusy when another process (or object) holds it.
  static Result<RunLock> take(const Directory& state);

 private:
  explicit RunLock(File file) : file_(std::move(file)) {}
  File file_;
};

// A journal as it was found.
struct JournalContent {
  JournalBegin begin;
  std::optional<JournalIntent> intent;
  RunPhase phase = RunPhase::kPlanned;
  std::optional<JournalFilesUndone> undone;
  std::optional<JournalConfirm> confirm;  // the last one
};

class Journal {
 public:
  // A new journal that begins with `begin`. kExists when there is one.
  static Result<Journal> create(const Directory& state, const JournalBegin& begin);
  // The unfinished run's; nullopt when there is none (also when the crash came before its first
  // record was complete). kUnsupported for a newer format, kCorrupt for damage; both name the file.
  static Result<std::optional<JournalContent>> find(const Directory& state);
  // Goes on with what find() read: cuts the torn tail, appends after it.
  static Result<Journal> reopen(const Directory& state);
  // When the run's outcome is recorded. Absent is success.
  static Status remove(const Directory& state);

  // After a failed append nothing more is appended: the file's end is not known any more.
  template <typename Record>
  Status append(const Record& record) {
    return append_encoded([&](const UsePiece& use) { encode_journal_record(record, use); });
  }

  // Room for that many bytes after what is there (kNoSpace), so that appending them needs none.
  // Where the file system gives no such promise, nothing.
  Status reserve(std::uint64_t bytes) const;

 private:
  // Encodes twice: a record begins with its length and its sum.
  Status append_encoded(const std::function<void(const UsePiece&)>& encode);
  Journal(Syscalls& calls, File file, Digest last, std::uint64_t size)
      : calls_(&calls), file_(std::move(file)), last_(last), size_(size) {}
  Syscalls* calls_;
  File file_;
  Digest last_;         // of the record before
  std::uint64_t size_;  // bytes that are known to be good
  bool poisoned_ = false;
};

}  // namespace rollback
