// SPDX-License-Identifier: Apache-2.0
#include "agent/service/passed_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace rollback {

namespace {

constexpr Duration kGlance = std::chrono::milliseconds(200);
constexpr std::size_t kNearBytes = 64 * 1024;  // what a pipe holds

bool later(int error) { return error == EAGAIN || error == EINTR; }

Failure cannot_write(int error) {
  if (error == EPIPE || error == ECONNRESET)
    return fail(ErrorCode::kConflict, "whoever was to read the archive has closed it");
  return fail_errno(error, "write the archive");
}

}  // namespace

PassedStream::PassedStream(PassedPtr passed, Kind kind, const Clock& clock, PassedLimits limits)
    : passed_(std::move(passed)),
      kind_(kind),
      clock_(&clock),
      limits_(limits),
      end_(clock.boot() + limits.whole),
      moved_(clock.boot()) {}

Result<PassedStream> PassedStream::open(PassedPtr passed, Use use, const Clock& clock,
                                        PassedLimits limits) {
  const int fd = passed->descriptor.get();
  struct stat about {};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fstat(fd, &about) != 0) return fail_errno(errno, "look at the archive");
  const int mode = flags & O_ACCMODE;
  if ((flags & O_PATH) != 0 ||
      (mode != O_RDWR && mode != (use == Use::kRead ? O_RDONLY : O_WRONLY)))
    return fail(ErrorCode::kInvalid, use == Use::kRead ? "the archive is not open for reading"
                                                       : "the archive is not open for writing");
  if (S_ISREG(about.st_mode)) return PassedStream(std::move(passed), Kind::kFile, clock, limits);
  if (S_ISSOCK(about.st_mode)) return PassedStream(std::move(passed), Kind::kSocket, clock, limits);
  if (!S_ISFIFO(about.st_mode))
    return fail(ErrorCode::kInvalid,
                "an archive is read from and written to files, pipes and sockets only");
  PassedStream stream(std::move(passed), Kind::kPipe, clock, limits);
  ROLLBACK_TRY(stream.open_pipe());
  return stream;
}

Status PassedStream::open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno(errno, "make a pipe");
  near_read_ = Descriptor(ends[0]);
  near_write_ = Descriptor(ends[1]);
  return {};
}

Status PassedStream::wait(short events) {
  for (;;) {
    const BootTime now = clock_->boot();
    if (passed_->gone) return fail(ErrorCode::kConflict, "whoever asked for it has gone away");
    if (now - moved_ >= limits_.stalled)
      return fail(ErrorCode::kTimeout, "the other end of the archive's pipe did nothing for " +
                                           format_duration(limits_.stalled));
    if (now >= end_)
      return fail(ErrorCode::kTimeout,
                  "the archive did not get through in " + format_duration(limits_.whole));
    pollfd one{fd(), events, 0};
    const auto glance = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::min({kGlance, limits_.stalled, end_ - now}));
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(glance.count(), 1)));
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "wait for the archive's pipe");
    if (ready > 0) return {};
  }
}

Result<std::size_t> PassedStream::write_some(std::string_view bytes) {
  ssize_t done = 0;
  std::size_t taken = 0;  // of `bytes`, into our own pipe
  if (kind_ == Kind::kFile) {
    done = ::write(fd(), bytes.data(), bytes.size());
  } else if (kind_ == Kind::kSocket) {
    done = ::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    if (near_ == 0) {
      const ssize_t put =
          ::write(near_write_.get(), bytes.data(), std::min(bytes.size(), kNearBytes));
      if (put < 0) return fail_errno(errno, "write to a pipe");
      near_ = taken = static_cast<std::size_t>(put);
    }
    done = ::splice(near_read_.get(), nullptr, fd(), nullptr, near_, SPLICE_F_NONBLOCK);
    if (done > 0) near_ -= static_cast<std::size_t>(done);
  }
  if (done < 0 && !later(errno)) return cannot_write(errno);
  if (done > 0) moved_ = clock_->boot();
  return kind_ == Kind::kPipe ? taken : static_cast<std::size_t>(std::max<ssize_t>(done, 0));
}

Status PassedStream::write(std::string_view bytes) {
  while (!bytes.empty() || near_ > 0) {
    if (passed_->gone || clock_->boot() >= end_) ROLLBACK_TRY(wait(0));
    const BootTime before = moved_;
    ROLLBACK_ASSIGN(const std::size_t done, write_some(bytes));
    bytes.remove_prefix(done);
    if (kind_ != Kind::kFile && moved_ == before) ROLLBACK_TRY(wait(POLLOUT));
  }
  return {};
}

Result<std::optional<std::size_t>> PassedStream::read_some(char* bytes, std::size_t size) {
  ssize_t got = 0;
  if (kind_ == Kind::kFile) {
    got = ::read(fd(), bytes, size);
  } else if (kind_ == Kind::kSocket) {
    got = ::recv(fd(), bytes, size, MSG_DONTWAIT);
  } else {
    got = ::splice(fd(), nullptr, near_write_.get(), nullptr, std::min(size, kNearBytes),
                   SPLICE_F_NONBLOCK);
    if (got > 0) got = ::read(near_read_.get(), bytes, static_cast<std::size_t>(got));
  }
  if (got < 0 && !later(errno)) return fail_errno(errno, "read the archive");
  if (got < 0) return std::nullopt;
  moved_ = clock_->boot();
  return static_cast<std::size_t>(got);
}

Result<std::size_t> PassedStream::read(char* bytes, std::size_t size) {
  for (;;) {
    if (passed_->gone || clock_->boot() >= end_) ROLLBACK_TRY(wait(0));
    ROLLBACK_ASSIGN(const auto got, read_some(bytes, size));
    if (got) return *got;
    ROLLBACK_TRY(wait(POLLIN));
  }
}

std::optional<std::uint64_t> PassedStream::file_size() const {
  struct stat about {};
  if (kind_ != Kind::kFile || ::lseek(fd(), 0, SEEK_CUR) != 0 || ::fstat(fd(), &about) != 0)
    return std::nullopt;
  return static_cast<std::uint64_t>(about.st_size);
}

Result<std::string> PassedStream::read_at(std::uint64_t offset, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t more =
        ::pread(fd(), bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return fail_errno(errno, "read the archive");
    if (more == 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

}  // namespace rollback
