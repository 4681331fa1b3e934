// SPDX-License-Identifier: Apache-2.0
#include "agent/store/blob_format.h"
#include "tests/fuzz/fuzzers.h"

namespace rollback::fuzz {

namespace {

// A larger one is believed only with as many bytes as a fuzzer never makes; the memory it would
// take says nothing.
constexpr std::uint64_t kLargest = 16ULL * 1024 * 1024;

}  // namespace

void blob(std::string_view bytes) {
  if (!is_chunk_list(bytes) && declared_size(bytes) > kLargest) return;
  const auto stored = unpack_blob(Digest(), bytes);
  if (!stored) return;
  if (const auto* const whole = std::get_if<std::string>(&*stored))
    promise(whole->size() == declared_size(bytes));
}

// The bytes are the size and the entries; the hash between them, which no fuzzer would find, is
// made here.
void chunk_list(std::string_view bytes) {
  constexpr std::size_t kNumber = 8;
  if (bytes.size() < kNumber) return;
  std::string list = pack_chunks(Digest(), {}).substr(0, 1);
  list += bytes.substr(0, kNumber);
  const auto entries = bytes.substr(kNumber);
  Hasher hasher;
  hasher.update(Digest().view());
  hasher.update(entries);
  list.append(hasher.finish().view()).append(entries);
  const auto stored = unpack_blob(Digest(), list);
  if (!stored) return;
  promise(pack_chunks(Digest(), std::get<ChunkList>(*stored)) == list);
}

}  // namespace rollback::fuzz
