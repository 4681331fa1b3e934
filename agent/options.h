// SPDX-License-Identifier: Apache-2.0
// /etc/rollback/agent.yaml as a value. Everything that can be wrong with the text is found here,
// with file and line; what depends on the host (missing units, symlinked parents) is found by
// `config check` and at start.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/health.h"
#include "model/retention.h"
#include "model/snapshot.h"

namespace rollback {

struct CoordinatorOption {
  std::string endpoint;           // "tcp://10.0.0.1:7400"
  std::string enrolment;          // "tcp://10.0.0.1:7401": the port after the endpoint's by default
  std::vector<std::string> keys;  // files with one public key each
};

// One entry of `resources:`. Fields that a kind does not have are errors.
struct ResourceSpec {
  ResourceKind kind = ResourceKind::kFiles;
  std::string name;                       // defaults: nginx "nginx", systemd its first unit
  std::vector<std::string> paths;         // nginx: its prefix; compose: project_dir
  std::vector<std::string> units;         // systemd
  std::vector<std::string> exclude;       // globs on names and paths below the managed ones
  std::vector<std::string> secret;        // globs; diffs show hashes only
  std::vector<std::string> allow_setuid;  // exact paths that may be setuid or carry capabilities
  std::vector<std::string> mounts;        // mount points below the managed paths that are crossed
  std::vector<std::string> restart_on;    // units restarted when anything of this resource changes
  std::vector<std::string> reload_on;     // units reloaded instead
  std::vector<std::string> version;       // argv; its output is recorded as a fact
  std::string where;                      // "agent.yaml:12"
};

// Something about the host that a release depends on without holding it: a schema's version.
struct FactSpec {
  std::string name;
  std::vector<std::string> argv;  // its first line of output is the value
  Duration timeout = std::chrono::seconds(5);
};

// Programs that take the host out of traffic and back in, run around what interrupts it.
struct HookOptions {
  std::vector<std::vector<std::string>> drain;  // argv of each, in order
  std::vector<std::vector<std::string>> readmit;
  Duration timeout = std::chrono::seconds(30);  // of each
  [[nodiscard]] bool empty() const noexcept { return drain.empty() && readmit.empty(); }
  bool operator==(const HookOptions&) const = default;
};

struct AgentOptions {
  std::string fleet;  // "" accepts the first coordinator's; else it must be the same
  std::string name;   // of the host; "" is the machine's host name
  std::vector<CoordinatorOption> coordinators;
  std::vector<std::string> witnesses;  // "10.0.0.9:22": who answers as long as the network works
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<ResourceSpec> resources;
  std::vector<ProbeSpec> health;
  std::vector<FactSpec> facts;
  HookOptions hooks;
  GateSpec gate;
  std::string operators_group;  // may use the socket besides root; "" nobody
  RetentionRules retention;     // none: nothing is removed by itself
  std::size_t max_removals =
      1000;  // files no release recorded; above it --accept-removals is asked

  static Result<AgentOptions> parse(std::string_view yaml, const std::string& file_name);
};

}  // namespace rollback
