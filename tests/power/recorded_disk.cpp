// SPDX-License-Identifier: Apache-2.0
#include "tests/power/recorded_disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

namespace rollback {

namespace {

constexpr std::uint64_t kLogSize = 256 << 20U;  // untouched pages take no memory

char* map(std::uint64_t size, int fd) {
  const int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
  void* bytes = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (bytes == MAP_FAILED) throw std::runtime_error("no memory for a disk");
  return static_cast<char*>(bytes);
}

}  // namespace

SharedMemory::SharedMemory(std::uint64_t size) : size_(size), bytes_(map(size, -1)) {}

SharedMemory::SharedMemory(const std::string& file, std::uint64_t size)
    : size_(size), fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (fd_ < 0 || ::ftruncate(fd_, static_cast<off_t>(size)) != 0)
    throw std::runtime_error("cannot make " + file);
  bytes_ = map(size, fd_);
}

SharedMemory::~SharedMemory() {
  ::munmap(bytes_, size_);
  if (fd_ >= 0) ::close(fd_);
}

RecordedDisk::RecordedDisk(const std::string& file, std::uint64_t size)
    : disk_(file, size), base_(size), log_(kLogSize) {
  new (log_.at(0)) Header{};
}

RecordedDisk::Header& RecordedDisk::header() const {
  return *std::launder(reinterpret_cast<Header*>(log_.at(0)));
}

bool RecordedDisk::holds(std::uint64_t offset, std::uint64_t size) const noexcept {
  return offset <= disk_.size() && size <= disk_.size() - offset;
}

std::string_view RecordedDisk::read(std::uint64_t offset, std::uint64_t size) const {
  if (offset >= disk_.size()) return {};
  return {disk_.at(offset), std::min(size, disk_.size() - offset)};
}

bool RecordedDisk::write(std::uint64_t offset, std::string_view bytes) {
  if (!holds(offset, bytes.size())) return false;
  std::memcpy(disk_.at(offset), bytes.data(), bytes.size());
  record({BlockEvent::Kind::kWrite, offset, bytes.size()}, bytes);
  return true;
}

bool RecordedDisk::zero(std::uint64_t offset, std::uint64_t size) {
  if (!holds(offset, size)) return false;
  std::memset(disk_.at(offset), 0, size);
  record({BlockEvent::Kind::kZero, offset, size}, {});
  return true;
}

void RecordedDisk::flush() { record({BlockEvent::Kind::kFlush, 0, 0}, {}); }

void RecordedDisk::record(const Record& record, std::string_view bytes) {
  auto& head = header();
  const auto used = head.used.load();
  const auto need = sizeof(Record) + bytes.size();
  if (need > kLogSize - sizeof(Header) - used) {
    head.full = true;
    return;
  }
  char* at = log_.at(sizeof(Header) + used);
  std::memcpy(at, &record, sizeof(Record));
  if (!bytes.empty()) std::memcpy(at + sizeof(Record), bytes.data(), bytes.size());
  head.used = used + need;
  ++head.events;
}

std::size_t RecordedDisk::events() const noexcept { return header().events; }

void RecordedDisk::read_records(const std::function<void(const Record&, std::string_view)>& use) {
  auto& head = header();
  if (head.full) throw std::runtime_error("the log of a disk is full");
  const auto used = head.used.load();
  for (std::uint64_t at = 0; at < used;) {
    Record record;
    std::memcpy(&record, log_.at(sizeof(Header) + at), sizeof(Record));
    at += sizeof(Record);
    const auto size = record.kind == BlockEvent::Kind::kWrite ? record.size : 0;
    use(record, {log_.at(sizeof(Header) + at), size});
    at += size;
    if (record.size > 0) touched_.emplace_back(record.offset, record.size);
  }
  head.events = 0;
  head.used = 0;
}

WriteLog RecordedDisk::take() {
  WriteLog log;
  read_records([&](const Record& record, std::string_view bytes) {
    log.push_back({record.kind, record.offset, record.size, std::string(bytes)});
  });
  return log;
}

void RecordedDisk::forget() {
  read_records([](const Record&, std::string_view) {});
}

void RecordedDisk::keep() {
  forget();
  touched_.clear();
  const auto end = static_cast<off_t>(disk_.size());
  for (off_t from = 0; from < end;) {
    from = ::lseek(disk_.fd(), from, SEEK_DATA);
    if (from < 0) break;  // no more
    const off_t to = ::lseek(disk_.fd(), from, SEEK_HOLE);
    if (to < 0) throw std::runtime_error("cannot look for the data of a disk");
    const auto at = static_cast<std::uint64_t>(from);
    std::memcpy(base_.at(at), disk_.at(at), static_cast<std::size_t>(to - from));
    from = to;
  }
}

void RecordedDisk::set(const std::vector<Layer>& layers) {
  forget();
  for (const auto& [offset, size] : std::exchange(touched_, {}))
    std::memcpy(disk_.at(offset), base_.at(offset), size);
  for (const auto& layer : layers)
    for_each_write(*layer.log, *layer.state,
                   [&](const BlockEvent& event, std::uint64_t from, std::uint64_t to) {
                     char* at = disk_.at(event.offset + from);
                     if (event.kind == BlockEvent::Kind::kZero)
                       std::memset(at, 0, to - from);
                     else
                       std::memcpy(at, event.bytes.data() + from, to - from);
                     touched_.emplace_back(event.offset + from, to - from);
                   });
}

}  // namespace rollback
