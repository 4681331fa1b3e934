// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/notify.h"

#include <systemd/sd-daemon.h>

#include <charconv>
#include <string>

namespace rollback {

namespace {

Status tell(const std::string& state) {
  const int sent = sd_notify(0, state.c_str());
  if (sent < 0) return fail_errno(-sent, "tell systemd '" + state + "' over NOTIFY_SOCKET");
  return {};
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Status notify_ready() { return tell("READY=1"); }
Status notify_stopping() { return tell("STOPPING=1"); }
Status notify_watchdog() { return tell("WATCHDOG=1"); }

std::optional<Duration> watchdog_interval(std::string_view watchdog_usec,
                                          std::string_view watchdog_pid, pid_t self) {
  constexpr std::int64_t kLongest = 24LL * 3600 * 1'000'000;
  const auto micros = parse_number<std::int64_t>(watchdog_usec);
  if (!micros || *micros <= 0 || *micros > kLongest) return std::nullopt;
  if (!watchdog_pid.empty() && parse_number<pid_t>(watchdog_pid) != self) return std::nullopt;
  return std::chrono::microseconds(*micros / 2);
}

}  // namespace rollback
