// SPDX-License-Identifier: Apache-2.0
// The bytes of an archive: a pack of records that each say what they are, an index of them, and a
// footer that proves the whole (docs/formats/archive.md). Pure functions of values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/store/blob_format.h"
#include "core/digest.h"

namespace rollback {

inline constexpr std::string_view kArchiveMagic = "rollback-archive";
inline constexpr std::uint32_t kArchiveVersion = 1;
inline constexpr std::size_t kArchiveHeaderSize = 24;
inline constexpr std::size_t kArchiveFooterSize = 56;
inline constexpr std::size_t kRecordHeaderSize = 40;
inline constexpr std::size_t kIndexEntrySize = kRecordHeaderSize + 8;
inline constexpr std::uint64_t kMaxArchiveRecords = 4'000'000;
// A content that is not a list of chunks; larger ones are cut into chunks before they travel.
inline constexpr std::uint64_t kMaxArchiveContent = 16ULL * 1024 * 1024;

// What a pack holds. Numbers are stored and never reused.
enum class PackPurpose : std::uint32_t { kRelease = 1 };

enum class RecordKind : std::uint8_t {
  kContent = 1,    // id: SHA-256 of the content; payload: a stored blob that is no list
  kChunkList = 2,  // id: SHA-256 of the content; payload: a stored blob that is a list
  kTree = 3,       // id: SHA-256 of the payload, as in all that follow
  kSnapshot = 4,
  kRevision = 5,
  kHost = 6,  // name of the host that exported it
  kIndex = 15,
};

struct RecordHeader {
  RecordKind kind = RecordKind::kContent;
  std::uint32_t length = 0;  // of the payload
  Digest id;
  bool operator==(const RecordHeader&) const = default;
};

struct ArchiveFooter {
  std::uint64_t index_offset = 0;  // of the index's record header
  std::uint64_t records = 0;       // without the index
  bool operator==(const ArchiveFooter&) const = default;
};

// kCorrupt: these are not the bytes of an archive. kUnsupported: of a newer version, a kind or a
// flag that this one does not know, and must not overlook.
std::string encode_archive_header(PackPurpose purpose);
Status check_archive_header(std::string_view bytes);  // kArchiveHeaderSize of them
std::string encode_record_header(const RecordHeader& header);
Result<RecordHeader> decode_record_header(std::string_view bytes);  // kRecordHeaderSize of them
std::string encode_index_entry(const RecordHeader& header, std::uint64_t offset);
// The footer without its last 32 bytes, the SHA-256 of everything before these.
std::string encode_archive_footer(const ArchiveFooter& footer);
Result<ArchiveFooter> decode_archive_footer(std::string_view bytes);  // kArchiveFooterSize of them

// kCorrupt above what a record of this kind may hold.
Status check_record_length(const RecordHeader& header);

Failure damaged_archive(const std::string& why);
Failure newer_archive(const std::string& what);

}  // namespace rollback
