// SPDX-License-Identifier: Apache-2.0
// A rollback into an emptied tree, phase by phase, without systemd: the engine on a scratch root.
//
//   bench_restore_profile SCRATCH [rounds]
//
// SCRATCH is an absolute directory that holds `tree`, which is recorded once and then emptied and
// restored `rounds` times. `store`, `state` and `aside`, where what was restored goes, are made
// beside it.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/apply/rollback.h"
#include "agent/capture/storing_sink.h"
#include "core/clock.h"

namespace rollback {
namespace {

template <typename T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

class NoServices final : public ServiceManager {
 public:
  Result<UnitInfo> unit(const std::string& name, Duration) override {
    UnitInfo info;
    info.name = name;
    info.load_state = "not-found";
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

class NoPrograms final : public ChangeRunner {
 public:
  Result<ProgramOutcome> run(const ProgramRequest&) override {
    return fail(ErrorCode::kNotFound, "no programs here");
  }
  Result<ProgramOutcome> change(ProgramRequest request) override { return run(request); }
};

class NoProbes final : public Prober {
 public:
  std::vector<ProbeResult> round(const std::vector<ProbeSpec>&) override { return {}; }
};

// The gate has nothing to wait for.
class Listener final : public RunListener {
 public:
  void on_event(const RunId&, const RunEvent& event) override {
    if (event.level != EventLevel::kInfo) std::cerr << event.text << '\n';
  }
  bool wait(BootTime) override { return false; }
};

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

rusage used() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage;
}

class Profile {
 public:
  explicit Profile(const std::string& scratch)
      : scratch_(scratch), root_(need(Directory::open_root(kernel_, scratch))) {
    std::filesystem::create_directories(scratch + "/state");
    state_ = need(root_.open_directory("state"));
    database_ = need(Database::open(scratch + "/store"));
    blobs_ = std::make_unique<BlobStore>(*database_);
    snapshots_ = std::make_unique<SnapshotStore>(*database_, *blobs_);
    runs_ = std::make_unique<RunStore>(*database_);
    ResourceSpec spec;
    spec.kind = ResourceKind::kFiles;
    spec.name = "tree";
    spec.paths = {"/tree"};
    spec.where = "bench";
    options_.resources = {spec};
    options_.gate.soak = {};
    options_.gate.successes = 1;
    resources_ = make_resources(options_.resources, {root_, services_, programs_});
  }

  void record() {
    if (!need(snapshots_->revisions()).empty()) return;
    const auto began = clock_.boot();
    StoringSink sink(*blobs_, *snapshots_, clock_.wall());
    const auto state = need(capture(root_, resources_, sink, readers_, {}));
    HistoryEntry entry;
    entry.action = HistoryAction::kSnapshot;
    (void)need(snapshots_->record(state,
                                  RevisionName::of_release(need(ReleaseLabel::parse(kTo)), 1), true,
                                  clock_.wall(), entry));
    std::cout << fmt::format("recorded {} paths in {:.3f} s\n", state.manifest.size(),
                             seconds(clock_.boot() - began));
  }

  void restore() {
    set_aside();
    const RunDeps deps{root_,    state_,    options_,  resources_, *snapshots_, *blobs_, *runs_,
                       readers_, services_, programs_, prober_,    clock_,      random_};
    RollbackEngine engine(deps, {LiveFiles(root_), services_, programs_});
    PrepareOrder order;
    order.run = RunId::make(random_);
    order.to = kTo;
    order.actor = "bench";
    const auto began = clock_.boot();
    const rusage before = used();
    const auto prepared = need(engine.prepare(order, listener_));
    const auto record = need(engine.commit(order.run, prepared.plan_digest, listener_));
    const auto took = seconds(clock_.boot() - began);
    const rusage after = used();
    std::cout << fmt::format("{} in {:.2f} s (user {:.2f}, system {:.2f}), {} steps, peak {} MiB:",
                             to_string(record.outcome), took,
                             seconds(after.ru_utime) - seconds(before.ru_utime),
                             seconds(after.ru_stime) - seconds(before.ru_stime),
                             prepared.plan.steps.size(), after.ru_maxrss / 1024);
    for (const auto& phase : record.times)
      std::cout << fmt::format(" {} {:.2f}", to_string(phase.phase), seconds(phase.took));
    std::cout << std::endl;
  }

 private:
  static constexpr const char* kTo = "v1.0.0";

  // Not deleted: ext4 takes long to look for inodes while many were freed in the last minute.
  void set_aside() {
    const auto aside = scratch_ / "aside" / RunId::make(random_).str();
    std::filesystem::create_directories(aside);
    for (const auto& entry : std::filesystem::directory_iterator(scratch_ / "tree"))
      std::filesystem::rename(entry, aside / entry.path().filename());
    ::sync();
  }

  const std::filesystem::path scratch_;
  KernelSyscalls kernel_;
  Directory root_, state_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<SnapshotStore> snapshots_;
  std::unique_ptr<RunStore> runs_;
  ReadPool readers_{2};
  NoServices services_;
  NoPrograms programs_;
  NoProbes prober_;
  SystemClock clock_;
  SystemRandom random_;
  AgentOptions options_;
  std::vector<std::unique_ptr<Resource>> resources_;
  Listener listener_;
};

}  // namespace
}  // namespace rollback

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::cerr << "usage: " << argv[0] << " SCRATCH [rounds]\n";
    return 2;
  }
  rollback::Profile profile(argv[1]);
  profile.record();
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  for (int round = 0; round < rounds; ++round) profile.restore();
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
