// SPDX-License-Identifier: Apache-2.0
// The two ends of a comparison: a release, or the host as it is now.
#pragma once

#include <string>

#include "agent/plan/diff.h"
#include "agent/service/host.h"
#include "agent/service/outbox.h"

namespace rollback {

inline constexpr std::string_view kLive = "live";

struct Side {
  HostState state;
  bool live = false;
};

Result<Side> load_recorded(const Host& host, const std::string& name);
// Run thread. `recorded`: what it is compared with, so that what only that one has is looked for
// too; may be nullptr. How far it is goes to `stream`.
Result<Side> load_live(Host& host, const Side* recorded, Stream& stream);

// Paths, changes and differences; nothing of contents.
DiffItem item_of(const PathChange& change);

}  // namespace rollback
