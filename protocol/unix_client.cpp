// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "protocol/deadline.h"
#include "protocol/unix_channel.h"
#include "protocol/unix_frame.h"
#include "protocol/unix_rights.h"
#include "protocol/unix_socket.h"

namespace rollback {

namespace {

constexpr timeval kSendTimeout{10, 0};  // also of connect(), when the daemon's queue is full

Failure gone() { return fail(ErrorCode::kNotFound, "the daemon closed the connection"); }

Failure cannot_connect(int error, const std::string& path) {
  if (error == ENOENT || error == ECONNREFUSED)
    return fail(ErrorCode::kNotFound,
                "nobody listens on " + path + "; is the daemon running? try systemctl status");
  if (error == EACCES || error == EPERM)
    return fail(ErrorCode::kDenied, "not allowed to use " + path +
                                        "; run as root or as a member of the operators' group");
  if (error == EAGAIN)
    return fail(ErrorCode::kTimeout, "the daemon behind " + path + " does not answer");
  return fail_errno(error, "connect to " + path);
}

}  // namespace

Result<UnixClient> UnixClient::connect(const std::string& path) {
  ROLLBACK_ASSIGN(const sockaddr_un address, unix_address(path));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_errno(errno, "socket");
  UnixClient client(fd);
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout) != 0)
    return fail_errno(errno, "set a timeout on the connection to " + path);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return cannot_connect(errno, path);
  return client;
}

UnixClient::UnixClient(UnixClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

UnixClient& UnixClient::operator=(UnixClient&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

UnixClient::~UnixClient() {
  if (fd_ >= 0) ::close(fd_);
}

Status UnixClient::send(std::string_view payload, int descriptor) {
  ROLLBACK_ASSIGN(const std::string frame, make_frame(payload));
  std::size_t done = 0;
  while (done < frame.size()) {
    const auto rest = std::string_view(frame).substr(done);
    const ssize_t sent = done == 0 && descriptor >= 0
                             ? send_with_descriptor(fd_, rest, descriptor)
                             : ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      done += static_cast<std::size_t>(sent);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return gone();
    } else if (errno == EAGAIN) {
      return fail(ErrorCode::kTimeout, "the daemon takes no request");
    } else if (errno != EINTR) {
      return fail_errno(errno, "send to the daemon");
    }
  }
  return {};
}

Result<std::string> UnixClient::receive(Duration deadline) {
  const Deadline end(deadline);
  std::array<char, 64 * 1024> bytes;
  if (end.fd() < 0) return fail(ErrorCode::kIo, "no descriptor left to wait for the daemon with");
  for (;;) {
    std::string_view rest = buffer_;
    ROLLBACK_ASSIGN(auto frame, take_frame(rest));
    if (frame) {
      buffer_.erase(0, buffer_.size() - rest.size());
      return *std::move(frame);
    }
    std::array<pollfd, 2> wait{{{fd_, POLLIN, 0}, {end.fd(), POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, "wait for the daemon");
    }
    if (wait[0].revents == 0) return fail(ErrorCode::kTimeout, "no answer from the daemon in time");
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno == ECONNRESET) {
      return gone();
    } else if (errno != EINTR && errno != EAGAIN) {
      return fail_errno(errno, "receive from the daemon");
    }
  }
}

}  // namespace rollback
