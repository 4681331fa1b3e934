// SPDX-License-Identifier: Apache-2.0
// The eight bytes before every encoded value: magic, format version, kind. What one kind means can
// never be read as another, and a newer format is refused instead of half understood.
//
//   offset 0  4 bytes  "RBKC"
//   offset 4  2 bytes  format version, little-endian (1)
//   offset 6  2 bytes  kind, little-endian
//   offset 8           one Cap'n Proto segment in canonical form, without a segment table
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace rollback {

// Numbers are stored and never reused.
enum class FrameKind : std::uint16_t {
  kTree = 1,
  kSnapshot = 2,
  kRevision = 3,
  kHistoryEntry = 4,
  kRun = 5,
  kRunEvent = 6,
  // 7 was a plan
  kRollout = 8,
  kRolloutHost = 9,
  kHost = 10,
  kDeploy = 11,
  kCommand = 64,
  kEnvelope = 65,
  kReply = 66,
  kAgentMessage = 67,
  kCoordinatorMessage = 68,
  kEnrolmentRequest = 69,
  kEnrolmentAnswer = 70,
};
std::string_view name_of(FrameKind kind) noexcept;  // "tree", "command": for errors

inline constexpr std::string_view kFrameMagic = "RBKC";
inline constexpr std::uint16_t kFormatVersion = 1;
inline constexpr std::size_t kFrameHeader = 8;
// A directory of 65 536 entries with long names and xattrs fits.
inline constexpr std::size_t kMaxRecord = 64 * 1024 * 1024;

// kUnsupported: a newer format version. `code`: too short or long, another kind, no such frame.
Status check_frame(FrameKind kind, std::size_t limit, ErrorCode code, std::string_view bytes);

}  // namespace rollback
