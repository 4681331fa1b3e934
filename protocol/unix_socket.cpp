// SPDX-License-Identifier: Apache-2.0
#include "protocol/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace rollback {

namespace {

constexpr int kBacklog = 64;

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Removes a socket file nobody listens on any more.
Status clear_the_way(const std::string& path, const sockaddr_un& address) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno(errno, "look at " + path);
  }
  if (!S_ISSOCK(there.st_mode))
    return fail(ErrorCode::kExists, path + " is not a socket; move it away");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail_errno(errno, "socket");
  const int error = ::connect(fd, generic(address), sizeof address) == 0 ? 0 : errno;
  ::close(fd);
  // EAGAIN: its queue is full, so somebody holds it.
  if (error == 0 || error == EAGAIN)
    return fail(ErrorCode::kBusy,
                "another daemon listens on " + path + "; stop it before starting this one");
  if (error == ENOENT) return {};
  if (error != ECONNREFUSED) return fail_errno(error, "probe " + path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail_errno(errno, "remove the stale socket " + path);
  return {};
}

Result<std::vector<gid_t>> peer_groups(int fd) {
  std::vector<gid_t> groups(32);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || size <= groups.size() * sizeof(gid_t))
      return fail_errno(errno, "groups of a client");
    groups.resize(size / sizeof(gid_t));
  }
}

}  // namespace

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/' || path.size() >= sizeof address.sun_path)
    return fail(
        ErrorCode::kInvalid,
        fmt::format("'{}' cannot be a socket: it takes an absolute path of at most {} bytes", path,
                    sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UnixListener> UnixListener::listen(const std::string& path, std::uint32_t mode,
                                          std::optional<std::uint32_t> gid) {
  ROLLBACK_ASSIGN(const sockaddr_un address, unix_address(path));
  ROLLBACK_TRY(clear_the_way(path, address));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail_errno(errno, "socket");
  UnixListener listener(fd, path);
  if (::bind(fd, generic(address), sizeof address) != 0) return fail_errno(errno, "bind " + path);
  struct stat made {};
  if (::lstat(path.c_str(), &made) != 0) return fail_errno(errno, "look at " + path);
  listener.device_ = made.st_dev;
  listener.inode_ = made.st_ino;
  // Nobody can connect before listen(), so owner and mode are in place in time.
  if (gid && ::lchown(path.c_str(), static_cast<uid_t>(-1), *gid) != 0)
    return fail_errno(errno, fmt::format("give {} to group {}", path, *gid));
  if (::chmod(path.c_str(), mode) != 0) return fail_errno(errno, "set the mode of " + path);
  if (::listen(fd, kBacklog) != 0) return fail_errno(errno, "listen on " + path);
  return listener;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener::~UnixListener() {
  if (fd_ < 0) return;
  ::close(fd_);
  struct stat there {};
  if (inode_ != 0 && ::lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ &&
      there.st_ino == inode_)
    ::unlink(path_.c_str());
}

Result<Principal> principal_of(int fd, std::optional<std::uint32_t> operator_gid) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail_errno(errno, "credentials of a client");
  Principal principal;
  principal.uid = peer.uid;
  principal.pid = static_cast<std::uint32_t>(peer.pid);
  principal.name = peer.uid == 0 ? "root (uid 0)" : fmt::format("uid {}", peer.uid);
  bool is_operator = peer.uid == 0 || (operator_gid && peer.gid == *operator_gid);
  if (!is_operator && operator_gid) {
    ROLLBACK_ASSIGN(const auto groups, peer_groups(fd));
    is_operator = std::find(groups.begin(), groups.end(), *operator_gid) != groups.end();
  }
  principal.role = is_operator ? Role::kOperator : Role::kStranger;
  return principal;
}

}  // namespace rollback
