// SPDX-License-Identifier: Apache-2.0
// rollback-recover: after a power cut decides the files of an unfinished run before anything
// starts. Needs no store, D-Bus, network or configuration. Units and records are left to
// rollback-agent.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "agent/apply/recovery.h"
#include "agent/platform/boot_id.h"
#include "agent/platform/sd_service_manager.h"

namespace rollback {
namespace {

constexpr const char* kState = "/var/lib/rollback-agent";
constexpr Duration kReload = std::chrono::seconds(30);

Result<Recovery> recover() {
  KernelSyscalls calls;
  ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, "/"));
  auto state = Directory::open_root(calls, kState);
  if (!state && state.error().code == ErrorCode::kNotFound) {
    Recovery nothing;
    nothing.message = "no unfinished run";
    return nothing;
  }
  if (!state) return Failure(std::move(state).error());
  return recover_files(LiveFiles(root), *state, boot_id().value_or(""));
}

// systemd may have read unit files before they were decided.
std::string reload_units() {
  SystemClock clock;
  auto services = SdServiceManager::connect(clock);
  const auto status =
      services ? (*services)->daemon_reload(kReload) : Status(Failure(services.error()));
  return status ? "; systemd has read its units again"
                : "; daemon-reload: " + status.error().message;
}

int run(int argc, char** argv) {
  if (argc > 1) {
    const bool help = std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h";
    std::fprintf(
        help ? stdout : stderr,
        "%srollback-recover takes no arguments: it decides the files of an unfinished run; "
        "systemd starts it at boot\n",
        help ? "" : "rollback-recover: ");
    return help ? 0 : 1;
  }
  const auto recovery = recover();
  if (!recovery) {
    std::fprintf(stderr, "rollback-recover: %s\n", recovery.error().message.c_str());
    return 1;
  }
  std::string line = recovery->message;
  if (recovery->units_changed && recovery->decision == Recovery::Decision::kUndone)
    line += reload_units();
  std::printf("rollback-recover: %s\n", line.c_str());
  return 0;
}

}  // namespace
}  // namespace rollback

int main(int argc, char** argv) {
  try {
    return rollback::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rollback-recover: %s\n", error.what());
    return 1;
  }
}
