// SPDX-License-Identifier: Apache-2.0
// What a ProgressItem means in time, the same for scripts and for terminals. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/replies.h"

namespace rollback {

// On average since it began; nullopt where no time has passed.
std::optional<std::uint64_t> bytes_per_second(const ProgressItem& item);
// What is left, at the pace so far: of bytes, or of files where the bytes are not known. nullopt
// without a total, before anything is done, and when the total was an estimate that is passed.
std::optional<Duration> time_left(const ProgressItem& item);

}  // namespace rollback
