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

std::string_view to_string(LeftOut kind) noexcept {
  switch (kind) {
    case LeftOut::kListed:
      return "a socket, FIFO, device or mount point";
    case LeftOut::kSpecial:
      return "a socket, FIFO or device";
    case LeftOut::kMountPoint:
      return "a mount point";
  }
  return "unknown";
}

std::vector<std::string> left_out_lines(const HostState& state, std::size_t limit) {
  std::vector<std::string> lines;
  for (const auto& [path, kind] : state.left_out) {
    if (lines.size() == limit) {
      lines.push_back(std::to_string(state.left_out.size() - limit) + " more are not recorded");
      break;
    }
    std::string line = path + " is " + std::string(to_string(kind)) +
                       ": it is not recorded, and a rollback leaves it alone";
    if (kind == LeftOut::kMountPoint) line += "; to record what is in it, name it in 'mounts'";
    lines.push_back(std::move(line));
  }
  return lines;
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
