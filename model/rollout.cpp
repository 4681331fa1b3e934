// SPDX-License-Identifier: Apache-2.0
#include "model/rollout.h"

#include <algorithm>
#include <charconv>

namespace rollback {

std::string_view to_string(RolloutState state) noexcept {
  switch (state) {
    case RolloutState::kPreparing:
      return "preparing";
    case RolloutState::kWaving:
      return "waving";
    case RolloutState::kPaused:
      return "paused";
    case RolloutState::kUndoing:
      return "undoing";
    case RolloutState::kDone:
      return "done";
  }
  return "unknown";
}

std::string_view to_string(HostPhase phase) noexcept {
  switch (phase) {
    case HostPhase::kWaiting:
      return "waiting";
    case HostPhase::kPreparing:
      return "preparing";
    case HostPhase::kReady:
      return "ready";
    case HostPhase::kUnready:
      return "unready";
    case HostPhase::kMissing:
      return "missing";
    case HostPhase::kOffline:
      return "offline";
    case HostPhase::kCommitting:
      return "committing";
    case HostPhase::kDone:
      return "done";
    case HostPhase::kRestored:
      return "restored";
    case HostPhase::kInconsistent:
      return "inconsistent";
    case HostPhase::kUndoing:
      return "undoing";
    case HostPhase::kUndone:
      return "undone";
    case HostPhase::kSkipped:
      return "skipped";
    case HostPhase::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(OnFailure policy) noexcept {
  switch (policy) {
    case OnFailure::kPause:
      return "pause";
    case OnFailure::kStop:
      return "stop";
    case OnFailure::kUndo:
      return "undo";
    case OnFailure::kContinue:
      return "continue";
  }
  return "unknown";
}

Result<OnFailure> parse_on_failure(std::string_view text) {
  for (const auto policy :
       {OnFailure::kPause, OnFailure::kStop, OnFailure::kUndo, OnFailure::kContinue})
    if (text == to_string(policy)) return policy;
  return fail(ErrorCode::kInvalid, "'" + std::string(text) +
                                       "' is no policy for failures: use pause, stop, undo or "
                                       "continue");
}

Result<Amount> Amount::parse(std::string_view text) {
  Amount amount;
  std::string_view digits = text;
  if (digits.ends_with('%')) {
    amount.percent = true;
    digits.remove_suffix(1);
  }
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, amount.value);
  if (error != std::errc() || rest != end || (amount.percent && amount.value > 100))
    return fail(ErrorCode::kInvalid, "'" + std::string(text) +
                                         "' is no number of hosts such as 3, nor a share from 0% "
                                         "to 100%");
  return amount;
}

std::string Amount::str() const { return std::to_string(value) + (percent ? "%" : ""); }

std::size_t Amount::of_rounded_up(std::size_t hosts) const {
  if (!percent) return std::min<std::size_t>(value, hosts);
  return (hosts * value + 99) / 100;
}

std::size_t Amount::of_rounded_down(std::size_t hosts) const {
  if (!percent) return std::min<std::size_t>(value, hosts);
  return hosts * value / 100;
}

}  // namespace rollback
