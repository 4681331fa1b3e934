// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/transient_properties.h"

#include <sys/mount.h>
#include <systemd/sd-bus.h>

#include <csignal>
#include <vector>

namespace rollback {

namespace {

constexpr std::uint64_t kMemoryMax = 512ULL << 20U;
constexpr std::uint64_t kTasksMax = 256;
// systemd's own limit comes later than the runner's: it is for an agent that died in the meantime.
constexpr Duration kAfterDeadline = std::chrono::seconds(2);

// ExecStartEx, since ExecStart would expand "$NAME" in the arguments.
int append_exec(sd_bus_message* message, const std::vector<std::string>& argv) {
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  int step = sd_bus_message_open_container(message, 'r', "sv");
  if (step >= 0) step = sd_bus_message_append(message, "s", "ExecStartEx");
  if (step >= 0) step = sd_bus_message_open_container(message, 'v', "a(sasas)");
  if (step >= 0) step = sd_bus_message_open_container(message, 'a', "(sasas)");
  if (step >= 0) step = sd_bus_message_open_container(message, 'r', "sasas");
  if (step >= 0) step = sd_bus_message_append(message, "s", argv.front().c_str());
  if (step >= 0) step = sd_bus_message_append_strv(message, words.data());
  if (step >= 0) step = sd_bus_message_append(message, "as", 1, "no-env-expand");
  for (int container = 0; container < 4 && step >= 0; ++container)
    step = sd_bus_message_close_container(message);
  return step;
}

int append_limits(sd_bus_message* message, const ProgramRequest& request) {
  const auto run_for =
      static_cast<std::uint64_t>((request.deadline + kAfterDeadline).count() / 1000);
  int step = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)",     //
                                   "MemoryMax", "t", kMemoryMax,        //
                                   "TasksMax", "t", kTasksMax,          //
                                   "LimitCORE", "t", std::uint64_t{0},  //
                                   "RuntimeMaxUSec", "t", run_for,      //
                                   "TimeoutStartUSec", "t", run_for);
  // Whatever it is, it had its deadline: no second grace.
  if (step >= 0) step = sd_bus_message_append(message, "(sv)", "KillSignal", "i", SIGKILL);
  return step;
}

int append_view(sd_bus_message* message, const ProgramRequest& request) {
  int step = sd_bus_message_append(message, "(sv)", "NoNewPrivileges", "b", 1);
  if (step >= 0 && request.read_only_root)
    step = sd_bus_message_append(message, "(sv)", "ProtectSystem", "s", "strict");
  for (const auto& [source, destination] : request.read_only_binds) {
    if (step < 0) break;
    step = sd_bus_message_append(message, "(sv)", "BindReadOnlyPaths", "a(ssbt)", 1, source.c_str(),
                                 destination.c_str(), 0, std::uint64_t{MS_REC});
  }
  for (const auto& path : request.temporary_file_systems) {
    if (step < 0) break;
    step =
        sd_bus_message_append(message, "(sv)", "TemporaryFileSystem", "a(ss)", 1, path.c_str(), "");
  }
  return step;
}

}  // namespace

int append_transient_unit(sd_bus_message* message, const std::string& unit,
                          const ProgramRequest& request, int output) {
  const std::string description = "rollback-agent runs " + request.argv.front();
  // "fail": never replaces a job of somebody else, such as a shutdown.
  int step = sd_bus_message_append(message, "ss", unit.c_str(), "fail");
  if (step >= 0) step = sd_bus_message_open_container(message, 'a', "(sv)");
  if (step >= 0)
    step = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)",               //
                                 "Description", "s", description.c_str(),   //
                                 "Type", "s", "exec",                       //
                                 "CollectMode", "s", "inactive-or-failed",  //
                                 "Environment", "as", 1, "LC_ALL=C.UTF-8");
  if (step >= 0)
    step = sd_bus_message_append(message, "(sv)(sv)",                          //
                                 "StandardOutputFileDescriptor", "h", output,  //
                                 "StandardErrorFileDescriptor", "h", output);
  if (step >= 0) step = append_limits(message, request);
  if (step >= 0) step = append_view(message, request);
  if (step >= 0) step = append_exec(message, request.argv);
  if (step >= 0) step = sd_bus_message_close_container(message);
  if (step >= 0) step = sd_bus_message_append(message, "a(sa(sv))", 0);
  return step;
}

}  // namespace rollback
