// SPDX-License-Identifier: Apache-2.0
// What Directory and walk stand on: checked relative paths, openat2 that stays beneath, and names
// of a directory. Private to core/fs.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "core/fs/metadata.h"
#include "core/fs/syscalls.h"
#include "core/result.h"

namespace rollback::beneath {

inline constexpr std::uint64_t kStay =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
inline constexpr std::uint64_t kStayOnMount = kStay | RESOLVE_NO_XDEV;

// Repeats a call that a signal interrupted.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -EINTR) result = call();
  return result;
}

// "" and "." are the directory itself and give "."; kInvalid for absolute paths, "..", NUL,
// components that are empty or ".", and more than 65,535 bytes.
Result<std::string> checked(std::string_view path);

// The descriptor, or -errno. CLOEXEC is added, and NOFOLLOW where `resolve` does not refuse links.
// A path that is too long for one call (PATH_MAX) is opened in parts.
int try_open(Syscalls& calls, int dir, const std::string& path, std::uint64_t flags,
             std::uint64_t resolve, std::uint32_t mode = 0);

// The same with the error in words; `shown` is the path in them.
Result<int> open(Syscalls& calls, int dir, const std::string& path, std::uint64_t flags,
                 std::uint64_t resolve, const std::string& shown, std::uint32_t mode = 0);

// "": the descriptor itself; otherwise one name in the directory `dir`, not followed. 0 or -errno.
int try_stat(Syscalls& calls, int dir, const std::string& name, FileStat& found);

// The same with the error in words.
Result<FileStat> stat(Syscalls& calls, int dir, const std::string& name, const std::string& shown);

// Sorted by bytes, without "." and ".."; kInvalid when there are more than `limit`.
Result<std::vector<std::string>> names(Syscalls& calls, int dir, std::size_t limit,
                                       const std::string& shown);

std::string join(const std::string& parent, std::string_view name);

}  // namespace rollback::beneath
