// SPDX-License-Identifier: Apache-2.0
#include "agent/service/self_check.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <set>

#include "model/tree.h"

namespace rollback {

namespace {

// The parents that rollback-agent.service makes writable.
constexpr std::array<std::string_view, 4> kWritable = {"/etc", "/opt", "/srv", "/usr/local"};

// Directories in which the agent stages, the parents of what it manages, and where the first
// resource that needs each was configured.
std::map<std::string, std::string> managed_parents(const AgentOptions& options) {
  std::map<std::string, std::string> parents;
  for (const auto& resource : options.resources) {
    for (const auto& path : resource.paths)
      parents.emplace(path.substr(0, path.rfind('/')), resource.where);
    if (resource.kind == ResourceKind::kSystemd)
      parents.emplace("/etc/systemd/system", resource.where);
  }
  parents.erase("");
  return parents;
}

Status prove_write(const Directory& root, const std::string& parent) {
  ROLLBACK_ASSIGN(const auto directory, root.open_directory(parent.substr(1), Crossing::kAllow));
  const std::string name = ".rollback-write-check";
  ROLLBACK_TRY(directory.remove_tree(name));
  ROLLBACK_TRY(directory.make_directory(name, 0700));
  return directory.remove_directory(name);
}

Status prove_proc(const Directory& root) {
  ROLLBACK_ASSIGN(const auto init, root.open_directory("proc/1", Crossing::kAllow));
  ROLLBACK_ASSIGN(const auto target, init.read_link("exe"));
  (void)target;  // that it can be read is the proof
  return {};
}

}  // namespace

std::vector<CheckFinding> self_check(const Directory& root, const AgentOptions& options) {
  std::vector<CheckFinding> findings;
  if (const auto etc = root.open_directory("etc", Crossing::kAllow); !etc)
    findings.push_back({true, "openat2 does not work here (" + etc.error().message +
                                  "); a unit file with RestrictSUIDSGID= causes that"});
  if (const auto proc = prove_proc(root); !proc)
    findings.push_back({true, "cannot read /proc/1/exe (" + proc.error().message +
                                  "); the agent needs root and CAP_SYS_PTRACE"});
  for (const auto& [parent, where] : managed_parents(options)) {
    const auto written = prove_write(root, parent);
    if (written) continue;
    const bool absent = written.error().code == ErrorCode::kNotFound;
    findings.push_back(
        {!absent, where + ": cannot write in " + parent + ": " + written.error().message +
                      (absent ? ""
                              : "; give rollback-agent.service and rollback-recover.service "
                                "a drop-in with ReadWritePaths=-" +
                                    parent)});
  }
  return findings;
}

std::string needed_drop_in(const AgentOptions& options) {
  std::set<std::string> missing;
  for (const auto& [parent, where] : managed_parents(options)) {
    bool covered = false;
    for (const auto writable : kWritable) covered = covered || is_within(parent, writable);
    if (!covered) missing.insert(parent);
  }
  if (missing.empty()) return "";
  return fmt::format(
      "rollback-agent.service and rollback-recover.service each need a drop-in with "
      "ReadWritePaths=-{}",
      fmt::join(missing, " -"));
}

}  // namespace rollback
