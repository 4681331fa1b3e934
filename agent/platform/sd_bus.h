// SPDX-License-Identifier: Apache-2.0
// A connection to systemd: over the system bus, or over systemd's own private socket when D-Bus is
// gone, frozen, or does not know systemd.
// A system-bus connection is kept between operations. A private one lives for one operation:
// systemd queues every signal for it without being asked, so an idle one would grow the memory of
// PID 1. One thread at a time.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"

struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;

namespace rollback {

template <auto Release>
struct Releaser {
  template <typename T>
  void operator()(T* handle) const noexcept {
    (void)Release(handle);
  }
};

// In sd_bus.cpp, so that no other header needs libsystemd.
void release_bus(sd_bus* bus) noexcept;
void release_message(sd_bus_message* message) noexcept;
void release_slot(sd_bus_slot* slot) noexcept;
using BusPtr = std::unique_ptr<sd_bus, Releaser<release_bus>>;
using MessagePtr = std::unique_ptr<sd_bus_message, Releaser<release_message>>;
using SlotPtr = std::unique_ptr<sd_bus_slot, Releaser<release_slot>>;

struct BusAddresses {
  std::string system_bus;  // "": libsystemd's default
  std::string private_socket = "unix:path=/run/systemd/private";
};

struct BusMethod {
  std::string path;
  const char* interface = "org.freedesktop.systemd1.Manager";
  const char* member = "";
};

class SdBus {
 public:
  using Fill = std::function<int(sd_bus_message*)>;  // appends the arguments; < 0: -errno
  using Signal = std::function<void(sd_bus_message*)>;

  static constexpr BootTime kNoDeadline{std::numeric_limits<std::int64_t>::max()};

  explicit SdBus(const Clock& clock, BusAddresses addresses = {})
      : clock_(clock), addresses_(std::move(addresses)) {}

  // Begins an operation: proves that systemd answers on the connection and sends its signals to it,
  // and connects anew when it does not. A bus that is asked gets at most half of the time until
  // `until`, so that some is left for the private socket.
  Status begin(BootTime until = kNoDeadline);
  // In the middle of an operation: whoever answers is still the systemd whose signals are heard.
  // Otherwise is_lost().
  Status prove();
  void end();   // closes a private connection
  void drop();  // closes any connection: begin() makes a new one

  // Calls a method of systemd and returns its reply. is_lost() tells afterwards whether the error
  // was the connection's; systemd's own errors keep their words and get the code of their name.
  Result<MessagePtr> call(const BusMethod& method, Duration timeout, const Fill& fill = {});
  [[nodiscard]] bool is_lost() const noexcept { return lost_; }

  // Hears `member` of `interface` from systemd, as long as the slot lives.
  Result<SlotPtr> listen(const std::string& path, const char* interface, const char* member,
                         Signal& handler);
  // Handles what has come in; waits for more until `until`, or until `fd` (if >= 0) is readable.
  Status wait(BootTime until, int fd = -1);

 private:
  Status open_system_bus();
  Status open_private_socket();
  Status authenticate(sd_bus* bus);
  Status subscribe();
  Status ask_owner(Duration timeout);
  void avoid_system_bus();
  [[nodiscard]] Duration left() const { return until_ - clock_.boot(); }
  Status lose(int error, const std::string& what);

  const Clock& clock_;
  BusAddresses addresses_;
  BusPtr bus_;
  std::string owner_;  // systemd's unique name on the system bus
  bool private_ = false;
  bool lost_ = false;
  bool refused_ = false;          // systemd's private socket is there, and nobody behind it
  BootTime until_ = kNoDeadline;  // of what begin() does
  BootTime private_until_;        // the system bus failed: not asked again before this
};

// Ends an operation on every way out.
class BusOperation {
 public:
  explicit BusOperation(SdBus& bus) : bus_(bus) {}
  ~BusOperation() { bus_.end(); }
  BusOperation(const BusOperation&) = delete;
  BusOperation& operator=(const BusOperation&) = delete;

 private:
  SdBus& bus_;
};

constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";
constexpr Duration kBusTimeout = std::chrono::seconds(25);  // PID 1 may be reloading

}  // namespace rollback
