// SPDX-License-Identifier: Apache-2.0
// The content of a disk, and what was written to it, in memory that two processes share: one serves
// it (fuse_file.h), the other looks at what came and turns the disk into a crash state. The owner
// touches it only while no file system is mounted from it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/power/write_log.h"

namespace rollback {

// `size` bytes of a file that is made for it, or of no file.
class SharedMemory {
 public:
  explicit SharedMemory(std::uint64_t size);
  SharedMemory(const std::string& file, std::uint64_t size);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  [[nodiscard]] char* at(std::uint64_t offset) const noexcept { return bytes_ + offset; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }  // -1 without a file

 private:
  const std::uint64_t size_;
  int fd_ = -1;
  char* bytes_ = nullptr;
};

class RecordedDisk {
 public:
  // `file` is made; a program may write to it as to a disk, and is not recorded.
  RecordedDisk(const std::string& file, std::uint64_t size);

  [[nodiscard]] std::uint64_t size() const noexcept { return disk_.size(); }

  // For the process that serves it; false when there is no such place on the disk.
  [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t size) const noexcept;
  [[nodiscard]] std::string_view read(std::uint64_t offset, std::uint64_t size) const;
  bool write(std::uint64_t offset, std::string_view bytes);
  bool zero(std::uint64_t offset, std::uint64_t size);
  void flush();

  // For its owner. How many events were recorded since the last take().
  [[nodiscard]] std::size_t events() const noexcept;
  WriteLog take();
  void forget();  // take() without an answer
  // What is on it now is what set() begins from.
  void keep();
  struct Layer {
    const WriteLog* log = nullptr;
    const CrashState* state = nullptr;
  };
  void set(const std::vector<Layer>& layers);

 private:
  struct Header {
    std::atomic<std::uint64_t> events;
    std::atomic<std::uint64_t> used;  // bytes of the log
    std::atomic<bool> full;
  };
  struct Record {
    BlockEvent::Kind kind = BlockEvent::Kind::kFlush;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  void record(const Record& record, std::string_view bytes);
  void read_records(const std::function<void(const Record&, std::string_view)>& use);
  [[nodiscard]] Header& header() const;

  SharedMemory disk_;
  SharedMemory base_;
  SharedMemory log_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> touched_;  // offset, size; unlike the base
};

}  // namespace rollback
