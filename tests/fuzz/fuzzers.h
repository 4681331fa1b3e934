// SPDX-License-Identifier: Apache-2.0
// One function for each decoder that reads bytes of others. It returns for any input: what is wrong
// with a decoder shows as a crash, a sanitizer's finding or the abort of a broken promise.
//
// scripts/fuzz.sh links each to libFuzzer (entry.cpp); replay_test.cpp runs all on the corpus.
#pragma once

#include <cstdlib>
#include <string_view>

namespace rollback::fuzz {

void tree(std::string_view bytes);
void snapshot(std::string_view bytes);
void blob(std::string_view bytes);
void chunk_list(std::string_view bytes);
void archive(std::string_view bytes);

inline void promise(bool kept) {
  if (!kept) std::abort();
}

}  // namespace rollback::fuzz
