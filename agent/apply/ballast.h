// SPDX-License-Identifier: Apache-2.0
// 64 MiB of the state directory's disk that nobody uses, so that a run has room for its journal and
// its stage when the disk is full. Given up by the run that needs it, made again between runs when
// there is plenty of room. One thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "core/fs/directory.h"

namespace rollback {

inline constexpr std::uint64_t kBallastBytes = 64ULL << 20U;

// What is free on the file system of a directory, in bytes, for this process.
Result<std::uint64_t> free_bytes(const Directory& directory);

// Makes it where it is not whole and as much and kMargin more stay free. "" when it is there
// afterwards, else one sentence that says why not.
std::string hold_ballast(const Directory& state);
// Whether it is there: one look at one file.
bool has_ballast(const Directory& state);
// True when there was one, which is free space now.
bool give_up_ballast(const Directory& state);

inline constexpr std::uint64_t kMargin = 16ULL << 20U;  // bytes that stay free on every mount

}  // namespace rollback
