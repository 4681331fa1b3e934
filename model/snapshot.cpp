// SPDX-License-Identifier: Apache-2.0
#include "model/snapshot.h"

namespace rollback {

std::string_view to_string(ResourceKind kind) noexcept {
  switch (kind) {
    case ResourceKind::kNginx:
      return "nginx";
    case ResourceKind::kSystemd:
      return "systemd";
    case ResourceKind::kBinary:
      return "binary";
    case ResourceKind::kFiles:
      return "files";
    case ResourceKind::kCompose:
      return "compose";
  }
  return "unknown";
}

Result<ResourceKind> parse_resource_kind(std::string_view text) {
  for (const auto kind : {ResourceKind::kNginx, ResourceKind::kSystemd, ResourceKind::kBinary,
                          ResourceKind::kFiles, ResourceKind::kCompose})
    if (text == to_string(kind)) return kind;
  return fail(ErrorCode::kInvalid,
              "'" + std::string(text) +
                  "' is no kind of resource: use nginx, systemd, binary, files or compose");
}

}  // namespace rollback
