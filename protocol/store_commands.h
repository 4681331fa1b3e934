// SPDX-License-Identifier: Apache-2.0
// Requests about the store of a host, for commands.h.
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.h"

namespace rollback {

enum class MarkChange { kPin = 1, kUnpin = 2, kBlock = 3, kUnblock = 4 };
struct MarkRequest {
  std::string revision;
  MarkChange change = MarkChange::kPin;
};
// 0: what the configuration says.
struct PruneRequest {
  bool dry_run = false;
  std::uint32_t keep = 0;      // good releases
  Duration older_than{};       // only what was recorded before
  std::uint64_t max_size = 0;  // bytes of the store
};
struct StatsRequest {};
// The bytes go through a descriptor that comes with the request (unix_channel.h).
struct ExportRequest {
  std::string revision;
};
struct ImportRequest {};

}  // namespace rollback
