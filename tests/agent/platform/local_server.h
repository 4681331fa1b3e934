// SPDX-License-Identifier: Apache-2.0
// A TCP server on loopback that answers each connection the way a test says.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace rollback {

class LocalServer {
 public:
  // `answer` gets a connected socket, which is closed afterwards; it must return when the peer has
  // gone (a write fails).
  explicit LocalServer(std::function<void(int connection)> answer);
  // Reads the request, sends `response`.
  explicit LocalServer(std::string response);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string url() const { return "http://" + address() + "/healthz"; }

 private:
  void serve();

  std::function<void(int)> answer_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

// false when the peer has gone.
bool send_text(int connection, const std::string& text);
void read_request(int connection);
// Nothing listens there: a port that was bound and closed.
std::string closed_address();

}  // namespace rollback
