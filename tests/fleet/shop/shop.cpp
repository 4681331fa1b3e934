// SPDX-License-Identifier: Apache-2.0
// shop: the small service that test hosts run and that is rolled back.
//
// One thread, HTTP/1.0 without keep-alive, on SHOP_LISTEN (address:port of IPv4). SIGTERM closes
// the listener, answers what is already connected, and ends with 0. Its version and its default
// port are compiled in, so two releases differ in more than their files.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kMaxRequest = 8192;
constexpr std::size_t kMaxClients = 256;
constexpr int kIdleMs = 5000;

struct Client {
  int fd;
  std::string request;
};

sockaddr_in parse_listen(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const auto colon = text.rfind(':');
  const long port = colon == std::string::npos ? 0 : std::strtol(&text[colon + 1], nullptr, 10);
  if (port < 1 || port > 65535 ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    std::fprintf(stderr, "shop: SHOP_LISTEN is \"%s\", expected ADDRESS:PORT\n", text.c_str());
    std::exit(2);
  }
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int listen_on(const std::string& text) {
  const sockaddr_in address = parse_listen(text);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 128) != 0) {
    std::fprintf(stderr, "shop: cannot listen on %s: %s\n", text.c_str(), std::strerror(errno));
    std::exit(1);
  }
  return fd;
}

std::string answer(std::string_view request) {
  const auto path_begin = request.find(' ') + 1;
  const auto path = request.substr(path_begin, request.find(' ', path_begin) - path_begin);
  const char* greeting = std::getenv("SHOP_GREETING");
  std::string status = "200 OK";
  std::string body = "shop " SHOP_VERSION "\n";
  if (path == "/") {
    body = std::string("shop " SHOP_VERSION ": ") + (greeting ? greeting : "welcome") + "\n";
  } else if (path != "/healthz") {
    status = "404 Not Found";
    body = "shop has no such page\n";
  }
  return "HTTP/1.0 " + status +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

// Reads what is there; true when the client is done with: answered, gone or unreasonable.
bool serve(Client& client) {
  char bytes[2048];
  const ssize_t count = read(client.fd, bytes, sizeof bytes);
  if (count <= 0) return true;
  client.request.append(bytes, static_cast<std::size_t>(count));
  if (client.request.find("\r\n\r\n") == std::string::npos) {
    return client.request.size() > kMaxRequest;
  }
  const std::string reply = answer(client.request);
  (void)send(client.fd, reply.data(), reply.size(), MSG_NOSIGNAL);  // the client may have left
  return true;
}

int block_stop_signals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  return signalfd(-1, &stop, SFD_CLOEXEC);
}

std::vector<pollfd> watch_list(int stop, int listener, const std::vector<Client>& clients) {
  std::vector<pollfd> list{{stop, POLLIN, 0}, {listener, POLLIN, 0}};
  for (const Client& client : clients) list.push_back({client.fd, POLLIN, 0});
  return list;
}

// Serves the clients whose descriptor is ready; all are dropped when `idle` and nobody moved.
void serve_ready(std::vector<Client>& clients, const std::vector<pollfd>& list, bool idle) {
  std::vector<Client> open;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const bool ready = list[i + 2].revents != 0;
    if (idle || (ready && serve(clients[i]))) {
      close(clients[i].fd);
    } else {
      open.push_back(std::move(clients[i]));
    }
  }
  clients = std::move(open);
}

int run(int stop, int listener) {
  std::vector<Client> clients;
  while (listener >= 0 || !clients.empty()) {
    auto list = watch_list(stop, clients.size() < kMaxClients ? listener : -1, clients);
    const int ready = poll(list.data(), list.size(), clients.empty() ? -1 : kIdleMs);
    if (ready < 0 && errno != EINTR) return 1;
    serve_ready(clients, list, ready == 0);
    if (list[1].revents & POLLIN) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) clients.push_back({fd, {}});
    }
    if (list[0].revents & POLLIN) {
      if (listener < 0) return 0;
      close(listener);
      listener = -1;
      signalfd_siginfo info;
      (void)!read(stop, &info, sizeof info);  // taken off, so that a second signal ends at once
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--version") {
    std::puts("shop " SHOP_VERSION);
    return 0;
  }
  const char* listen_text = std::getenv("SHOP_LISTEN");
  const int stop = block_stop_signals();
  const int listener =
      listen_on(listen_text ? listen_text : "127.0.0.1:" + std::to_string(SHOP_DEFAULT_PORT));
  std::fprintf(stderr, "shop " SHOP_VERSION " is open\n");
  return run(stop, listener);
}
