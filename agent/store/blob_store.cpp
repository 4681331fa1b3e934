// SPDX-License-Identifier: Apache-2.0
#include "agent/store/blob_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/store/chunker.h"

namespace rollback {

Result<Digest> BlobStore::put(std::string_view bytes) {
  std::uint64_t taken = 0;
  if (bytes.size() < kChunkedSize) return put_whole(bytes, taken);
  BlobWriter writer(*this);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kChunkedSize)))
    ROLLBACK_TRY(writer.add(bytes.substr(0, kChunkedSize)));
  return writer.finish();
}

Result<Digest> BlobStore::put_whole(std::string_view bytes, std::uint64_t& taken,
                                    EffortBudget* budget) {
  const Digest digest = sha256(bytes);
  ROLLBACK_ASSIGN(const bool known, is_stored(digest));
  if (known) return digest;
  const auto effort = budget == nullptr ? Effort::kQuick : budget->take(bytes.size());
  thread_local std::string room;  // of the largest that is put whole
  ROLLBACK_ASSIGN(const auto packed, pack_blob(bytes, room, effort));
  ROLLBACK_TRY(put_packed(digest, packed));
  taken += packed.size();
  return digest;
}

Status BlobStore::put_packed(const Digest& digest, std::string_view packed) {
  return database_.put(Table::kBlobs, digest.view(), packed, Durability::kBulk);
}

Result<bool> BlobStore::is_stored(const Digest& digest) const {
  return database_.has(Table::kBlobs, digest.view());
}

Result<bool> BlobStore::has(const Digest& digest) const {
  if (database_.is_known_damaged(Table::kBlobs, digest.view())) return false;
  const auto list = chunks(digest);
  if (!list) {
    const auto code = list.error().code;  // what is damaged is noted: putting it again heals it
    if (code == ErrorCode::kNotFound || code == ErrorCode::kCorrupt) return false;
    return Failure(list.error());
  }
  for (const auto& chunk : *list) {
    ROLLBACK_ASSIGN(const bool there, is_stored(chunk.digest));
    if (!there) return false;
  }
  return true;
}

Failure BlobStore::note_damage(const Digest& digest, const std::string& what) const {
  return database_.note_damage(Table::kBlobs, digest.view(),
                               "content " + digest.hex() + ": " + what);
}

Result<std::string> BlobStore::load_packed(const Digest& digest) const {
  ROLLBACK_ASSIGN(auto packed, database_.get(Table::kBlobs, digest.view()));
  if (packed) return *std::move(packed);
  return fail(ErrorCode::kNotFound, "content " + digest.hex() + " is not stored");
}

Result<std::uint64_t> BlobStore::stored_size(const Digest& digest) const {
  ROLLBACK_ASSIGN(const auto packed, load_packed(digest));
  return packed.size();
}

Result<std::uint64_t> BlobStore::check_stored(const Digest& digest) const {
  ROLLBACK_ASSIGN(const auto packed, load_packed(digest));
  ROLLBACK_TRY(unpack(digest, packed));
  return packed.size();
}

bool is_sound_blob(const Digest& digest, std::string_view packed) {
  const auto stored = unpack_blob(digest, packed);
  if (!stored) return false;
  const auto* const whole = std::get_if<std::string>(&*stored);
  return whole == nullptr || sha256(*whole) == digest;
}

Result<BlobStore::Stored> BlobStore::load(const Digest& digest) const {
  ROLLBACK_ASSIGN(const auto packed, load_packed(digest));
  return unpack(digest, packed);
}

Result<BlobStore::Stored> BlobStore::unpack(const Digest& digest, std::string_view packed) const {
  auto stored = unpack_blob(digest, packed);
  if (!stored) return note_damage(digest, stored.error().message);
  const auto* const whole = std::get_if<std::string>(&*stored);
  if (whole != nullptr && sha256(*whole) != digest)
    return note_damage(digest, "what is stored has another hash");
  return stored;
}

Result<ChunkList> BlobStore::chunks(const Digest& digest) const {
  ROLLBACK_ASSIGN(const auto packed, load_packed(digest));
  if (!is_chunk_list(packed)) return ChunkList{};
  auto stored = unpack_blob(digest, packed);
  if (!stored) return note_damage(digest, stored.error().message);
  return std::get<ChunkList>(*std::move(stored));
}

Status BlobStore::read(const Digest& digest,
                       const std::function<Status(std::string_view)>& use) const {
  ROLLBACK_ASSIGN(const auto stored, load(digest));
  if (const auto* const whole = std::get_if<std::string>(&stored)) return use(*whole);
  for (const auto& chunk : std::get<ChunkList>(stored)) {
    const auto part = load(chunk.digest);
    if (!part) return Failure(part.error().within("content " + digest.hex()));
    const auto* const bytes = std::get_if<std::string>(&*part);
    if (bytes == nullptr || bytes->size() != chunk.size)
      return note_damage(digest, "chunk " + chunk.digest.hex() + " has another size");
    ROLLBACK_TRY(use(*bytes));
  }
  return {};
}

Result<std::string> BlobStore::get(const Digest& digest) const {
  std::string bytes;
  ROLLBACK_TRY(read(digest, [&](std::string_view piece) -> Status {
    if (bytes.size() + piece.size() > kMaxBlobSize)
      return fail(ErrorCode::kInvalid, "content " + digest.hex() + " is too large for memory");
    bytes += piece;
    return {};
  }));
  return bytes;
}

Status BlobWriter::add(std::string_view piece) {
  size_ += piece.size();
  if (size_ > kMaxContentSize)
    return fail(ErrorCode::kInvalid,
                fmt::format("a file of more than {} bytes is too large to be stored; exclude it",
                            kMaxContentSize));
  held_ += piece;
  if (hasher_) {
    hasher_->update(piece);
    return cut(kMaxChunk);
  }
  if (held_.size() < kChunkedSize) return {};
  hasher_.emplace().update(held_);
  return cut(kMaxChunk);
}

// Stores chunks from the front of what is held until less than `keep` is left.
Status BlobWriter::cut(std::size_t keep) {
  std::string_view rest(held_);
  while (rest.size() >= keep && !rest.empty()) {
    const std::string_view chunk = rest.substr(0, first_chunk(rest));
    ROLLBACK_ASSIGN(const Digest digest, blobs_.put_whole(chunk, taken_, budget_));
    chunks_.push_back({digest, static_cast<std::uint32_t>(chunk.size())});
    rest.remove_prefix(chunk.size());
  }
  held_.erase(0, held_.size() - rest.size());
  return {};
}

Result<Digest> BlobWriter::finish() {
  if (!hasher_) return blobs_.put_whole(held_, taken_, budget_);
  ROLLBACK_TRY(cut(1));
  const Digest digest = hasher_->finish();
  ROLLBACK_ASSIGN(const bool known, blobs_.is_stored(digest));
  if (known) return digest;
  const auto list = pack_chunks(digest, chunks_);
  ROLLBACK_TRY(blobs_.put_packed(digest, list));
  taken_ += list.size();
  return digest;
}

}  // namespace rollback
