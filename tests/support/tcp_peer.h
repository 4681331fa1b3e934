// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "core/clock.h"

namespace rollback {

// A plain TCP connection to a router's endpoint.
class TcpPeer {
 public:
  explicit TcpPeer(const std::string& endpoint)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~TcpPeer() { ::close(fd_); }
  TcpPeer(const TcpPeer&) = delete;
  TcpPeer& operator=(const TcpPeer&) = delete;

  void send(const std::string& bytes) {
    EXPECT_GE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
  }
  // True when the server closed the connection in time.
  bool is_closed_within(Duration deadline) {
    const SystemClock clock;
    const BootTime end = clock.boot() + deadline;
    for (Duration left = deadline; left > Duration::zero(); left = end - clock.boot()) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, static_cast<int>(left / std::chrono::milliseconds(1))) <= 0) continue;
      char bytes[256];
      if (::recv(fd_, bytes, sizeof bytes, 0) <= 0) return true;
    }
    return false;
  }

 private:
  int fd_;
};

}  // namespace rollback
