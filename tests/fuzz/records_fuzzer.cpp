// SPDX-License-Identifier: Apache-2.0
#include "protocol/records.h"
#include "tests/fuzz/fuzzers.h"

namespace rollback::fuzz {

// What was decoded can be encoded, and is the same when it is read again.
void tree(std::string_view bytes) {
  const auto decoded = decode_tree(bytes);
  if (!decoded) return;
  const auto encoded = encode_tree(*decoded);
  promise(encoded.has_value() && decode_tree(*encoded) == *decoded);
  (void)content_root(*decoded);
}

void snapshot(std::string_view bytes) {
  const auto decoded = decode_snapshot(bytes);
  if (!decoded) return;
  const auto encoded = encode_snapshot(*decoded);
  promise(encoded.has_value() && decode_snapshot(*encoded) == *decoded);
  (void)content_root(*decoded);
}

}  // namespace rollback::fuzz
