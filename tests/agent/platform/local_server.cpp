// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/platform/local_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace rollback {

namespace {

// A listening loopback socket and its port.
std::pair<int, int> listen_somewhere() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || bind(fd, generic, size) != 0 || listen(fd, 16) != 0 ||
      getsockname(fd, generic, &size) != 0)
    throw std::runtime_error("no loopback socket for the test");
  return {fd, ntohs(address.sin_port)};
}

}  // namespace

bool send_text(int connection, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t done = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (done <= 0) return false;
    sent += static_cast<std::size_t>(done);
  }
  return true;
}

void read_request(int connection) {
  std::array<char, 4096> buffer{};
  (void)recv(connection, buffer.data(), buffer.size(), 0);  // a test's peer may just leave
}

std::string closed_address() {
  const auto [fd, port] = listen_somewhere();
  close(fd);
  return "127.0.0.1:" + std::to_string(port);
}

LocalServer::LocalServer(std::function<void(int)> answer) : answer_(std::move(answer)) {
  std::tie(listener_, port_) = listen_somewhere();
  thread_ = std::thread([this] { serve(); });
}

LocalServer::LocalServer(std::string response)
    : LocalServer([response = std::move(response)](int connection) {
        read_request(connection);
        send_text(connection, response);
      }) {}

LocalServer::~LocalServer() {
  shutdown(listener_, SHUT_RDWR);  // wakes accept
  thread_.join();
  close(listener_);
}

void LocalServer::serve() {
  for (;;) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    answer_(connection);
    shutdown(connection, SHUT_WR);
    close(connection);
  }
}

}  // namespace rollback
