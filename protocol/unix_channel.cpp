// SPDX-License-Identifier: Apache-2.0
#include "protocol/unix_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "protocol/unix_frame.h"
#include "protocol/unix_rights.h"
#include "protocol/unix_socket.h"

namespace rollback {

namespace {

// Bytes taken from one connection per round, so that a talkative one leaves room for the others.
constexpr std::size_t kBytesPerRound = 256 * 1024;

struct Connection {
  ConnectionId id = 0;
  int fd = -1;
  Principal principal;
  std::string inbox;
  Descriptor descriptor;  // came with what is in the inbox
  std::deque<std::string> outbox;
  std::size_t sent_of_first = 0;  // bytes of outbox.front() the kernel has taken
  std::size_t queued = 0;         // bytes in outbox
  bool last_words = false;        // close when the outbox is empty
  bool ended = false;             // shut down; closed by the next round, so that send() never is
                                  // the one who calls on_close
  std::optional<BootTime> waiting_since;  // for the rest of a request
};

// Wakes our own poller on this connection, whatever the peer does.
void end(Connection& connection) {
  connection.ended = true;
  connection.outbox.clear();
  connection.queued = 0;
  ::shutdown(connection.fd, SHUT_RDWR);
}

void end_after_sending(Connection& connection) {
  connection.last_words = true;
  if (connection.outbox.empty()) end(connection);
}

// Hands the kernel what it takes; false when the peer is gone.
bool flush(Connection& connection) {
  while (!connection.outbox.empty()) {
    const std::string& frame = connection.outbox.front();
    const ssize_t sent = ::send(connection.fd, frame.data() + connection.sent_of_first,
                                frame.size() - connection.sent_of_first, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    connection.sent_of_first += static_cast<std::size_t>(sent);
    connection.queued -= static_cast<std::size_t>(sent);
    if (connection.sent_of_first < frame.size()) continue;
    connection.outbox.pop_front();
    connection.sent_of_first = 0;
  }
  return true;
}

enum class Input { kOpen, kEnd, kUnwanted };

Input read_some(Connection& connection, bool takes_descriptors) {
  std::string bytes(kBytesPerRound, '\0');
  auto got = receive_with_descriptor(connection.fd, bytes.data(), bytes.size());
  if (got.size < 0) return errno == EAGAIN || errno == EINTR ? Input::kOpen : Input::kEnd;
  connection.inbox.append(bytes, 0, static_cast<std::size_t>(got.size));
  if (got.too_many || (got.descriptor && (!takes_descriptors || connection.descriptor)))
    return Input::kUnwanted;
  if (got.descriptor) connection.descriptor = std::move(got.descriptor);
  return got.size == 0 ? Input::kEnd : Input::kOpen;
}

}  // namespace

class UnixDoor::Inner {
 public:
  Inner(Poller& poller, const Clock& clock, DoorOptions options, UnixListener listener)
      : poller_(poller),
        clock_(clock),
        options_(std::move(options)),
        listener_(std::move(listener)) {}
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;
  ~Inner() {
    poller_.forget(listener_.fd());
    for (const auto& [id, connection] : connections_) {
      poller_.forget(connection->fd);
      ::close(connection->fd);
    }
  }

  void start(OnFrame on_frame, OnClose on_close) {
    on_frame_ = std::move(on_frame);
    on_close_ = std::move(on_close);
    open();
  }
  Status send(ConnectionId to, std::string_view payload);
  [[nodiscard]] std::size_t queued(ConnectionId id) const {
    const auto found = connections_.find(id);
    return found == connections_.end() ? 0 : found->second->queued;
  }
  [[nodiscard]] std::size_t connections() const noexcept { return connections_.size(); }
  void close_after_sending(ConnectionId id);
  void drop_idle();
  Descriptor take_descriptor() { return std::move(arrived_); }
  [[nodiscard]] const DoorCounters& counters() const noexcept { return counters_; }

 private:
  using ConnectionPtr = std::shared_ptr<Connection>;  // outlives its own callbacks

  void open() {
    poller_.watch(listener_.fd(), Poller::Interest::kRead, [this] { accept(); });
  }
  void accept();
  [[nodiscard]] bool has_room(const Principal& principal) const;
  void watch(const ConnectionPtr& connection);
  void serve(const ConnectionPtr& connection);
  void deliver(Connection& connection);
  void close(const ConnectionPtr& connection);

  Poller& poller_;
  const Clock& clock_;
  DoorOptions options_;
  UnixListener listener_;
  OnFrame on_frame_;
  OnClose on_close_;
  DoorCounters counters_;
  Descriptor arrived_;
  ConnectionId next_id_ = 1;
  std::map<ConnectionId, ConnectionPtr> connections_;
};

bool UnixDoor::Inner::has_room(const Principal& principal) const {
  if (connections_.size() >= options_.limits.max_connections) return false;
  if (principal.role == Role::kOperator) return true;
  const auto strangers = std::count_if(
      connections_.begin(), connections_.end(),
      [](const auto& item) { return item.second->principal.role != Role::kOperator; });
  return static_cast<std::size_t>(strangers) < options_.limits.max_strangers;
}

void UnixDoor::Inner::accept() {
  const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    // Without a descriptor for it the client would keep the listener ready and the loop spinning:
    // drop_idle() looks again.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) poller_.forget(listener_.fd());
    return;
  }
  auto principal = principal_of(fd, options_.operator_gid);
  if (!principal || !has_room(*principal)) {
    ++counters_.refused;
    ::close(fd);
    return;
  }
  ++counters_.accepted;
  auto connection = std::make_shared<Connection>();
  connection->id = next_id_++;
  connection->fd = fd;
  connection->principal = *std::move(principal);
  connection->waiting_since = clock_.boot();
  connections_.emplace(connection->id, connection);
  watch(connection);
}

void UnixDoor::Inner::watch(const ConnectionPtr& connection) {
  const auto interest =
      connection->outbox.empty() ? Poller::Interest::kRead : Poller::Interest::kReadWrite;
  poller_.watch(connection->fd, interest, [this, connection] { serve(connection); });
}

void UnixDoor::Inner::serve(const ConnectionPtr& connection) {
  if (connection->ended) return close(connection);
  const bool had_output = !connection->outbox.empty();
  if (!flush(*connection)) return close(connection);
  if (connection->last_words && connection->outbox.empty()) return close(connection);
  if (had_output && connection->outbox.empty()) watch(connection);
  const Input input = read_some(*connection, options_.takes_descriptors);
  if (input == Input::kUnwanted) {
    ++counters_.malformed;
    return close(connection);
  }
  deliver(*connection);
  if (connection->ended) return close(connection);
  if (input == Input::kOpen) return;
  if (!connection->inbox.empty()) ++counters_.malformed;
  close(connection);
}

void UnixDoor::Inner::deliver(Connection& connection) {
  std::string_view rest = connection.inbox;
  while (!connection.ended && !connection.last_words) {
    auto frame = take_frame(rest);
    if (!frame) {
      ++counters_.malformed;
      end(connection);
      break;
    }
    if (!frame->has_value()) break;
    connection.waiting_since.reset();
    arrived_ = std::move(connection.descriptor);
    on_frame_(connection.id, connection.principal, **std::move(frame));
    arrived_.reset();
  }
  if (connection.ended || connection.last_words) rest = {};
  connection.inbox.erase(0, connection.inbox.size() - rest.size());
  if (!connection.inbox.empty() && !connection.waiting_since)
    connection.waiting_since = clock_.boot();
}

void UnixDoor::Inner::close(const ConnectionPtr& connection) {
  if (connections_.erase(connection->id) == 0) return;
  poller_.forget(connection->fd);
  ::close(connection->fd);
  connection->ended = true;
  on_close_(connection->id);
}

Status UnixDoor::Inner::send(ConnectionId to, std::string_view payload) {
  const auto found = connections_.find(to);
  if (found == connections_.end() || found->second->ended || found->second->last_words)
    return fail(ErrorCode::kNotFound, "the client has gone away");
  Connection& connection = *found->second;
  ROLLBACK_ASSIGN(std::string frame, make_frame(payload));
  if (connection.queued + frame.size() > options_.limits.max_queued_bytes) {
    end(connection);
    return fail(ErrorCode::kBusy, "the client does not read its answers and was disconnected");
  }
  const bool was_empty = connection.outbox.empty();
  connection.queued += frame.size();
  connection.outbox.push_back(std::move(frame));
  if (!was_empty) return {};
  if (!flush(connection)) {
    end(connection);
    return fail(ErrorCode::kNotFound, "the client has gone away");
  }
  if (!connection.outbox.empty()) watch(found->second);
  return {};
}

void UnixDoor::Inner::close_after_sending(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) end_after_sending(*found->second);
}

void UnixDoor::Inner::drop_idle() {
  open();  // accept() may have given up for want of descriptors
  const BootTime now = clock_.boot();
  std::vector<ConnectionPtr> idle;
  for (const auto& [id, connection] : connections_)
    if (connection->waiting_since && now - *connection->waiting_since >= options_.limits.idle)
      idle.push_back(connection);
  for (const auto& connection : idle) close(connection);
}

UnixDoor::UnixDoor(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
UnixDoor::~UnixDoor() = default;

Result<std::unique_ptr<UnixDoor>> UnixDoor::listen(Poller& poller, const Clock& clock,
                                                   const DoorOptions& options, OnFrame on_frame,
                                                   OnClose on_close) {
  ROLLBACK_ASSIGN(auto listener,
                  UnixListener::listen(options.path, options.mode, options.operator_gid));
  auto inner = std::make_unique<Inner>(poller, clock, options, std::move(listener));
  inner->start(std::move(on_frame), std::move(on_close));
  return std::unique_ptr<UnixDoor>(new UnixDoor(std::move(inner)));
}

Status UnixDoor::send(ConnectionId to, std::string_view frame) { return inner_->send(to, frame); }
std::size_t UnixDoor::connections() const noexcept { return inner_->connections(); }

std::size_t UnixDoor::queued(ConnectionId connection) const { return inner_->queued(connection); }
void UnixDoor::close_after_sending(ConnectionId connection) {
  inner_->close_after_sending(connection);
}
void UnixDoor::drop_idle() { inner_->drop_idle(); }
Descriptor UnixDoor::take_descriptor() { return inner_->take_descriptor(); }
const DoorCounters& UnixDoor::counters() const noexcept { return inner_->counters(); }

}  // namespace rollback
