// SPDX-License-Identifier: Apache-2.0
// rollback-coordinator: names concrete classes and starts the loop.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "coordinator/service/coordinator.h"
#include "coordinator/service/notify.h"
#include "coordinator/store/rocks_state_store.h"
#include "protocol/daemon.h"

namespace rollback {
namespace {

constexpr Duration kTurn = std::chrono::milliseconds(100);
constexpr int kIoThreads = 2;
constexpr const char* kKeyName = "coordinator";

struct Arguments {
  std::string config = "/etc/rollback/coordinator.yaml";
  std::string state = "/var/lib/rollback-coordinator";
  std::string socket = "/run/rollback-coordinator/coordinator.sock";
};

Result<CoordinatorOptions> load_options(const Directory& root, const std::string& path) {
  ROLLBACK_ASSIGN(const auto text, read_configuration(root, path));
  return CoordinatorOptions::parse(text, path);
}

Status run_loop(Coordinator& coordinator, const RocksStateStore& store, const Clock& clock) {
  BootTime next{};
  while (!stop_asked()) {
    ROLLBACK_TRY(coordinator.turn(kTurn));
    // Not at every turn: systemd queues ten, and the next one blocks while it reloads.
    if (clock.boot() < next) continue;
    next = clock.boot() + std::chrono::seconds(1);
    notify_watchdog();
    if (store.needs_new_start())
      return fail(ErrorCode::kNoSpace,
                  "the disk of the store was full and has room again: a new start uses it");
  }
  return {};
}

Status serve(const Arguments& arguments) {
  const SystemClock clock;
  SystemRandom random;
  KernelSyscalls calls;
  ROLLBACK_ASSIGN(const auto root, Directory::open_root(calls, "/"));
  ROLLBACK_ASSIGN(const auto options, load_options(root, arguments.config));
  ROLLBACK_ASSIGN(const auto state, open_state(root, arguments.state));
  ROLLBACK_ASSIGN(const auto keys, load_or_make_keys(state, kKeyName));
  ROLLBACK_ASSIGN(const auto store, RocksStateStore::open(arguments.state + "/store"));
  ROLLBACK_ASSIGN(auto ledger, Ledger::open(*store, clock.wall()));
  Poller poller;
  stop_on_signals(poller);
  ZmqContext context(kIoThreads);
  ROLLBACK_ASSIGN(const auto zap, ZapAuthenticator::start(context));
  ROLLBACK_ASSIGN(const auto socket, door_options(arguments.socket, options.operators_group));
  ROLLBACK_ASSIGN(const auto coordinator,
                  Coordinator::start({options, keys, ledger, context, *zap, poller, clock, random,
                                      [](const std::string& line) { spdlog::info("{}", line); }},
                                     socket));
  notify_ready();
  spdlog::info("ready: fleet {}, {} hosts, epoch {}, agents on {}, enrolment on {}, key {}",
               options.fleet, coordinator->fleet().hosts.accepted().size(), ledger.epoch(),
               coordinator->agents().endpoint(), coordinator->enrolment().endpoint(),
               fingerprint(keys.public_key));
  const Status ended = run_loop(*coordinator, *store, clock);
  notify_stopping();
  return ended;
}

Status print_key(const Arguments& arguments) {
  KernelSyscalls calls;
  ROLLBACK_ASSIGN(const auto root, Directory::open_root(calls, "/"));
  ROLLBACK_ASSIGN(const auto state, open_state(root, arguments.state));
  const auto key = load_public_key(state, std::string(kKeyName) + ".pub");
  if (!key)
    return Failure(key.error().within("no key in " + arguments.state +
                                      "; the first start of the coordinator makes one"));
  fmt::print("{}\n", *key);
  return {};
}

Status check_config(const Arguments& arguments) {
  KernelSyscalls calls;
  ROLLBACK_ASSIGN(const auto root, Directory::open_root(calls, "/"));
  ROLLBACK_ASSIGN(const auto options, load_options(root, arguments.config));
  fmt::print("{}: good, fleet {}\n", arguments.config, options.fleet);
  return {};
}

int run(int argc, char** argv) {
  Arguments arguments;
  bool check = false;
  bool key = false;
  const auto ended = parse_daemon_arguments(
      argc, argv,
      {"rollback-coordinator", "The coordinator of rollbackctl: takes a fleet of hosts back"},
      {{"config", &arguments.config, "Configuration"},
       {"state", &arguments.state, "Store and keys"},
       {"socket", &arguments.socket, "Socket for rollbackctl"},
       {"check", &check, "Check the configuration's text and leave"},
       {"print-key", &key, "Print the public key that agents need, and leave"}});
  if (ended) return *ended;
  const bool in_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  spdlog::set_pattern(in_journal ? "%v" : "%Y-%m-%dT%H:%M:%S %l %v");
  const Status status = key     ? print_key(arguments)
                        : check ? check_config(arguments)
                                : serve(arguments);
  if (status) return 0;
  fmt::print(stderr, "rollback-coordinator: {}\n", status.error().message);
  return 1;
}

}  // namespace
}  // namespace rollback

int main(int argc, char** argv) {
  try {
    return rollback::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "rollback-coordinator: {}\n", error.what());
    return 1;
  }
}
