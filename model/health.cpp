// SPDX-License-Identifier: Apache-2.0
#include "model/health.h"

namespace rollback {

std::string_view to_string(ProbeKind kind) noexcept {
  switch (kind) {
    case ProbeKind::kHttp:
      return "http";
    case ProbeKind::kTcp:
      return "tcp";
    case ProbeKind::kUnit:
      return "unit";
    case ProbeKind::kExec:
      return "exec";
    case ProbeKind::kReach:
      return "reach";
  }
  return "unknown";
}

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kHealthy:
      return "healthy";
    case Verdict::kDegraded:
      return "degraded";
    case Verdict::kUnhealthy:
      return "unhealthy";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Verdict verdict_of(const std::vector<ProbeResult>& results) {
  if (results.empty()) return Verdict::kUnknown;
  auto verdict = Verdict::kHealthy;
  for (const auto& result : results) {
    if (result.green) continue;
    if (result.required) return Verdict::kUnhealthy;
    verdict = Verdict::kDegraded;
  }
  return verdict;
}

}  // namespace rollback
