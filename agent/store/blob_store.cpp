// SPDX-License-Identifier: Apache-2.0
#include "agent/store/blob_store.h"

#include "agent/store/blob_format.h"

namespace rollback {

Result<Digest> BlobStore::put(std::string_view bytes) {
  const Digest digest = sha256(bytes);
  ROLLBACK_ASSIGN(const bool known, has(digest));
  if (known) return digest;
  ROLLBACK_ASSIGN(auto packed, pack_blob(bytes));
  ROLLBACK_TRY(database_.write({{Table::kBlobs, std::string(digest.view()), std::move(packed)}},
                               Durability::kBuffered));
  return digest;
}

Result<bool> BlobStore::has(const Digest& digest) const {
  return database_.has(Table::kBlobs, digest.view());
}

Result<std::string> BlobStore::get(const Digest& digest) const {
  ROLLBACK_ASSIGN(const auto packed, database_.get(Table::kBlobs, digest.view()));
  if (!packed) return fail(ErrorCode::kNotFound, "content " + digest.hex() + " is not stored");
  auto content = unpack_blob(*packed);
  const std::string name = "content " + digest.hex();
  if (!content)
    return database_.note_damage(Table::kBlobs, digest.view(),
                                 content.error().within(name).message);
  if (sha256(*content) != digest)
    return database_.note_damage(Table::kBlobs, digest.view(),
                                 name + ": what is stored has another hash");
  return content;
}

}  // namespace rollback
