// SPDX-License-Identifier: Apache-2.0
#include "protocol/daemon.h"

#include <grp.h>

#include <csignal>

namespace rollback {

namespace {

constexpr std::size_t kLongestConfiguration = 1024 * 1024;

volatile std::sig_atomic_t stopping = 0;
Poller* signalled_poller = nullptr;

Status check_absolute(const char* option, const std::string& path) {
  if (is_canonical_path(path)) return {};
  return fail(ErrorCode::kInvalid, std::string(option) + " " + path + ": give an absolute path");
}

}  // namespace

Result<std::string> read_configuration(const Directory& root, const std::string& path) {
  ROLLBACK_TRY(check_absolute("--config", path));
  ROLLBACK_ASSIGN(const auto parent, open_parent(root, path.substr(1), Crossing::kAllow));
  ROLLBACK_ASSIGN(const auto file, parent.directory.open_file(parent.name));
  return file.read_all(kLongestConfiguration);
}

Result<Directory> open_state(const Directory& root, const std::string& path) {
  ROLLBACK_TRY(check_absolute("--state", path));
  return root.open_directory(path.substr(1), Crossing::kAllow);
}

Result<DoorOptions> door_options(const std::string& path, const std::string& operators_group) {
  DoorOptions door;
  door.path = path;
  if (operators_group.empty()) return door;
  const group* const found = getgrnam(operators_group.c_str());
  if (found == nullptr)
    return fail(ErrorCode::kNotFound,
                "operators_group: there is no group '" + operators_group + "' on this host");
  door.operator_gid = found->gr_gid;
  return door;
}

void stop_on_signals(Poller& poller) {
  signalled_poller = &poller;
  struct sigaction action {};
  action.sa_handler = [](int) {
    stopping = 1;
    signalled_poller->wake();
  };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_asked() noexcept { return stopping != 0; }

}  // namespace rollback
