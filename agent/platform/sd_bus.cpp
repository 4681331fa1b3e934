// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/sd_bus.h"

#include <poll.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "agent/platform/printable.h"

namespace rollback {

namespace {

constexpr const char* kDestination = "org.freedesktop.systemd1";
constexpr Duration kAnswerOfDbus = std::chrono::seconds(2);
constexpr Duration kTrustPrivateFor = std::chrono::seconds(10);
// A systemd that starts itself again, as its package does after an update, is away for a moment.
constexpr Duration kComesBack = std::chrono::seconds(5);
constexpr int kBetweenTries = 50;  // milliseconds

std::uint64_t to_usec(Duration duration) {
  // 0 means "the default of 25 s" to sd-bus.
  return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count() / 1000, 1));
}

struct ErrorName {
  std::string_view name;
  ErrorCode code;
};
constexpr std::array kErrorNames = {
    ErrorName{"org.freedesktop.systemd1.NoSuchUnit", ErrorCode::kNotFound},
    ErrorName{"org.freedesktop.systemd1.NoSuchJob", ErrorCode::kNotFound},
    ErrorName{"org.freedesktop.systemd1.UnitExists", ErrorCode::kExists},
    ErrorName{"org.freedesktop.systemd1.AlreadySubscribed", ErrorCode::kExists},
    ErrorName{"org.freedesktop.systemd1.LoadFailed", ErrorCode::kInvalid},
    ErrorName{"org.freedesktop.systemd1.BadUnitSetting", ErrorCode::kInvalid},
    ErrorName{"org.freedesktop.systemd1.UnitMasked", ErrorCode::kInvalid},
    ErrorName{"org.freedesktop.systemd1.TransactionIsDestructive", ErrorCode::kConflict},
    ErrorName{"org.freedesktop.systemd1.JobTypeNotApplicable", ErrorCode::kUnsupported},
    ErrorName{"org.freedesktop.DBus.Error.InvalidArgs", ErrorCode::kInvalid},
    ErrorName{"org.freedesktop.DBus.Error.AccessDenied", ErrorCode::kDenied},
    ErrorName{"org.freedesktop.DBus.Error.Timeout", ErrorCode::kTimeout},
    ErrorName{"org.freedesktop.DBus.Error.NoReply", ErrorCode::kTimeout},
};

// Errors that the connection (or a bus without systemd on it) makes, not systemd.
bool means_lost(const sd_bus_error& error, int number) {
  constexpr std::array kNumbers = {ENOTCONN, ECONNRESET, EPIPE, ESHUTDOWN, ECONNREFUSED, EHOSTDOWN};
  constexpr std::array kNames = {
      "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
      "org.freedesktop.DBus.Error.Disconnected", "org.freedesktop.DBus.Error.NoServer"};
  for (const int lost : kNumbers)
    if (number == lost) return true;
  for (const char* name : kNames)
    if (sd_bus_error_has_name(&error, name) > 0) return true;
  return false;
}

ErrorCode code_of(const sd_bus_error& error, int number) {
  for (const auto& known : kErrorNames)
    if (error.name != nullptr && known.name == error.name) return known.code;
  return errno_error(number, "").code;
}

int pass_on(sd_bus_message* message, void* handler, sd_bus_error* /*error*/) {
  (*static_cast<SdBus::Signal*>(handler))(message);
  return 0;
}

class BusError {
 public:
  BusError() = default;
  ~BusError() { sd_bus_error_free(&error_); }
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  sd_bus_error* get() { return &error_; }

 private:
  sd_bus_error error_ = SD_BUS_ERROR_NULL;
};

}  // namespace

void release_bus(sd_bus* bus) noexcept { sd_bus_close_unref(bus); }
void release_message(sd_bus_message* message) noexcept { sd_bus_message_unref(message); }
void release_slot(sd_bus_slot* slot) noexcept { sd_bus_slot_unref(slot); }

Status SdBus::authenticate(sd_bus* bus) {
  const Duration patience = std::min(kAnswerOfDbus, left() / 2);
  const BootTime until = clock_.boot() + patience;
  while (sd_bus_is_ready(bus) <= 0) {
    const int done = sd_bus_process(bus, nullptr);
    if (done < 0) return fail_errno(-done, "connect to systemd");
    if (done > 0) continue;
    const Duration rest = until - clock_.boot();
    if (rest <= Duration::zero())
      return fail(ErrorCode::kTimeout,
                  "connect to systemd: no answer within " + format_duration(patience));
    const int waited = sd_bus_wait(bus, to_usec(rest));
    if (waited < 0 && waited != -EINTR) return fail_errno(-waited, "connect to systemd");
  }
  return {};
}

Status SdBus::open_system_bus() {
  sd_bus* raw = nullptr;
  int made = 0;
  if (addresses_.system_bus.empty()) {
    made = sd_bus_open_system(&raw);
  } else {
    made = sd_bus_new(&raw);
    if (made >= 0) made = sd_bus_set_address(raw, addresses_.system_bus.c_str());
    if (made >= 0) made = sd_bus_set_bus_client(raw, 1);
    if (made >= 0) made = sd_bus_start(raw);
  }
  BusPtr bus(raw);
  if (made < 0) return fail_errno(-made, "connect to the system bus");
  ROLLBACK_TRY(authenticate(bus.get()));
  bus_ = std::move(bus);
  private_ = false;
  return {};
}

Status SdBus::open_private_socket() {
  sd_bus* raw = nullptr;
  int made = sd_bus_new(&raw);
  BusPtr bus(raw);
  if (made >= 0) made = sd_bus_set_address(raw, addresses_.private_socket.c_str());
  if (made >= 0) made = sd_bus_start(raw);
  refused_ = made == -ECONNREFUSED;
  if (made < 0) return fail_errno(-made, "connect to " + addresses_.private_socket);
  ROLLBACK_TRY(authenticate(raw));
  bus_ = std::move(bus);
  private_ = true;
  return {};
}

// Also the proof that systemd is there: a bus without it answers with an error that means_lost().
Status SdBus::subscribe() {
  const Duration timeout =
      private_ ? std::min(kBusTimeout, left()) : std::min(kAnswerOfDbus, left() / 2);
  auto reply = call({kManagerPath, kManagerInterface, "Subscribe"}, timeout);
  if (reply) {
    const char* sender = sd_bus_message_get_sender(reply->get());
    owner_ = sender == nullptr ? "" : sender;
    return {};
  }
  if (reply.error().code == ErrorCode::kExists && !owner_.empty()) return ask_owner(timeout);
  return Failure(std::move(reply).error());
}

// A systemd that started itself again remembers who subscribed, and sends under another name.
Status SdBus::ask_owner(Duration timeout) {
  ROLLBACK_ASSIGN(const MessagePtr pong,
                  call({kManagerPath, "org.freedesktop.DBus.Peer", "Ping"}, timeout));
  const char* sender = sd_bus_message_get_sender(pong.get());
  if (private_ || (sender != nullptr && owner_ == sender)) return {};
  return fail(ErrorCode::kIo, "systemd has started itself again");
}

Status SdBus::prove() {
  auto there = ask_owner(kBusTimeout);
  if (!there) lost_ = true;
  return there;
}

Status SdBus::begin(BootTime until) {
  until_ = until;
  if (bus_) {
    const Status alive = subscribe();
    if (alive) return {};
    // A frozen bus would take as long again to refuse a new connection.
    if (alive.error().code == ErrorCode::kTimeout) avoid_system_bus();
    drop();
  }
  if (clock_.boot() >= private_until_ && open_system_bus() && subscribe()) return {};
  drop();
  avoid_system_bus();
  auto opened = open_private_socket();
  const BootTime patience = clock_.boot() + std::min(kComesBack, left() / 2);
  while (!opened && refused_ && clock_.boot() < patience) {
    (void)poll(nullptr, 0, kBetweenTries);
    opened = open_private_socket();
  }
  if (opened) opened = subscribe();
  if (opened) return {};
  drop();
  return Failure(opened.error().within(
      "systemd answers neither on the system bus nor on its private socket; is it running"));
}

void SdBus::avoid_system_bus() { private_until_ = clock_.boot() + kTrustPrivateFor; }

void SdBus::end() {
  if (private_ || lost_) drop();
}

void SdBus::drop() {
  bus_.reset();
  owner_.clear();
  private_ = false;
  lost_ = false;
}

Status SdBus::lose(int error, const std::string& what) {
  lost_ = true;
  return fail_errno(error, what);
}

Result<MessagePtr> SdBus::call(const BusMethod& method, Duration timeout, const Fill& fill) {
  if (!bus_) return fail(ErrorCode::kBug, "a call to systemd without a connection");
  sd_bus_message* raw = nullptr;
  int made = sd_bus_message_new_method_call(bus_.get(), &raw, kDestination, method.path.c_str(),
                                            method.interface, method.member);
  const MessagePtr request(raw);
  if (made >= 0 && fill) made = fill(raw);
  if (made < 0) return fail_errno(-made, std::string("make the systemd call ") + method.member);
  BusError error;
  sd_bus_message* answer = nullptr;
  const int done = sd_bus_call(bus_.get(), raw, to_usec(timeout), error.get(), &answer);
  if (done >= 0) return MessagePtr(answer);
  lost_ = means_lost(*error.get(), -done);
  const char* words = error.get()->message;
  return fail(code_of(*error.get(), -done),
              std::string("systemd ") + method.member + ": " +
                  printable_line(words == nullptr ? std::strerror(-done) : words, 512));
}

Result<SlotPtr> SdBus::listen(const std::string& path, const char* interface, const char* member,
                              Signal& handler) {
  // Nobody but systemd itself: any user of the system bus may send signals.
  const char* sender = private_ ? nullptr : owner_.c_str();
  sd_bus_slot* slot = nullptr;
  const int added = sd_bus_match_signal(bus_.get(), &slot, sender, path.c_str(), interface, member,
                                        pass_on, &handler);
  if (added < 0) return fail_errno(-added, std::string("listen for systemd's ") + member);
  return SlotPtr(slot);
}

Status SdBus::wait(BootTime until, int fd) {
  for (;;) {
    const int done = sd_bus_process(bus_.get(), nullptr);
    if (done < 0) return lose(-done, "hear systemd");
    if (done > 0) return {};
    break;
  }
  const int events = sd_bus_get_events(bus_.get());
  const int bus_fd = sd_bus_get_fd(bus_.get());
  if (events < 0 || bus_fd < 0) return lose(ENOTCONN, "hear systemd");
  const Duration rest = std::max(until - clock_.boot(), Duration::zero());
  std::array<pollfd, 2> fds = {pollfd{bus_fd, static_cast<short>(events), 0},
                               pollfd{fd, POLLIN, 0}};
  const auto ms = std::min<std::int64_t>((rest.count() + 999'999) / 1'000'000, 60'000);
  if (poll(fds.data(), fd < 0 ? 1 : 2, static_cast<int>(ms)) < 0 && errno != EINTR)
    return fail_errno(errno, "wait for systemd");
  return {};
}

}  // namespace rollback
