// SPDX-License-Identifier: Apache-2.0
#include "core/result.h"

#include <cerrno>
#include <cstring>

namespace rollback {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kExists:
      return "exists";
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kNoSpace:
      return "no-space";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kBug:
      return "bug";
  }
  return "unknown";
}

Error Error::within(std::string_view context) const& {
  return Error{code, std::string(context) + ": " + message};
}

Failure fail(ErrorCode code, std::string message) {
  return Failure(Error{code, std::move(message)});
}

Error errno_error(int error, std::string_view what) {
  const auto code = [error] {
    switch (error) {
      case ENOENT:
      case ENOTDIR:
        return ErrorCode::kNotFound;
      case EEXIST:
      case ENOTEMPTY:
        return ErrorCode::kExists;
      case EINVAL:
      case ENAMETOOLONG:
      case ELOOP:
        return ErrorCode::kInvalid;
      case EACCES:
      case EPERM:
      case EROFS:
        return ErrorCode::kDenied;
      case EBUSY:
      case EAGAIN:
      case ETXTBSY:
        return ErrorCode::kBusy;
      case ETIMEDOUT:
        return ErrorCode::kTimeout;
      case ENOSPC:
      case EDQUOT:
        return ErrorCode::kNoSpace;
      case ENOSYS:
      case EOPNOTSUPP:
      case EXDEV:
        return ErrorCode::kUnsupported;
      default:
        return ErrorCode::kIo;
    }
  }();
  return Error{code, std::string(what) + ": " + strerrordesc_np(error)};
}

Failure fail_errno(int error, std::string_view what) { return Failure(errno_error(error, what)); }

}  // namespace rollback
