// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <memory>
#include <utility>

#include "core/fs/beneath.h"
#include "core/fs/directory.h"

namespace rollback {

File::File(Syscalls& calls, int fd, std::string path)
    : calls_(&calls), fd_(fd), path_(std::move(path)) {}

File::~File() { (void)close(); }  // nothing was promised about the content by then

File::File(File&& other) noexcept
    : calls_(other.calls_), fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  if (this == &other) return *this;
  (void)close();  // as in the destructor
  calls_ = other.calls_;
  fd_ = std::exchange(other.fd_, -1);
  path_ = std::move(other.path_);
  return *this;
}

Result<FileStat> File::stat() const { return beneath::stat(*calls_, fd_, "", path_); }

Result<std::size_t> File::read(void* bytes, std::size_t size) const {
  const ssize_t got = beneath::uninterrupted([&] { return calls_->read(fd_, bytes, size); });
  if (got < 0) return fail_errno(static_cast<int>(-got), "read " + path_);
  return static_cast<std::size_t>(got);
}

Status File::read_pieces(const std::function<Status(std::string_view)>& use) const {
  constexpr std::size_t kPiece = 64 * 1024;  // below what malloc maps anew each time
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPiece);
  while (true) {
    ROLLBACK_ASSIGN(const std::size_t got, read(buffer.get(), kPiece));
    if (got == 0) return {};
    ROLLBACK_TRY(use({buffer.get(), got}));
  }
}

Result<bool> File::read_exactly(std::uint64_t size,
                                const std::function<Status(std::string_view)>& use) const {
  std::uint64_t got = 0;
  const auto read = read_pieces([&](std::string_view piece) -> Status {
    got += piece.size();
    return got <= size ? use(piece) : fail(ErrorCode::kConflict, path_ + " grew");
  });
  if (got > size) return false;
  if (!read) return Failure(read.error());
  return got == size;
}

Result<std::string> File::read_all(std::size_t limit) const {
  std::string content;
  ROLLBACK_TRY(read_pieces([&](std::string_view piece) -> Status {
    if (piece.size() > limit - content.size())
      return fail(ErrorCode::kInvalid,
                  path_ + " is larger than the " + std::to_string(limit) + " bytes it may have");
    content += piece;
    return {};
  }));
  return content;
}

Status File::write_all(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t put =
        beneath::uninterrupted([&] { return calls_->write(fd_, bytes.data(), bytes.size()); });
    if (put < 0) return fail_errno(static_cast<int>(-put), "write " + path_);
    if (put == 0) return fail(ErrorCode::kIo, "write " + path_ + ": nothing was written");
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status File::write_at(std::string_view bytes, std::uint64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t put = beneath::uninterrupted([&] {
      return calls_->pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (put < 0) return fail_errno(static_cast<int>(-put), "write " + path_);
    if (put == 0) return fail(ErrorCode::kIo, "write " + path_ + ": nothing was written");
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status File::resize(std::uint64_t size) const {
  const int result =
      beneath::uninterrupted([&] { return calls_->ftruncate(fd_, static_cast<off_t>(size)); });
  if (result < 0) return fail_errno(-result, "change the size of " + path_);
  return {};
}

Result<bool> File::allocate(std::uint64_t offset, std::uint64_t size, Growth growth) const {
  const int mode = growth == Growth::kKeepsSize ? FALLOC_FL_KEEP_SIZE : 0;
  const int result = beneath::uninterrupted([&] {
    return calls_->fallocate(fd_, mode, static_cast<off_t>(offset), static_cast<off_t>(size));
  });
  if (result == -EOPNOTSUPP || result == -ENOSYS || result == -EPERM) return false;
  if (result < 0)
    return fail_errno(-result, "reserve " + std::to_string(size) + " bytes for " + path_);
  return true;
}

Status File::start_write_back() const {
  const int result = beneath::uninterrupted([&] { return calls_->start_write_back(fd_); });
  if (result == -EPERM || result == -ENOSYS || result == -EOPNOTSUPP) return {};
  if (result < 0) return fail_errno(-result, "write back " + path_);
  return {};
}

// Never repeated: after a failure the kernel may have dropped the pages and answer 0 the next time.
Status File::sync() const {
  if (const int result = calls_->fsync(fd_); result < 0)
    return fail_errno(-result, "sync " + path_);
  return {};
}

Status File::data_sync() const {
  if (const int result = calls_->fdatasync(fd_); result < 0)
    return fail_errno(-result, "sync " + path_);
  return {};
}

Status File::close() {
  if (fd_ < 0) return {};
  // The descriptor is gone after EINTR too; closing again could hit another thread's.
  const int result = calls_->close(std::exchange(fd_, -1));
  if (result < 0 && result != -EINTR) return fail_errno(-result, "close " + path_);
  return {};
}

}  // namespace rollback
