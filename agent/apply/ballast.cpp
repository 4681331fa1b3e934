// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/ballast.h"

#include <fmt/format.h>

namespace rollback {

namespace {

constexpr const char* kFile = "ballast";
constexpr std::size_t kPiece = 1U << 20U;

// Where room cannot be asked for it is taken, with bytes that no file system makes smaller. Numbers
// of xorshift64; source: Marsaglia, Xorshift RNGs, 2003.
Status fill(const File& file) {
  std::string piece(kPiece, '\0');
  std::uint64_t state = 88172645463325252ULL;
  for (std::uint64_t written = 0; written < kBallastBytes; written += kPiece) {
    for (auto& byte : piece) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      byte = static_cast<char>(state >> 56U);
    }
    ROLLBACK_TRY(file.write_all(piece));
  }
  return {};
}

Status make(const Directory& state) {
  ROLLBACK_ASSIGN(File file, state.create_file(kFile, 0600));
  ROLLBACK_ASSIGN(const bool allocated, file.allocate(0, kBallastBytes, File::Growth::kGrows));
  if (!allocated) ROLLBACK_TRY(fill(file));
  ROLLBACK_TRY(file.sync());
  return state.sync();
}

}  // namespace

Result<std::uint64_t> free_bytes(const Directory& directory) {
  ROLLBACK_ASSIGN(const auto space, directory.space());
  return std::uint64_t{space.f_bavail} * space.f_frsize;
}

bool has_ballast(const Directory& state) {
  const auto stat = state.find_stat(kFile);
  return stat && *stat && (*stat)->size == kBallastBytes;
}

bool give_up_ballast(const Directory& state) {
  return state.remove_file(kFile).has_value() && state.sync().has_value();
}

std::string hold_ballast(const Directory& state) {
  if (has_ballast(state)) return "";
  (void)state.remove_file(kFile);  // of a start that was cut short
  const auto lacking = [&](const std::string& why) {
    return fmt::format("no room is held back in {} for a full disk: {}", state.path(), why);
  };
  constexpr std::uint64_t kNeeded = 2 * kBallastBytes + kMargin;
  const auto free = free_bytes(state);
  if (!free) return lacking(free.error().message);
  if (*free < kNeeded)
    return lacking(fmt::format("{} MiB are free and {} are needed; make room there", *free >> 20U,
                               kNeeded >> 20U));
  const auto made = make(state);
  if (made) return "";
  (void)state.remove_file(kFile);
  return lacking(made.error().message);
}

}  // namespace rollback
