// SPDX-License-Identifier: Apache-2.0
// http, tcp and reach probes, all at the same time, with libcurl. No redirects, no proxies, no
// other protocols; at most 64 KiB of a body are read. Any thread.
#pragma once

#include <vector>

#include "core/clock.h"
#include "model/health.h"

namespace rollback {

// One result per spec (kHttp, kTcp or kReach), in order, after the longest of their timeouts at the
// latest.
std::vector<ProbeResult> ask_web(const std::vector<ProbeSpec>& specs, const Clock& clock);

}  // namespace rollback
