// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/apply/apply_support.h"

#include <sys/stat.h>

#include <fstream>
#include <stdexcept>

#include "agent/plan/hook_steps.h"

namespace rollback {

Result<UnitInfo> FakeServices::unit(const std::string& name, Duration) {
  const auto found = units.find(name);
  if (found != units.end()) return found->second;
  UnitInfo absent;
  absent.name = name;
  absent.load_state = "not-found";
  absent.active_state = "inactive";
  return absent;
}

Status FakeServices::start(const std::string& unit, Duration deadline) {
  calls.push_back("start " + unit);
  if (unit == is_never_ready) {
    pass(deadline);
    units[unit].active_state = "activating";
    return fail(ErrorCode::kTimeout, "start " + unit + ": not finished at its deadline");
  }
  if (unit == fails_to_start) return fail(ErrorCode::kIo, unit + " failed: exit-code");
  auto& info = units[unit];
  info.active_state = "active";
  info.invocation_id = std::to_string(++invocations_);
  if (on_start) on_start(info);
  return {};
}

Status FakeServices::stop(const std::string& unit, Duration deadline) {
  calls.push_back("stop " + unit);
  if (unit == never_stops) {
    pass(deadline);
    units[unit].active_state = "deactivating";
    return fail(ErrorCode::kTimeout, "stop " + unit + ": not finished at its deadline");
  }
  units[unit].active_state = "inactive";
  return {};
}

Status FakeServices::kill(const std::string& unit) {
  calls.push_back("kill " + unit);
  never_stops.clear();
  return {};
}

Status FakeServices::reload(const std::string& unit, Duration) {
  calls.push_back("reload " + unit);
  return {};
}

Status FakeServices::daemon_reload(Duration) {
  calls.emplace_back("daemon-reload");
  return {};
}

Result<std::vector<std::string>> FakeServices::outdated_units(Duration) {
  std::vector<std::string> outdated;
  for (const auto& [name, info] : units)
    if (info.need_daemon_reload) outdated.push_back(name);
  return outdated;
}

Result<std::vector<std::string>> FakeServices::log_tail(const std::string&, std::size_t) {
  return std::vector<std::string>{};
}

void FakeServices::add(const std::string& name, bool active) {
  UnitInfo info;
  info.name = name;
  info.load_state = "loaded";
  info.active_state = active ? "active" : "inactive";
  info.unit_file_state = "enabled";
  info.invocation_id = "first";
  units[name] = info;
}

Result<ProgramOutcome> NoPrograms::run(const ProgramRequest& request) {
  if (acts)
    if (auto outcome = acts(request)) return *std::move(outcome);
  if (const auto found = prints.find(request.argv.front()); found != prints.end())
    return ProgramOutcome{0, found->second + "\n", false};
  return fail(ErrorCode::kNotFound, "no program " + request.argv.front());
}

Result<ProgramOutcome> NoPrograms::change(ProgramRequest request) {
  changed.push_back(command_text(request.argv));
  return makes ? makes(request) : run(request);
}

class KeepingSink::Writer final : public ContentWriter {
 public:
  explicit Writer(KeepingSink& sink) : sink_(sink) {}
  Status add(std::string_view piece) override {
    bytes_ += piece;
    return {};
  }
  Result<Digest> finish() override {
    const auto digest = sha256(bytes_);
    const std::lock_guard lock(sink_.mutex_);
    sink_.contents_.emplace(digest, bytes_);
    return digest;
  }

 private:
  KeepingSink& sink_;
  std::string bytes_;
};

std::unique_ptr<ContentWriter> KeepingSink::begin_content() {
  return std::make_unique<Writer>(*this);
}

ContentSource KeepingSink::source() const {
  return [this](const Digest& digest, const auto& use) -> Status {
    const auto found = contents_.find(digest);
    if (found == contents_.end()) return fail(ErrorCode::kNotFound, "no content " + digest.hex());
    return use(found->second);
  };
}

std::vector<ResourceSpec> app_specs() {
  ResourceSpec spec;
  spec.kind = ResourceKind::kFiles;
  spec.name = "app";
  spec.paths = {"/etc/app"};
  spec.where = "agent.yaml:1";
  return {spec};
}

AppResource::AppResource(ServiceManager* services, std::vector<std::string> units)
    : spec_(app_specs().front()), services_(services), units_(std::move(units)) {}

Result<ResourceScope> AppResource::scope() {
  ResourceScope scope;
  scope.paths = spec_.paths;
  for (const auto& name : units_) {
    ROLLBACK_ASSIGN(const UnitInfo info, services_->unit(name));
    scope.units.push_back(
        {name, info.active_state == "active", info.unit_file_state, info.fragment_path, info.uses});
  }
  return scope;
}

Result<std::vector<Complaint>> AppResource::validate(const ResourceSnapshot&,
                                                     const std::vector<PreviewMount>& mounts) {
  const auto where = root + (mounts.empty() ? "/etc/app" : mounts.front().source);
  std::vector<Complaint> complaints;
  for (const auto& entry : std::filesystem::directory_iterator(where))
    if (entry.path().filename() == "invalid") complaints.push_back({"invalid is there"});
  return complaints;
}

HostState capture_app(const Directory& root, ContentSink& sink) {
  std::vector<std::unique_ptr<Resource>> resources;
  resources.push_back(std::make_unique<AppResource>());
  ReadPool readers(2);
  auto state = capture(root, resources, sink, readers, {});
  if (!state) throw std::runtime_error(state.error().message);
  return *std::move(state);
}

void grow_tree(const std::filesystem::path& where, SeededRandom& random, int depth) {
  std::filesystem::create_directories(where);
  std::filesystem::path earlier;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    const auto path = where / name;
    switch (random.below(depth > 0 ? 7 : 5)) {
      case 0:
        break;  // nothing of this name
      case 1:
        std::filesystem::create_symlink(random.below(2) == 0 ? "a" : "../b", path);
        break;
      case 2:
        if (!earlier.empty()) {
          std::filesystem::create_hard_link(earlier, path);
          break;
        }
        [[fallthrough]];
      case 3:
      case 4: {
        std::ofstream(path) << "content " << random.below(3);
        ::chmod(path.c_str(), random.below(2) == 0 ? 0644 : 0600);
        earlier = path;
        break;
      }
      default:
        grow_tree(path, random, depth - 1);
        ::chmod(path.c_str(), random.below(2) == 0 ? 0755 : 0750);
    }
  }
}

}  // namespace rollback
