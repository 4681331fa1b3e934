// SPDX-License-Identifier: Apache-2.0
// Contents on their way between stores, in the form in which they are stored.
#include <fmt/format.h>

#include "agent/store/blob_store.h"

namespace rollback {

namespace {

Failure another(const Digest& digest) {
  return fail(ErrorCode::kCorrupt, "content " + digest.hex() + " has another hash");
}

}  // namespace

Result<std::string> BlobStore::packed(const Digest& digest) const {
  ROLLBACK_ASSIGN(auto packed, load_packed(digest));
  const auto stored = unpack_blob(digest, packed);
  if (!stored) return note_damage(digest, stored.error().message);
  const auto* const whole = std::get_if<std::string>(&*stored);
  if (whole != nullptr && sha256(*whole) != digest)
    return note_damage(digest, "what is stored has another hash");
  return packed;
}

Status BlobStore::put_unless_stored(const Digest& digest, std::string_view packed) {
  ROLLBACK_ASSIGN(const bool known, is_stored(digest));
  return known ? Status() : put_packed(digest, packed);
}

// What is stored already is looked at too: an archive that one store refuses, every store refuses.
// A list only says what it stands for, and whoever is given its chunks later believes it: so the
// whole is hashed once, here.
Status BlobStore::adopt(const Digest& digest, std::string_view packed) {
  ROLLBACK_ASSIGN(const auto stored, unpack_blob(digest, packed));
  if (const auto* const whole = std::get_if<std::string>(&stored)) {
    if (sha256(*whole) != digest) return another(digest);
    return put_unless_stored(digest, packed);
  }
  Hasher hasher;
  for (const auto& chunk : std::get<ChunkList>(stored)) {
    ROLLBACK_ASSIGN(const auto part, load(chunk.digest));
    const auto* const bytes = std::get_if<std::string>(&part);
    if (bytes == nullptr || bytes->size() != chunk.size)
      return fail(ErrorCode::kCorrupt, "content " + digest.hex() + " has a chunk of another size");
    hasher.update(*bytes);
  }
  if (hasher.finish() != digest) return another(digest);
  return put_unless_stored(digest, packed);
}

}  // namespace rollback
