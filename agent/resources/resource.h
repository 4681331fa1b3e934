// SPDX-License-Identifier: Apache-2.0
// What a kind of resource must do. A resource says what it owns and checks what it would become;
// reading, storing and changing files is the same for all kinds and is done elsewhere.
// Used by the run thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/options.h"
#include "agent/platform/program_runner.h"
#include "agent/platform/service_manager.h"
#include "core/fs/directory.h"
#include "model/snapshot.h"

namespace rollback {

// What a resource owns right now.
struct ResourceScope {
  std::vector<std::string>
      paths;  // absolute; also those that do not exist now but would be its own
  std::vector<UnitState> units;
  std::vector<Fact> facts;
  std::vector<std::string> services{};  // of a compose project, those that run
};

// The target, merged with what is unmanaged, as complete copies of configuration roots.
struct PreviewMount {
  std::string source;       // absolute path of the copy
  std::string destination;  // the live path it stands for
};

struct Complaint {
  std::string text;  // one line: "nginx -t: unknown directive "foo" in /etc/nginx/nginx.conf:3"
};

class Resource {
 public:
  virtual ~Resource() = default;
  [[nodiscard]] virtual const ResourceSpec& spec() const noexcept = 0;
  virtual Result<ResourceScope> scope() = 0;
  // Live directories whose merged copies its validator needs ("/etc/nginx"); none: no validator.
  [[nodiscard]] virtual std::vector<std::string> preview_roots(
      const ResourceSnapshot& target) const = 0;
  // Whether those copies may hold links to live entries in the place of what does not change: for
  // directories that hold data, too.
  [[nodiscard]] virtual bool preview_links_to_live() const { return false; }
  // Complaints about what is mounted at `mounts`; with no mounts, about the live configuration.
  virtual Result<std::vector<Complaint>> validate(const ResourceSnapshot& target,
                                                  const std::vector<PreviewMount>& mounts) = 0;
  // What the target needs and this host lacks, whatever its files are, refuses the run. The answer
  // is what may be otherwise than it was, one sentence each.
  virtual Result<std::vector<std::string>> require_for(
      const ResourceSnapshot& /*target*/, const std::vector<PreviewMount>& /*mounts*/) {
    return std::vector<std::string>{};
  }
};

// What resources stand on: they ask, and change nothing. All outlive the resources.
struct Platform {
  Directory& root;  // "/", or another root in tests and drills
  UnitReader& units;
  ProgramRunner& programs;
};

// One per entry, in the order of the configuration.
std::vector<std::unique_ptr<Resource>> make_resources(const std::vector<ResourceSpec>& specs,
                                                      const Platform& platform);

}  // namespace rollback
