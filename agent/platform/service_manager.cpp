// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/service_manager.h"

#include <fmt/format.h>

namespace rollback {

std::string describe_state(const UnitInfo& unit) {
  if (unit.load_state != "loaded") return unit.load_state;
  std::string text = fmt::format("{} ({})", unit.active_state, unit.sub_state);
  if (!unit.result.empty() && unit.result != "success") text += ", result " + unit.result;
  if (unit.exit_status != 0) text += fmt::format(", exit status {}", unit.exit_status);
  return text;
}

}  // namespace rollback
