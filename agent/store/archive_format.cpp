// SPDX-License-Identifier: Apache-2.0
#include "agent/store/archive_format.h"

#include <fmt/format.h>

#include "protocol/frame.h"

namespace rollback {

namespace {

constexpr std::string_view kFooterMagic = "archive.";
constexpr std::size_t kBlobHeader = 9;
// Of a list: the shortest chunks, and one that is shorter still, at the end.
constexpr std::uint64_t kMaxList =
    kBlobHeader + Digest::kSize + (kMaxContentSize / (16 * 1024) + 1) * (Digest::kSize + 4);
constexpr std::uint64_t kMaxHostName = 255;

void put(std::string& bytes, std::uint64_t number, int width) {
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t take(std::string_view bytes, std::size_t offset, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = width; i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

bool is_known(std::uint64_t kind) {
  return (kind >= 1 && kind <= static_cast<std::uint64_t>(RecordKind::kHost)) ||
         kind == static_cast<std::uint64_t>(RecordKind::kIndex);
}

std::uint64_t most_bytes(RecordKind kind) {
  switch (kind) {
    case RecordKind::kContent:
      return kBlobHeader + kMaxArchiveContent;
    case RecordKind::kChunkList:
      return kMaxList;
    case RecordKind::kHost:
      return kMaxHostName;
    case RecordKind::kIndex:
      return kMaxArchiveRecords * kIndexEntrySize;
    case RecordKind::kTree:
    case RecordKind::kSnapshot:
    case RecordKind::kRevision:
      break;
  }
  return kMaxRecord;
}

}  // namespace

Failure damaged_archive(const std::string& why) {
  return fail(ErrorCode::kCorrupt, "the archive is damaged: " + why + "; nothing was imported");
}

Failure newer_archive(const std::string& what) {
  return fail(ErrorCode::kUnsupported, "the archive was made by a newer rollbackctl: " + what +
                                           "; update this host's rollback-agent first");
}

std::string encode_archive_header(PackPurpose purpose) {
  std::string bytes(kArchiveMagic);
  put(bytes, kArchiveVersion, 4);
  put(bytes, static_cast<std::uint32_t>(purpose), 4);
  return bytes;
}

Status check_archive_header(std::string_view bytes) {
  if (!bytes.starts_with(kArchiveMagic))
    return fail(ErrorCode::kInvalid,
                "this is no archive of rollbackctl; 'rollbackctl export' makes them");
  const auto version = take(bytes, 16, 4);
  if (version == 0) return damaged_archive("it has no version");
  if (version > kArchiveVersion)
    return newer_archive(
        fmt::format("it has format {} and this is read up to {}", version, kArchiveVersion));
  const auto purpose = take(bytes, 20, 4);
  if (purpose != static_cast<std::uint32_t>(PackPurpose::kRelease))
    return newer_archive(fmt::format("it holds no release but something else ({})", purpose));
  return {};
}

std::string encode_record_header(const RecordHeader& header) {
  std::string bytes(1, static_cast<char>(header.kind));
  put(bytes, 0, 3);  // flags, and room
  put(bytes, header.length, 4);
  return bytes.append(header.id.view());
}

Result<RecordHeader> decode_record_header(std::string_view bytes) {
  if (const auto kind = take(bytes, 0, 1); !is_known(kind))
    return newer_archive(fmt::format("it holds a record of the unknown kind {}", kind));
  if (const auto flags = take(bytes, 1, 3); flags != 0)
    return newer_archive(fmt::format("it holds a record with the unknown flags {:#x}", flags));
  RecordHeader header;
  header.kind = static_cast<RecordKind>(bytes[0]);
  header.length = static_cast<std::uint32_t>(take(bytes, 4, 4));
  ROLLBACK_ASSIGN(header.id, Digest::from_bytes(bytes.substr(8, Digest::kSize)));
  return header;
}

std::string encode_index_entry(const RecordHeader& header, std::uint64_t offset) {
  std::string bytes = encode_record_header(header);
  put(bytes, offset, 8);
  return bytes;
}

std::string encode_archive_footer(const ArchiveFooter& footer) {
  std::string bytes;
  put(bytes, footer.index_offset, 8);
  put(bytes, footer.records, 8);
  return bytes.append(kFooterMagic);
}

Result<ArchiveFooter> decode_archive_footer(std::string_view bytes) {
  if (bytes.substr(16, kFooterMagic.size()) != kFooterMagic)
    return damaged_archive("its end is missing");
  return ArchiveFooter{take(bytes, 0, 8), take(bytes, 8, 8)};
}

Status check_record_length(const RecordHeader& header) {
  if (header.length <= most_bytes(header.kind)) return {};
  return damaged_archive(fmt::format("a record of kind {} declares {} bytes",
                                     static_cast<int>(header.kind), header.length));
}

}  // namespace rollback
