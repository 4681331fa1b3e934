// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/capture/capture.h"
#include "agent/layout.h"
#include "agent/resources/locate.h"

namespace rollback {

namespace {

Status require_path(const Directory& root, const ResourceSpec& spec, const std::string& path) {
  ROLLBACK_ASSIGN(const auto stat, find_stat_at(root, path));
  if (stat) return {};
  return fail(ErrorCode::kNotFound, spec.where + ": " + path + " of " +
                                        std::string(to_string(spec.kind)) + "/" + spec.name +
                                        " does not exist on this host");
}

Status require_unit(UnitReader& reader, const ResourceSpec& spec, const std::string& unit) {
  ROLLBACK_ASSIGN(const auto info, reader.unit(unit));
  if (info.load_state != "not-found") return {};
  return fail(ErrorCode::kNotFound,
              spec.where + ": the unit " + unit + " does not exist on this host");
}

// One compose file is enough; .env and overrides are optional.
Status require_project(const Directory& root, const ResourceSpec& spec) {
  ROLLBACK_TRY(require_path(root, spec, spec.paths.front()));
  for (const auto& path : compose_candidates(spec.paths.front())) {
    if (path.ends_with("/.env") || path.find("override") != std::string::npos) continue;
    ROLLBACK_ASSIGN(const auto stat, find_stat_at(root, path));
    if (stat) return {};
  }
  return fail(ErrorCode::kNotFound, spec.where + ": " + spec.paths.front() +
                                        " holds no compose.yaml or older name of it");
}

}  // namespace

Status require_present(const std::vector<ResourceSpec>& specs, const Platform& platform) {
  for (const auto& spec : specs) {
    if (spec.kind == ResourceKind::kCompose) {
      ROLLBACK_TRY(require_project(platform.root, spec));
      continue;
    }
    for (const auto& path : spec.paths) ROLLBACK_TRY(require_path(platform.root, spec, path));
    for (const auto& units : {spec.units, spec.restart_on, spec.reload_on})
      for (const auto& unit : units) ROLLBACK_TRY(require_unit(platform.units, spec, unit));
  }
  return {};
}

}  // namespace rollback
