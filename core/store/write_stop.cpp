// SPDX-License-Identifier: Apache-2.0
#include "core/store/write_stop.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <utility>

#include "core/store/rocks.h"

namespace rollback {

Status WriteStop::find_room(std::uint64_t bytes) const {
  struct statvfs space {};
  if (::statvfs(path_.c_str(), &space) != 0) return {};  // RocksDB finds out
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  if (free >= bytes + room_) return {};
  return fail(ErrorCode::kNoSpace,
              fmt::format("write to the store {}: its disk is full: {} KiB are free and {} are "
                          "needed; make room there",
                          path_, free >> 10U, (bytes + room_) >> 10U));
}

Status WriteStop::admit(std::uint64_t bytes, rocksdb::DB& db, const LogWatch& log) {
  if (stopped_) ROLLBACK_TRY(resume(db, log));
  const auto found = find_room(bytes);
  if (found) return {};
  const std::lock_guard lock(mutex_);
  why_ = found.error();
  stopped_ = true;
  return found;
}

Failure WriteStop::stop(Error error) {
  const std::lock_guard lock(mutex_);
  why_ = error;
  failed_ = true;
  stopped_ = true;
  return Failure(std::move(error));
}

Status WriteStop::resume(rocksdb::DB& db, const LogWatch& log) {
  const std::lock_guard lock(mutex_);
  if (!why_) return {};
  if (why_->code != ErrorCode::kNoSpace || log.failed()) return Failure(*why_);
  ROLLBACK_TRY(find_room(0));
  if (failed_) {
    const auto status = db.Resume();
    if (!status.ok()) return Failure(rocks_error(status, "write to the store " + path_));
  }
  why_.reset();
  failed_ = false;
  stopped_ = false;
  resumed_ = true;
  return {};
}

std::optional<Error> WriteStop::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

bool WriteStop::needs_new_start(const LogWatch& log) const {
  const std::lock_guard lock(mutex_);
  return why_ && why_->code == ErrorCode::kNoSpace && log.failed() && find_room(0);
}

}  // namespace rollback
