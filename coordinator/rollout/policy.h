// SPDX-License-Identifier: Apache-2.0
// What follows from a rollout's policy and its hosts: waves, thresholds, the exit code. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/exit_code.h"
#include "model/rollout.h"

namespace rollback {

inline constexpr std::string_view kTimeIsUp = "the run's time was up before its turn came";

// When a host that was told to go and never answers is given up: beyond the run's time, and the
// time in which it goes back by itself.
[[nodiscard]] WallTime answer_deadline(const RolloutRecord& state);

// It was asked, or is about to be asked, to prepare.
[[nodiscard]] bool is_asked(const RolloutHost& host);
[[nodiscard]] std::size_t count_phase(const RolloutRecord& state, HostPhase phase);
// Restored, inconsistent, without an answer, or refused when its turn came.
[[nodiscard]] std::size_t failed_hosts(const RolloutRecord& state);
// On the target because this rollout changed them: what an undo would take back.
[[nodiscard]] std::size_t changed_hosts(const RolloutRecord& state);
// It did something that lasted, be it that an undo took it back or nobody knows how it ended.
[[nodiscard]] bool has_changed_a_host(const RolloutRecord& state);
[[nodiscard]] bool too_many_failed(const RolloutRecord& state);

// Why the rollout may not begin after every host was asked; "" when it may.
[[nodiscard]] std::string shortfall(const RolloutRecord& state);

// Gives every ready host its wave, in order: sizes from the batches, rounded up, the last repeats.
void assign_waves(RolloutRecord& state);
// The lowest wave with a ready host; 0 when there is none.
[[nodiscard]] std::uint32_t next_wave(const RolloutRecord& state);

// Precedence 5 > 6 > 9 > 4 > 2 > 0 over the hosts.
[[nodiscard]] ExitCode exit_code_of(const RolloutRecord& state);

}  // namespace rollback
