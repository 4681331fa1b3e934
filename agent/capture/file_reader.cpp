// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/file_reader.h"

#include <variant>

#include "agent/privilege.h"
#include "agent/store/blob_format.h"

namespace rollback {

namespace {

constexpr int kReadTries = 5;

bool is_same_file(const FileStat& a, const FileStat& b) {
  return a.ino == b.ino && a.dev == b.dev && a.size == b.size && a.mtime_ns == b.mtime_ns &&
         a.ctime_ns == b.ctime_ns;
}

Status require_plain(const ReadFile& file, const ResourceSpec& spec, const std::string& path) {
  const auto privilege = privilege_of(file.stat.mode, file.xattrs);
  if (privilege.empty() || allows_privilege(spec, path)) return {};
  return fail(ErrorCode::kDenied, path + std::string(privilege) + "; add it to 'allow_setuid' (" +
                                      spec.where + ") if it should be");
}

enum class Unread { kChanged, kNotItsSize };
using Reading = std::variant<ReadFile, Unread>;

Result<Reading> read_once(const FileToRead& wanted, const ResourceSpec& spec, ContentSink& sink) {
  const auto file = wanted.parent.open_file(wanted.name);
  if (!file && file.error().code == ErrorCode::kNotFound) return vanished(wanted.path);
  if (!file) return Failure(file.error());
  ReadFile read;
  ROLLBACK_ASSIGN(read.stat, file->stat());
  if (read.stat.size > kMaxContentSize)
    return fail(ErrorCode::kInvalid, wanted.path +
                                         " is larger than 64 GiB; exclude it or manage the files "
                                         "beside it one by one");
  ROLLBACK_ASSIGN(read.xattrs, read_xattrs(wanted.parent.calls(), file->fd(), wanted.path));
  ROLLBACK_TRY(require_plain(read, spec, wanted.path));
  const auto writer = sink.begin_content();
  const auto copied = file->read_exactly(
      read.stat.size, [&](std::string_view piece) { return writer->add(piece); });
  if (!copied) return Failure(copied.error().within(wanted.path));
  ROLLBACK_ASSIGN(const auto after, wanted.parent.find_stat(wanted.name));
  if (!after) return vanished(wanted.path);
  if (!is_same_file(read.stat, *after)) return Unread::kChanged;
  if (!*copied) return Unread::kNotItsSize;
  ROLLBACK_ASSIGN(read.content, writer->finish());
  return read;
}

}  // namespace

bool is_privileged(const ReadFile& file) {
  return !privilege_of(file.stat.mode, file.xattrs).empty();
}

Failure vanished(const std::string& path) {
  return fail(ErrorCode::kConflict, path + " vanished while it was captured; try again");
}

Result<ReadFile> read_file(const FileToRead& file, const ResourceSpec& spec, ContentSink& sink) {
  Unread why = Unread::kChanged;
  for (int turn = 0; turn < kReadTries; ++turn) {
    ROLLBACK_ASSIGN(auto reading, read_once(file, spec, sink));
    if (auto* read = std::get_if<ReadFile>(&reading)) return std::move(*read);
    why = std::get<Unread>(reading);
  }
  if (why == Unread::kNotItsSize)
    return fail(ErrorCode::kUnsupported,
                file.path +
                    " holds more or less than its size says, as files that the kernel makes "
                    "up do; exclude it");
  return fail(ErrorCode::kConflict, file.path + " was changed each of the " +
                                        std::to_string(kReadTries) +
                                        " times it was read; exclude it or stop its writer");
}

}  // namespace rollback
