// SPDX-License-Identifier: Apache-2.0
// A root directory with services and programs that are said, not run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/capture/capture.h"
#include "agent/resources/resource.h"
#include "core/fs/directory.h"
#include "tests/agent/resources/hooked_syscalls.h"
#include "tests/support/temp_directory.h"

namespace rollback {

class SaidServices final : public ServiceManager {
 public:
  std::map<std::string, UnitInfo> units;

  Result<UnitInfo> unit(const std::string& name, Duration) override {
    const auto found = units.find(name);
    if (found != units.end()) return found->second;
    UnitInfo info;
    info.name = name;
    info.load_state = "not-found";
    info.active_state = "inactive";
    return info;
  }
  Status start(const std::string&, Duration) override { return {}; }
  Status stop(const std::string&, Duration) override { return {}; }
  Status reload(const std::string&, Duration) override { return {}; }
  Status kill(const std::string&) override { return {}; }
  Status reset_failed(const std::string&) override { return {}; }
  Status daemon_reload(Duration) override { return {}; }
  Result<std::vector<std::string>> outdated_units(Duration) override {
    return std::vector<std::string>{};
  }
  Result<std::vector<std::string>> log_tail(const std::string&, std::size_t) override {
    return std::vector<std::string>{};
  }
};

class SaidPrograms final : public ChangeRunner {
 public:
  ProgramOutcome outcome;
  std::vector<ProgramRequest> requests;  // those that ask
  std::vector<ProgramRequest> changes;

  Result<ProgramOutcome> run(const ProgramRequest& request) override {
    requests.push_back(request);
    return outcome;
  }
  Result<ProgramOutcome> change(ProgramRequest request) override {
    changes.push_back(std::move(request));
    return outcome;
  }
};

struct TestHost {
  TempDirectory files;
  HookedSyscalls calls;
  Directory root = files.open(calls);
  SaidServices services;
  SaidPrograms programs;
  std::vector<ResourceSpec> specs;
  TreeSink sink;
  std::size_t reading_threads = 0;  // hooks of `calls` are for one thread

  [[nodiscard]] Platform platform() { return {root, services, programs}; }
  // Where `path` of the host is for the test itself.
  [[nodiscard]] std::string real(const std::string& path) const {
    return files.path().string() + path;
  }
  ResourceSpec& add(ResourceKind kind, const std::string& name, std::vector<std::string> paths) {
    ResourceSpec spec;
    spec.kind = kind;
    spec.name = name;
    spec.paths = std::move(paths);
    spec.where = "agent.yaml:" + std::to_string(specs.size() + 2);
    specs.push_back(std::move(spec));
    return specs.back();
  }
  Result<HostState> captured(const Snapshot* target = nullptr, bool manifest = true) {
    ReadPool readers(reading_threads);
    return capture(root, make_resources(specs, platform()), sink, readers, {},
                   {.target = target, .manifest = manifest});
  }
};

}  // namespace rollback
