// SPDX-License-Identifier: Apache-2.0
// The bytes behind a descriptor that an operator passed in: a regular file, a pipe or a socket,
// which were opened with the operator's rights and not with ours. Whoever is at the other end may
// be slow or gone: every wait ends, and the descriptor's own flags, which others share, are left
// alone.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/descriptor.h"
#include "core/stream.h"

namespace rollback {

struct Passed {
  explicit Passed(Descriptor passed) : descriptor(std::move(passed)) {}
  const Descriptor descriptor;
  std::atomic<bool> gone = false;  // who asked has left: set by the loop thread
};
using PassedPtr = std::shared_ptr<Passed>;

struct PassedLimits {
  Duration stalled = std::chrono::seconds(60);  // without a single byte
  Duration whole = std::chrono::hours(6);
};

// How a descriptor is to be used, and how long it may take. One thread.
class PassedStream {
 public:
  enum class Use { kRead, kWrite };
  // kInvalid: neither a file, a pipe nor a socket, or not open for that.
  static Result<PassedStream> open(PassedPtr passed, Use use, const Clock& clock,
                                   PassedLimits limits = {});

  // kTimeout when a limit is over; kConflict when who asked, or the other end, has gone.
  Status write(std::string_view bytes);
  Result<std::size_t> read(char* bytes, std::size_t size);

  // Of a regular file that is at its beginning.
  [[nodiscard]] std::optional<std::uint64_t> file_size() const;
  [[nodiscard]] Result<std::string> read_at(std::uint64_t offset, std::size_t size) const;

 private:
  enum class Kind { kFile, kPipe, kSocket };
  PassedStream(PassedPtr passed, Kind kind, const Clock& clock, PassedLimits limits);
  [[nodiscard]] int fd() const noexcept { return passed_->descriptor.get(); }
  Status open_pipe();
  Status wait(short events);
  Result<std::size_t> write_some(std::string_view bytes);  // 0: it takes nothing now
  Result<std::optional<std::size_t>> read_some(char* bytes, std::size_t size);

  PassedPtr passed_;
  Kind kind_;
  const Clock* clock_;
  PassedLimits limits_;
  BootTime end_;
  BootTime moved_;
  // Our own pipe before a passed one: moving bytes between two pipes never blocks (splice).
  Descriptor near_read_;
  Descriptor near_write_;
  std::size_t near_ = 0;  // bytes in it
};

class PassedSink final : public ByteSink {
 public:
  explicit PassedSink(PassedStream stream) : stream_(std::move(stream)) {}
  Status write(std::string_view bytes) override { return stream_.write(bytes); }

 private:
  PassedStream stream_;
};

class PassedSource final : public ByteSource {
 public:
  explicit PassedSource(PassedStream stream) : stream_(std::move(stream)) {}
  Result<std::size_t> read(char* bytes, std::size_t size) override {
    return stream_.read(bytes, size);
  }
  [[nodiscard]] const PassedStream& stream() const noexcept { return stream_; }

 private:
  PassedStream stream_;
};

}  // namespace rollback
