// SPDX-License-Identifier: Apache-2.0
// Answers about the store of a host, for replies.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/digest.h"

namespace rollback {

// How far a long piece of work is.
struct ProgressItem {
  std::string work;  // "capture", "verify", "export", "import", "prune"
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t total_files = 0;  // 0: not known
  std::uint64_t total_bytes = 0;
  Duration elapsed{};
};
// What retention decides about one revision.
struct PruneItem {
  std::string revision;
  bool removed = false;  // or would be, in a dry run
  std::string why;
  std::uint64_t bytes = 0;  // stored bytes that only it refers to
};
struct PruneSummary {
  bool dry_run = false;
  std::uint32_t removed = 0;  // revisions
  std::uint32_t kept = 0;
  std::uint64_t bytes = 0;        // stored bytes that are referred to no more
  std::uint64_t disk_before = 0;  // bytes the store takes on its file system
  std::uint64_t disk_after = 0;
};
// Something stored that is not what it was.
struct DamageItem {
  std::string object;                 // "content 3f2a..", "tree ..", "snapshot .."
  std::string what;                   // what is wrong with it
  std::vector<std::string> releases;  // every one that it damages
  std::vector<std::string> paths;     // of the first of them; bounded
  bool repaired = false;
};
struct VerifySummary {
  bool deep = false;
  std::uint64_t objects = 0;  // looked at, those of an interrupted one before included
  std::uint64_t bytes = 0;
  std::uint32_t damaged = 0;
  std::uint32_t repaired = 0;
  bool resumed = false;
};
struct ReleaseStats {
  std::string revision;
  std::uint64_t files = 0;
  std::uint64_t logical = 0;  // bytes of its files
  std::uint64_t stored = 0;   // bytes that are stored for it
  std::uint64_t unique = 0;   // of them, what no other revision refers to
  std::string stays{};        // how long, by the retention of its host; "" when that is not known
};
struct StoreStats {
  std::uint32_t revisions = 0;
  std::uint64_t logical = 0;   // of all revisions
  std::uint64_t distinct = 0;  // of them, what is stored once, before compression
  std::uint64_t stored = 0;
  std::uint64_t disk = 0;  // bytes the store takes on its file system
  std::uint64_t contents = 0;
  std::uint64_t trees = 0;
};
struct ArchiveItem {
  std::string revision;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // of the archive
  Digest digest;            // SHA-256 of the archive
};

}  // namespace rollback
