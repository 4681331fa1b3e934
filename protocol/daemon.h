// SPDX-License-Identifier: Apache-2.0
// How both daemons start and end: their arguments, where their configuration and state are, who may
// use the socket, which signals stop the loop.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/fs/directory.h"
#include "protocol/poller.h"
#include "protocol/unix_channel.h"

namespace rollback {

// `--name VALUE` sets a string, which holds the default; `--name` sets a bool.
struct DaemonOption {
  const char* name;
  std::variant<std::string*, bool*> value;
  const char* help;
};
struct DaemonProgram {
  const char* name;
  const char* purpose;  // one sentence
};
// nullopt: start. Otherwise the exit code, after --help or --version on stdout (0) or what is wrong
// on stderr (1). Once per process.
std::optional<int> parse_daemon_arguments(int argc, char** argv, const DaemonProgram& program,
                                          const std::vector<DaemonOption>& options);

// The text behind `--config PATH`, at most 1 MiB. kInvalid unless the path is absolute.
Result<std::string> read_configuration(const Directory& root, const std::string& path);
// The directory behind `--state PATH`. kInvalid unless the path is absolute.
Result<Directory> open_state(const Directory& root, const std::string& path);

// The socket at `path`, for root and for members of `operators_group` ("": nobody else); kNotFound
// when this host has no such group.
Result<DoorOptions> door_options(const std::string& path, const std::string& operators_group);

// From here on SIGTERM and SIGINT wake `poller`, which must live until the end, and SIGPIPE is
// ignored. Once per process.
void stop_on_signals(Poller& poller);
[[nodiscard]] bool stop_asked() noexcept;

}  // namespace rollback
