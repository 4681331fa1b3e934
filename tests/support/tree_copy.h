// SPDX-License-Identifier: Apache-2.0
// A copy of a tree in everything that a run may change: contents, holes, types, owners, modes,
// attributes, times and hard links. Plain system calls; failures throw.
#pragma once

#include <filesystem>

namespace rollback {

// What is in `from` is put into `to`, which exists and is empty, and `to` gets the rest of `from`.
void copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);

// What is in `directory` goes; it stays.
void empty_tree(const std::filesystem::path& directory);

}  // namespace rollback
