// SPDX-License-Identifier: Apache-2.0
#include "core/store/write_stop.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/store/rocks.h"

namespace rollback {

namespace {

constexpr std::uint64_t kGoOn = 4;    // times the room that writes leave
constexpr std::uint64_t kFiles = 64;  // that RocksDB may make at once: a log and a few per table

Status find_room(const std::string& what, const std::string& path, std::uint64_t bytes) {
  struct statvfs space {};
  if (::statvfs(path.c_str(), &space) != 0) return {};  // RocksDB finds out
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  // Zero in all where a file system does not count them.
  if (space.f_files != 0 && space.f_favail < kFiles)
    return fail(
        ErrorCode::kNoSpace,
        fmt::format("{} the store {}: its disk has {} inodes left and {} are needed; remove "
                    "files there",
                    what, path, space.f_favail, kFiles));
  if (free >= bytes) return {};
  return fail(ErrorCode::kNoSpace,
              fmt::format("{} the store {}: its disk is full: {} KiB are free and {} are needed; "
                          "make room there",
                          what, path, free >> 10U, bytes >> 10U));
}

}  // namespace

Status find_room_to_open(const std::string& path, std::uint64_t room) {
  std::error_code failed;  // RocksDB finds out
  std::uint64_t log = 0;
  for (std::filesystem::directory_iterator at(path, failed), end; !failed && at != end;
       at.increment(failed))
    if (at->path().extension() == ".log")
      if (const auto size = at->file_size(failed); !failed) log += size;
  return find_room("open", path, log + room);
}

void WriteStop::note(Error error) {
  const std::lock_guard lock(mutex_);
  why_ = std::move(error);
  ++stops_;
  stopped_ = true;
  resumed_ = false;
}

Status WriteStop::admit(std::uint64_t bytes, rocksdb::DB& db, const LogWatch& log) {
  if (stopped_) ROLLBACK_TRY(resume(db, log));
  const auto found = find_room("write to", path_, bytes + room_);
  if (!found) note(found.error());
  return found;
}

Failure WriteStop::stop(Error error) {
  note(error);
  return Failure(std::move(error));
}

Status WriteStop::resume(rocksdb::DB& db, const LogWatch& log) {
  const std::lock_guard one(resuming_);
  std::uint64_t seen = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!why_) return {};
    if (why_->code != ErrorCode::kNoSpace || log.failed()) return Failure(*why_);
    seen = stops_;
  }
  ROLLBACK_TRY(find_room("write to", path_, kGoOn * room_));
  const auto status = db.Resume();  // nothing where RocksDB has not failed
  const std::lock_guard lock(mutex_);
  if (!status.ok()) {
    beyond_resuming_ |= !status.IsNoSpace();
    return Failure(rocks_error(status, "write to the store " + path_));
  }
  if (stops_ != seen) return {};
  why_.reset();
  stopped_ = false;
  resumed_ = true;
  return {};
}

std::optional<Error> WriteStop::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

bool WriteStop::has_room_to_open() const {
  return find_room_to_open(path_, kGoOn * room_).has_value();
}

bool WriteStop::needs_new_start(const LogWatch& log) const {
  {
    const std::lock_guard lock(mutex_);
    if (!why_ || why_->code != ErrorCode::kNoSpace) return false;
    if (!log.failed() && !beyond_resuming_) return false;
  }
  return has_room_to_open();
}

}  // namespace rollback
