// SPDX-License-Identifier: Apache-2.0
// rollback-agent: names concrete classes and starts the loop.
#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "agent/apply/recovery.h"
#include "agent/platform/boot_id.h"
#include "agent/platform/notify.h"
#include "agent/platform/sd_service_manager.h"
#include "agent/platform/transient_unit.h"
#include "agent/service/agent.h"
#include "agent/service/identity.h"
#include "agent/service/self_check.h"
#include "protocol/daemon.h"

namespace rollback {
namespace {

constexpr unsigned kMostReaders = 8;

struct Arguments {
  std::string config = "/etc/rollback/agent.yaml";
  std::string state = "/var/lib/rollback-agent";
  std::string socket = "/run/rollback-agent/agent.sock";
  bool direct = false;
};

Result<ConfigurationOnDisk> configuration_on_disk(const Directory& root, const std::string& path,
                                                  const std::string& loaded) {
  ROLLBACK_ASSIGN(const auto text, read_configuration(root, path));
  ROLLBACK_ASSIGN(auto options, AgentOptions::parse(text, path));
  return ConfigurationOnDisk{std::move(options), text == loaded};
}

Status prove_ready(const Directory& root, const AgentOptions& options) {
  Status ready;
  for (const auto& finding : self_check(root, options)) {
    spdlog::log(finding.fatal ? spdlog::level::err : spdlog::level::warn, "{}", finding.text);
    if (finding.fatal) ready = fail(ErrorCode::kDenied, "not ready to roll back; see above");
  }
  return ready;
}

const char* env(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Store {
  explicit Store(Database& database)
      : blobs(database),
        snapshots(database, blobs),
        runs(database),
        retention(database, snapshots, blobs) {}
  BlobStore blobs;
  SnapshotStore snapshots;
  RunStore runs;
  Retention retention;
};

// Everything of one thread that talks to systemd.
struct Systemd {
  const Clock& clock;
  Random& random;
  std::unique_ptr<SdServiceManager> services;
  TransientUnitRunner programs;
  HostProber prober;
  SdScopes scopes;

  static Result<std::unique_ptr<Systemd>> connect(const Clock& clock, Random& random) {
    ROLLBACK_ASSIGN(auto services, SdServiceManager::connect(clock));
    return std::make_unique<Systemd>(std::move(services), clock, random);
  }
  Systemd(std::unique_ptr<SdServiceManager> manager, const Clock& clock_in, Random& random_in)
      : clock(clock_in),
        random(random_in),
        services(std::move(manager)),
        programs(clock, random),
        prober(*services, programs, clock),
        scopes(clock) {}

  Live live(const Directory& root) { return {LiveFiles(root), *services, programs}; }
  RunDeps deps(const Directory& root, const Directory& state, const AgentOptions& options,
               const std::vector<std::unique_ptr<Resource>>& resources, Store& store,
               ReadPool& readers, const std::string& boot) {
    return {root,    state,     options,  resources, store.snapshots, store.blobs, store.runs,
            readers, *services, programs, prober,    clock,           random,      boot};
  }
};

// Of a run that a crash ended; usually rollback-recover has done it already.
Status decide_files(const Directory& root, const Directory& state, const std::string& boot) {
  ROLLBACK_ASSIGN(const auto recovered, recover_files(LiveFiles(root), state, boot));
  if (recovered.decision != Recovery::Decision::kNothing) spdlog::warn("{}", recovered.message);
  return {};
}

// A command that runs an agent of its own is between it and this host.
Result<std::vector<LinkTarget>> targets_of(const Directory& root, const AgentOptions& options,
                                           bool direct) {
  if (direct) return std::vector<LinkTarget>{};
  return load_targets(root, options);
}

struct Workers {
  Workers(const Clock& clock, const Database& database)
      : probes("probes", clock),
        queries("queries", clock),
        transfers("transfers", clock),
        runs("runs", clock, kMostQueued, [&database] {
          database.rest();
          release_free_memory();
        }) {}
  Worker probes;
  Worker queries;
  Worker transfers;
  Worker runs;

  void stop() {
    for (auto* worker : {&runs, &transfers, &queries, &probes}) worker->stop();
  }
};

// Jobs use the host: they end before it goes, whatever ends the agent.
class Ending {
 public:
  explicit Ending(Workers& workers) : workers_(workers) {}
  ~Ending() { workers_.stop(); }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

 private:
  Workers& workers_;
};

Status serve(const Arguments& arguments) {
  const SystemClock clock;
  SystemRandom random;
  KernelSyscalls calls;
  ROLLBACK_ASSIGN(auto root, Directory::open_root(calls, "/"));
  ROLLBACK_ASSIGN(const auto loaded, read_configuration(root, arguments.config));
  ROLLBACK_ASSIGN(const auto options, AgentOptions::parse(loaded, arguments.config));
  ROLLBACK_ASSIGN(const auto state, open_state(root, arguments.state));
  ROLLBACK_ASSIGN(const auto boot, boot_id());
  ROLLBACK_TRY(decide_files(root, state, boot));
  ROLLBACK_TRY(prove_ready(root, options));
  ROLLBACK_ASSIGN(auto database, Database::open_or_degrade(arguments.state + "/store"));
  if (const auto damage = database->damage(); !damage.empty()) spdlog::error("{}", damage);
  Store store(*database);
  ROLLBACK_ASSIGN(const auto identity, load_identity(state, options, clock, random));
  ROLLBACK_ASSIGN(const auto run_systemd, Systemd::connect(clock, random));
  ROLLBACK_ASSIGN(const auto probe_systemd, Systemd::connect(clock, random));
  ReadPool readers(std::clamp(std::thread::hardware_concurrency(), 1U, kMostReaders));
  const Platform platform{root, *run_systemd->services, run_systemd->programs};
  const auto resources = make_resources(options.resources, platform);
  const auto deps = run_systemd->deps(root, state, options, resources, store, readers, boot);
  RollbackEngine engine(deps, run_systemd->live(root));
  DeployEngine deploys(deps, run_systemd->live(root), engine, run_systemd->scopes);
  if (const auto resumed = deploys.resume(); !resumed) spdlog::error("{}", resumed.error().message);
  RunHub hub(store.runs, clock);
  Poller poller;
  stop_on_signals(poller);
  Outbox outbox([&poller] { poller.wake(); });
  ScrubDesk scrubs(*database, clock);  // outlives the jobs of the workers, which look at it
  Pruner pruner(store.retention, clock, [](const std::string& text) { spdlog::warn("{}", text); });
  Workers workers(clock, *database);
  HealthMonitor health(options.health, probe_systemd->prober, workers.probes, clock);
  const auto on_disk = [&] { return configuration_on_disk(root, arguments.config, loaded); };
  Host host{identity.host, deps,   platform,     engine,          deploys,
            hub,           health, workers.runs, workers.queries, workers.transfers,
            *database,     scrubs, on_disk,      pruner};
  const Ending ending(workers);
  ZmqContext context;
  ROLLBACK_ASSIGN(auto targets, targets_of(root, options, arguments.direct));
  Link::Deps link{context, poller, clock, random, identity.keys, identity.hello, {}, {}};
  Agent agent(
      {host, poller, outbox, clock, [] { (void)notify_watchdog(); }, [] { return stop_asked(); },
       [](const std::string& text) { spdlog::info("{}", text); }, arguments.direct},
      std::move(targets), std::move(link));
  ROLLBACK_TRY(
      workers.runs.post({"finishing an interrupted run", std::chrono::minutes(15) + kLongestConfirm,
                         [&] { finish_interrupted(host); }}));
  if (const auto resumed = pruner.resume(); !resumed) spdlog::warn("{}", resumed.error().message);
  ROLLBACK_ASSIGN(auto socket, door_options(arguments.socket, options.operators_group));
  socket.takes_descriptors = true;
  ROLLBACK_TRY(agent.listen(socket));
  ROLLBACK_TRY(notify_ready());
  spdlog::info("ready: host {} ({}), {} resources", identity.host.name, identity.host.id.str(),
               options.resources.size());
  const Status ran = agent.run();
  scrubs.stop();  // it uses the host
  ROLLBACK_TRY(ran);
  (void)notify_stopping();
  return {};
}

int run(int argc, char** argv) {
  // Few threads, mostly idle: one arena keeps the idle agent small. What a capture or a rollback
  // takes is not given back and fetched again for each file, but when it is over (ReadPool).
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  Arguments arguments;
  bool check = false;
  const auto ended = parse_daemon_arguments(
      argc, argv,
      {"rollback-agent", "The agent of rollbackctl: snapshots and rolls back this host"},
      {{"config", &arguments.config, "Configuration"},
       {"state", &arguments.state, "Store, journal and keys"},
       {"socket", &arguments.socket, "Socket for rollbackctl"},
       {"check", &check, "Check the configuration's text and leave"},
       {"direct", &arguments.direct,
        "For one rollbackctl: no coordinator, ends when nobody asks"}});
  if (ended) return *ended;
  spdlog::set_pattern("%v");
  if (*env("JOURNAL_STREAM") == '\0') spdlog::set_pattern("%Y-%m-%dT%H:%M:%S %l %v");
  const auto status = [&]() -> Status {
    if (!check) return serve(arguments);
    KernelSyscalls calls;
    ROLLBACK_ASSIGN(const auto root, Directory::open_root(calls, "/"));
    ROLLBACK_ASSIGN(const auto text, read_configuration(root, arguments.config));
    ROLLBACK_ASSIGN(const auto options, AgentOptions::parse(text, arguments.config));
    fmt::print("{}: good, {} resources\n", arguments.config, options.resources.size());
    if (const auto needed = needed_drop_in(options); !needed.empty()) fmt::print("{}\n", needed);
    return {};
  }();
  if (status) return 0;
  fmt::print(stderr, "rollback-agent: {}\n", status.error().message);
  return 1;
}

}  // namespace
}  // namespace rollback

int main(int argc, char** argv) {
  try {
    return rollback::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "rollback-agent: {}\n", error.what());
    return 1;
  }
}
