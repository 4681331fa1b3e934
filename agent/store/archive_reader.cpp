// SPDX-License-Identifier: Apache-2.0
#include "agent/store/archive_reader.h"

#include <algorithm>

namespace rollback {

namespace {

constexpr std::size_t kPiece = 256 * 1024;  // read at once

Failure cut_short() { return damaged_archive("it is cut short"); }

}  // namespace

Result<std::size_t> PackReader::fill() {
  if (used_ < buffer_.size()) return buffer_.size() - used_;
  buffer_.resize(kPiece);
  used_ = 0;
  auto got = source_.read(buffer_.data(), buffer_.size());
  buffer_.resize(got ? *got : 0);
  return got;
}

void PackReader::hash(std::string_view bytes) {
  before_.update(bytes);
  whole_.update(bytes);
}

// Grows with what comes, not with what was promised.
Result<std::string> PackReader::take(std::size_t size) {
  std::string taken;
  while (taken.size() < size) {
    ROLLBACK_ASSIGN(const std::size_t waiting, fill());
    if (waiting == 0) return cut_short();
    const std::size_t piece = std::min(waiting, size - taken.size());
    taken.append(buffer_, used_, piece);
    used_ += piece;
  }
  bytes_ += size;
  return taken;
}

Result<std::optional<PackRecord>> PackReader::next() {
  if (!begun_) {
    ROLLBACK_ASSIGN(const auto begin, take(kArchiveHeaderSize));
    ROLLBACK_TRY(check_archive_header(begin));
    hash(begin);
    begun_ = true;
  }
  const std::uint64_t offset = bytes_;
  ROLLBACK_ASSIGN(const auto bytes, take(kRecordHeaderSize));
  hash(bytes);
  PackRecord record;
  ROLLBACK_ASSIGN(record.header, decode_record_header(bytes));
  ROLLBACK_TRY(check_record_length(record.header));
  if (record.header.kind == RecordKind::kIndex) {
    ROLLBACK_TRY(finish(record.header, offset));
    return std::nullopt;
  }
  if (++records_ > kMaxArchiveRecords) return damaged_archive("it holds too many records");
  ROLLBACK_ASSIGN(record.payload, take(record.header.length));
  hash(record.payload);
  index_.update(encode_index_entry(record.header, offset));
  return record;
}

Status PackReader::finish(const RecordHeader& header, std::uint64_t offset) {
  const Digest expected = index_.finish();
  if (header.length != records_ * kIndexEntrySize || header.id != expected)
    return damaged_archive("its index does not fit its records");
  Hasher index;
  for (std::size_t left = header.length; left > 0;) {
    ROLLBACK_ASSIGN(const auto piece, take(std::min(left, kPiece)));
    index.update(piece);
    hash(piece);
    left -= piece.size();
  }
  if (index.finish() != expected) return damaged_archive("its index does not fit its records");
  ROLLBACK_ASSIGN(const auto end, take(kArchiveFooterSize));
  ROLLBACK_ASSIGN(const auto footer, decode_archive_footer(end));
  if (footer != ArchiveFooter{offset, records_})
    return damaged_archive("its end does not fit its records");
  const std::size_t hashed = kArchiveFooterSize - Digest::kSize;
  hash(std::string_view(end).substr(0, hashed));
  if (before_.finish().view() != std::string_view(end).substr(hashed))
    return damaged_archive("its hash is another");
  whole_.update(std::string_view(end).substr(hashed));
  digest_ = whole_.finish();
  ROLLBACK_ASSIGN(const std::size_t behind, fill());
  return behind == 0 ? Status() : damaged_archive("something follows its end");
}

Result<PackSummary> summarise_pack(const ReadAt& read, std::uint64_t size) {
  ROLLBACK_ASSIGN(const auto begin, read(0, kArchiveHeaderSize));
  if (begin.size() < kArchiveHeaderSize) return cut_short();
  ROLLBACK_TRY(check_archive_header(begin));
  if (size < kArchiveHeaderSize + kRecordHeaderSize + kArchiveFooterSize) return cut_short();
  ROLLBACK_ASSIGN(const auto end, read(size - kArchiveFooterSize, kArchiveFooterSize));
  if (end.size() < kArchiveFooterSize) return cut_short();
  ROLLBACK_ASSIGN(const auto footer, decode_archive_footer(end));
  const std::uint64_t room = size - kArchiveFooterSize - kRecordHeaderSize;
  if (footer.index_offset > room || footer.records > kMaxArchiveRecords ||
      footer.records * kIndexEntrySize != room - footer.index_offset)
    return damaged_archive("its end does not fit its size");
  std::uint64_t offset = footer.index_offset;
  ROLLBACK_ASSIGN(const auto bytes, read(offset, kRecordHeaderSize));
  if (bytes.size() < kRecordHeaderSize) return cut_short();
  ROLLBACK_ASSIGN(const auto header, decode_record_header(bytes));
  offset += kRecordHeaderSize;
  PackSummary summary{footer.records, 0};
  Hasher hasher;
  for (std::uint64_t left = footer.records; left > 0;) {
    const std::uint64_t now = std::min<std::uint64_t>(left, kPiece / kIndexEntrySize);
    ROLLBACK_ASSIGN(const auto piece, read(offset, now * kIndexEntrySize));
    if (piece.size() != now * kIndexEntrySize) return cut_short();
    hasher.update(piece);
    for (std::size_t at = 0; at < piece.size(); at += kIndexEntrySize) {
      ROLLBACK_ASSIGN(const auto entry,
                      decode_record_header(std::string_view(piece).substr(at, kRecordHeaderSize)));
      summary.contents +=
          entry.kind == RecordKind::kContent || entry.kind == RecordKind::kChunkList;
    }
    offset += piece.size();
    left -= now;
  }
  if (header.kind != RecordKind::kIndex || hasher.finish() != header.id)
    return damaged_archive("its index is not what its end says");
  return summary;
}

}  // namespace rollback
