// SPDX-License-Identifier: Apache-2.0
// Result and Error: how every function of this project reports failure.
// An Error's message is one sentence for an operator: what failed, where, what to try.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace rollback {

// What the caller can do next, not where it went wrong.
enum class ErrorCode {
  kNotFound = 1,
  kExists = 2,
  kInvalid = 3,
  kDenied = 4,
  kBusy = 5,
  kConflict = 6,
  kTimeout = 7,
  kIo = 8,
  kNoSpace = 9,
  kCorrupt = 10,
  kUnsupported = 11,
  kBug = 12,
};

std::string_view to_string(ErrorCode code) noexcept;

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kBug;
  std::string message;

  // The same failure seen one layer up: "context: message".
  Error within(std::string_view context) const&;
  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;
using Failure = tl::unexpected<Error>;

// `return fail(ErrorCode::kNotFound, "no release v2.4.1 on this host");`
Failure fail(ErrorCode code, std::string message);
// The one place that maps errno. `what` names the operation and the path: "rename /etc/x".
Error errno_error(int error, std::string_view what);
Failure fail_errno(int error, std::string_view what);

}  // namespace rollback

#define ROLLBACK_CONCAT_(a, b) a##b
#define ROLLBACK_CONCAT(a, b) ROLLBACK_CONCAT_(a, b)

// ROLLBACK_TRY(status_expression): returns its error to the caller.
#define ROLLBACK_TRY(...)                                             \
  do {                                                                \
    if (auto rollback_status = (__VA_ARGS__); !rollback_status)       \
      return ::rollback::Failure(std::move(rollback_status).error()); \
  } while (false)

// ROLLBACK_ASSIGN(auto value, result_expression): the value, or returns the error.
#define ROLLBACK_ASSIGN(declaration, ...) \
  ROLLBACK_ASSIGN_(ROLLBACK_CONCAT(rollback_result_, __LINE__), declaration, __VA_ARGS__)
#define ROLLBACK_ASSIGN_(result, declaration, ...)                    \
  auto result = (__VA_ARGS__);                                        \
  if (!result) return ::rollback::Failure(std::move(result).error()); \
  declaration = *std::move(result)
