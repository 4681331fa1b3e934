// SPDX-License-Identifier: Apache-2.0
#include "core/store/watermark.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "core/digest.h"

namespace rollback {
namespace {

constexpr std::size_t kNumber = 8;          // big-endian
constexpr std::size_t kSize = kNumber + 8;  // then the first 8 bytes of its SHA-256
using Record = std::array<char, kSize>;

Record encode(std::uint64_t value) {
  Record record{};
  for (std::size_t i = 0; i < kNumber; ++i)
    record[i] = static_cast<char>(value >> (8 * (kNumber - 1 - i)) & 0xff);
  const Digest check = sha256({record.data(), kNumber});
  for (std::size_t i = kNumber; i < kSize; ++i)
    record[i] = static_cast<char>(check.bytes[i - kNumber]);
  return record;
}

std::uint64_t decode(const Record& record) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kNumber; ++i)
    value = value << 8 | static_cast<unsigned char>(record[i]);
  return encode(value) == record ? value : 0;
}

}  // namespace

Result<Watermark> Watermark::open(const std::string& directory) {
  std::string path = directory + "/SYNCED";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail_errno(errno, "open " + path);
  Record record{};
  const auto size = ::pread(fd, record.data(), record.size(), 0);
  const bool whole = size == static_cast<ssize_t>(kSize);
  return Watermark(fd, std::move(path), whole ? decode(record) : 0);
}

Watermark::~Watermark() {
  if (fd_ >= 0) ::close(fd_);
}

Watermark::Watermark(Watermark&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), value_(other.value_) {}

std::uint64_t Watermark::value() const {
  const std::lock_guard lock(mutex_);
  return value_;
}

Status Watermark::raise(std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  if (value <= value_) return {};
  const Record record = encode(value);
  if (::pwrite(fd_, record.data(), record.size(), 0) != static_cast<ssize_t>(kSize))
    return fail_errno(errno, "write " + path_);
  value_ = value;
  return {};
}

}  // namespace rollback
