// SPDX-License-Identifier: Apache-2.0
#include "core/store/watermark.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "core/digest.h"

namespace rollback {
namespace {

// All big-endian: write, number and size of the list of files, its CRC, then the first 8 bytes of
// the SHA-256 of what is in front. Before there was the list: the write and its check alone.
constexpr std::size_t kCheck = 8;
constexpr std::size_t kOldSize = 8 + kCheck;
constexpr std::size_t kSize = 8 + 8 + 8 + 4 + kCheck;

void put(std::string& bytes, std::uint64_t number, unsigned width) {
  for (unsigned i = width; i-- > 0;) bytes += static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t take(std::string_view& bytes, std::size_t width) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, width))
    number = number << 8 | static_cast<unsigned char>(byte);
  bytes.remove_prefix(width);
  return number;
}

std::string_view check_of(const Digest& digest) { return digest.view().substr(0, kCheck); }

std::string encode(const Synced& value) {
  std::string record;
  put(record, value.write, 8);
  put(record, value.manifest.number, 8);
  put(record, value.manifest.size, 8);
  put(record, value.manifest.crc, 4);
  return record.append(check_of(sha256(record)));
}

Synced decode(std::string_view record) {
  if (record.size() != kSize && record.size() != kOldSize) return {};
  std::string_view fields = record.substr(0, record.size() - kCheck);
  if (check_of(sha256(fields)) != record.substr(fields.size())) return {};
  Synced value;
  value.write = take(fields, 8);
  if (fields.empty()) return value;
  value.manifest.number = take(fields, 8);
  value.manifest.size = take(fields, 8);
  value.manifest.crc = static_cast<std::uint32_t>(take(fields, 4));
  return value;
}

}  // namespace

Result<Watermark> Watermark::open_with(const std::string& directory, int flags) {
  const std::string path = directory + "/SYNCED";
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  const bool absent = fd < 0 && errno == ENOENT && (flags & O_CREAT) == 0;
  if (fd < 0 && !absent) return fail_errno(errno, "open " + path);
  std::string record(kSize + 1, '\0');
  const auto size = absent ? 0 : ::pread(fd, record.data(), record.size(), 0);
  if (size > 0)
    return Watermark(fd, directory,
                     decode(std::string_view(record).substr(0, static_cast<std::size_t>(size))));
  return Watermark(fd, directory, {});
}

Result<Watermark> Watermark::open(const std::string& directory) {
  return open_with(directory, O_RDWR | O_CREAT);
}

Result<Watermark> Watermark::open_to_read(const std::string& directory) {
  return open_with(directory, O_RDONLY);
}

Watermark::Watermark(int fd, const std::string& directory, Synced value)
    : fd_(fd), path_(directory + "/SYNCED"), value_(value), manifest_(directory) {}

Watermark::~Watermark() {
  if (fd_ >= 0) ::close(fd_);
}

Watermark::Watermark(Watermark&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      value_(other.value_),
      manifest_(std::move(other.manifest_)) {}

Synced Watermark::value() const {
  const std::lock_guard lock(mutex_);
  return value_;
}

Status Watermark::raise(std::uint64_t write) {
  const std::lock_guard lock(mutex_);
  Synced now{std::max(write, value_.write), value_.manifest};
  // Without it the older list stays known, which is still the beginning of this one.
  if (const auto manifest = manifest_.now()) now.manifest = *manifest;
  if (now == value_) return {};
  const std::string record = encode(now);
  if (::pwrite(fd_, record.data(), record.size(), 0) != static_cast<ssize_t>(kSize))
    return fail_errno(errno, "write " + path_);
  value_ = now;
  return {};
}

}  // namespace rollback
