// SPDX-License-Identifier: Apache-2.0
#include "core/store/manifest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "core/crc32c.h"

namespace rollback {
namespace {

constexpr std::string_view kPrefix = "MANIFEST-";
constexpr std::size_t kPiece = 64UL * 1024;

struct Closing {
  int fd = -1;
  ~Closing() {
    if (fd >= 0) ::close(fd);
  }
};

// The number of the list that CURRENT names; nullopt when it names none.
Result<std::optional<std::uint64_t>> current_number(const std::string& directory) {
  const std::string path = directory + "/CURRENT";
  const Closing file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (file.fd < 0) return fail_errno(errno, "open " + path);
  std::array<char, 64> bytes{};
  const auto size = ::read(file.fd, bytes.data(), bytes.size());
  if (size < 0) return fail_errno(errno, "read " + path);
  const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
  std::uint64_t number = 0;
  if (!text.starts_with(kPrefix) || !text.ends_with('\n')) return std::nullopt;
  const char* const end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data() + kPrefix.size(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number == 0) return std::nullopt;
  return number;
}

std::string manifest_path(const std::string& directory, std::uint64_t number) {
  return fmt::format("{}/{}{:06}", directory, kPrefix, number);
}

// Extends `mark` to `size` bytes of the file.
Status extend(int fd, const std::string& path, std::uint64_t size, ManifestMark& mark) {
  std::string piece(kPiece, '\0');
  while (mark.size < size) {
    const auto wanted = std::min<std::uint64_t>(piece.size(), size - mark.size);
    const auto got = ::pread(fd, piece.data(), wanted, static_cast<off_t>(mark.size));
    if (got < 0) return fail_errno(errno, "read " + path);
    if (got == 0) return fail(ErrorCode::kCorrupt, path + " became shorter while it was read");
    mark.crc = crc32c(std::string_view(piece).substr(0, static_cast<std::size_t>(got)), mark.crc);
    mark.size += static_cast<std::uint64_t>(got);
  }
  return {};
}

Failure damaged(const std::string& path, const std::string& why) {
  return fail(ErrorCode::kCorrupt, fmt::format("{} {}, so files of the store may be missing from "
                                               "it; restore the directory from a backup",
                                               path, why));
}

}  // namespace

ManifestFollower::~ManifestFollower() {
  if (fd_ >= 0) ::close(fd_);
}

ManifestFollower::ManifestFollower(ManifestFollower&& other) noexcept
    : directory_(std::move(other.directory_)),
      fd_(std::exchange(other.fd_, -1)),
      current_(other.current_),
      mark_(other.mark_) {}

Status ManifestFollower::reopen() {
  ROLLBACK_ASSIGN(const auto number, current_number(directory_));
  if (!number) return fail(ErrorCode::kCorrupt, directory_ + "/CURRENT names no list of files");
  const std::string path = manifest_path(directory_, *number);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fail_errno(errno, "open " + path);
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  mark_ = {*number, 0, 0};
  return {};
}

Result<ManifestMark> ManifestFollower::now() {
  const std::string current = directory_ + "/CURRENT";
  struct stat info {};
  if (::stat(current.c_str(), &info) != 0) return fail_errno(errno, "look at " + current);
  const std::pair<std::uint64_t, std::int64_t> seen{
      info.st_ino, info.st_ctim.tv_sec * 1'000'000'000L + info.st_ctim.tv_nsec};
  if (fd_ < 0 || seen != current_) {
    ROLLBACK_TRY(reopen());
    current_ = seen;
  }
  const std::string path = manifest_path(directory_, mark_.number);
  if (::fstat(fd_, &info) != 0) return fail_errno(errno, "look at " + path);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size <= mark_.size) return mark_;
  ROLLBACK_TRY(extend(fd_, path, size, mark_));
  // What was only written may be gone after a power cut, and the mark would then be ahead.
  if (::fdatasync(fd_) != 0) {
    mark_ = {mark_.number, 0, 0};
    return fail_errno(errno, "sync " + path);
  }
  return mark_;
}

Status check_manifest(const std::string& directory, const ManifestMark& mark) {
  if (mark.number == 0) return {};
  ROLLBACK_ASSIGN(const auto number, current_number(directory));
  if (!number) return {};  // RocksDB says what is wrong with it
  const std::string path = manifest_path(directory, *number);
  if (*number < mark.number)
    return damaged(directory + "/CURRENT",
                   fmt::format("names the list {}, which is older than the last one, {}", *number,
                               mark.number));
  if (*number > mark.number) return {};  // it began after the mark
  const Closing file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (file.fd < 0) return errno == ENOENT ? damaged(path, "is missing") : fail_errno(errno, path);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return fail_errno(errno, "look at " + path);
  if (static_cast<std::uint64_t>(info.st_size) < mark.size)
    return damaged(path,
                   fmt::format("was cut from {} bytes or more to {}", mark.size, info.st_size));
  ManifestMark found{*number, 0, 0};
  ROLLBACK_TRY(extend(file.fd, path, mark.size, found));
  if (found != mark) return damaged(path, "was changed");
  return {};
}

}  // namespace rollback
