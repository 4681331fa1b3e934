// SPDX-License-Identifier: Apache-2.0
// What tests of plan and apply share: fake units, states captured from real trees, random trees.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/apply/staging.h"
#include "agent/capture/capture.h"
#include "agent/platform/service_manager.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {

// Units as a table. Every call is written down in `calls`.
class FakeServices final : public ServiceManager {
 public:
  Result<UnitInfo> unit(const std::string& name, Duration) override;
  Status start(const std::string& unit, Duration deadline) override;
  Status stop(const std::string& unit, Duration deadline) override;
  Status kill(const std::string& unit) override;
  Status reload(const std::string& unit, Duration) override;
  Status reset_failed(const std::string&) override { return {}; }
  Status daemon_reload(Duration) override;
  Result<std::vector<std::string>> outdated_units(Duration) override;
  Result<std::vector<std::string>> log_tail(const std::string&, std::size_t) override;

  void add(const std::string& name, bool active);
  std::map<std::string, UnitInfo> units;
  std::vector<std::string> calls;
  std::string fails_to_start;               // a unit
  std::string is_never_ready;               // a unit: its start takes all the time there is
  std::string never_stops;                  // a unit: until it is killed
  std::function<void(Duration)> pass;       // time
  std::function<void(UnitInfo&)> on_start;  // what else a start does to the unit

 private:
  int invocations_ = 0;
};

// Programs are not run in these tests; those named here print a line, and `acts` may stand for
// more.
class NoPrograms final : public ChangeRunner {
 public:
  std::map<std::string, std::string> prints;  // by argv[0]
  std::function<std::optional<Result<ProgramOutcome>>(const ProgramRequest&)> acts;
  std::function<Result<ProgramOutcome>(const ProgramRequest&)> makes;  // a change, if it is set
  std::vector<std::string> changed;                                    // command lines
  Result<ProgramOutcome> run(const ProgramRequest& request) override;
  Result<ProgramOutcome> change(ProgramRequest request) override;
};

// Keeps contents in memory.
class KeepingSink final : public ContentSink {
 public:
  std::unique_ptr<ContentWriter> begin_content() override;
  Status put_tree(Tree, const Digest&, std::string) override { return {}; }
  [[nodiscard]] ContentSource source() const;

 private:
  class Writer;
  std::mutex mutex_;  // contents come from several threads
  std::map<Digest, std::string> contents_;
};

// One files resource "app" that owns /etc/app.
std::vector<ResourceSpec> app_specs();

// That resource, with units if the test has some. Its preview is refused while it holds a file
// "invalid" somewhere at its top.
class AppResource final : public Resource {
 public:
  explicit AppResource(ServiceManager* services = nullptr, std::vector<std::string> units = {});
  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }
  Result<ResourceScope> scope() override;
  [[nodiscard]] std::vector<std::string> preview_roots(const ResourceSnapshot&) const override {
    return {"/etc/app"};
  }
  Result<std::vector<Complaint>> validate(const ResourceSnapshot&,
                                          const std::vector<PreviewMount>& mounts) override;
  std::string root;  // where absolute paths begin

 private:
  ResourceSpec spec_;
  ServiceManager* services_;
  std::vector<std::string> units_;
};
// The state of /etc/app below `root`; throws when it cannot be captured.
HostState capture_app(const Directory& root, ContentSink& sink);

// A tree of files, directories, links and hard links with few names, so that two trees collide in
// every way: content, mode, type.
void grow_tree(const std::filesystem::path& where, SeededRandom& random, int depth = 3);

}  // namespace rollback
