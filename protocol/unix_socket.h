// SPDX-License-Identifier: Apache-2.0
// Unix stream sockets below the door: addresses, the socket file, who is on the other side.
// Private to protocol/.
#pragma once

#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "protocol/permissions.h"

namespace rollback {

// kInvalid when the path does not fit (107 bytes) or is relative.
Result<sockaddr_un> unix_address(const std::string& path);

// A listening socket and the file that leads to it. The file is removed by the destructor, unless
// somebody else's has taken its place.
class UnixListener {
 public:
  static Result<UnixListener> listen(const std::string& path, std::uint32_t mode,
                                     std::optional<std::uint32_t> gid);
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  UnixListener(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

// From SO_PEERCRED and SO_PEERGROUPS: what the kernel noted when the peer connected.
Result<Principal> principal_of(int fd, std::optional<std::uint32_t> operator_gid);

}  // namespace rollback
