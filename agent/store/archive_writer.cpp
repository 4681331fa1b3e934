// SPDX-License-Identifier: Apache-2.0
#include "agent/store/archive_writer.h"

#include <fmt/format.h>

namespace rollback {

namespace {

constexpr std::size_t kBuffer = 256 * 1024;

}  // namespace

Status PackWriter::flush() {
  before_.update(buffer_);
  whole_.update(buffer_);
  ROLLBACK_TRY(sink_.write(buffer_));
  flushed_ += buffer_.size();
  buffer_.clear();
  return {};
}

Status PackWriter::put(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() < kBuffer ? Status() : flush();
}

Status PackWriter::append(const RecordHeader& header, std::string_view payload) {
  ROLLBACK_TRY(put(encode_record_header(header)));
  return put(payload);
}

Status PackWriter::add(RecordKind kind, const Digest& id, std::string_view payload) {
  const RecordHeader header{kind, static_cast<std::uint32_t>(payload.size()), id};
  if (header.length != payload.size() || !check_record_length(header) ||
      index_.size() / kIndexEntrySize >= kMaxArchiveRecords)
    return fail(ErrorCode::kInvalid,
                fmt::format("a release with more than {} records, or one of {} bytes, is too large "
                            "for an archive",
                            kMaxArchiveRecords, payload.size()));
  index_ += encode_index_entry(header, flushed_ + buffer_.size());
  return append(header, payload);
}

Result<PackWriter::Written> PackWriter::finish() {
  const ArchiveFooter footer{flushed_ + buffer_.size(), index_.size() / kIndexEntrySize};
  const RecordHeader header{RecordKind::kIndex, static_cast<std::uint32_t>(index_.size()),
                            sha256(index_)};
  ROLLBACK_TRY(append(header, index_));
  ROLLBACK_TRY(put(encode_archive_footer(footer)));
  ROLLBACK_TRY(flush());
  const Digest before = before_.finish();
  ROLLBACK_TRY(sink_.write(before.view()));
  whole_.update(before.view());
  return Written{footer.records, flushed_ + Digest::kSize, whole_.finish()};
}

}  // namespace rollback
