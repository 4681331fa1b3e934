// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/store/archive_check.h"
#include "agent/store/archive_reader.h"
#include "protocol/records.h"
#include "tests/fuzz/fuzzers.h"

namespace rollback::fuzz {

namespace {

class Bytes final : public ByteSource {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  Result<std::size_t> read(char* bytes, std::size_t size) override {
    const std::size_t taken = std::min(size, rest_.size());
    std::copy_n(rest_.data(), taken, bytes);
    rest_.remove_prefix(taken);
    return taken;
  }

 private:
  std::string_view rest_;
};

// As an import does, without a store and without comparing ids, which would end most inputs.
void check_record(ArchiveCheck& check, const PackRecord& record) {
  switch (record.header.kind) {
    case RecordKind::kContent:
      (void)check.add_content(record.header.id, record.payload);
      return;
    case RecordKind::kChunkList:
      (void)check.add_chunk_list(record.header.id, record.payload);
      return;
    case RecordKind::kTree:
      if (const auto tree = decode_tree(record.payload))
        (void)check.add_tree(record.header.id, *tree);
      return;
    case RecordKind::kSnapshot:
      if (const auto snapshot = decode_snapshot(record.payload))
        (void)check.add_snapshot(*snapshot);
      return;
    case RecordKind::kRevision:
      (void)decode_revision(record.payload);
      return;
    case RecordKind::kHost:
    case RecordKind::kIndex:
      return;
  }
}

}  // namespace

void archive(std::string_view bytes) {
  Bytes source(bytes);
  PackReader reader(source);
  ArchiveCheck check;
  for (;;) {
    const auto record = reader.next();
    if (!record || !*record) break;
    check_record(check, **record);
  }
  (void)check.everything_is_named();
  const auto read = [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
    return std::string(bytes.substr(std::min<std::uint64_t>(offset, bytes.size()), size));
  };
  const auto summary = summarise_pack(read, bytes.size());
  promise(!summary || summary->contents <= summary->records);
}

}  // namespace rollback::fuzz
