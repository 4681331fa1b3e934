// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/file_reader.h"

#include <sys/stat.h>

#include <algorithm>

namespace rollback {

namespace {

constexpr int kReadTries = 5;

struct Content {
  std::string bytes;
  FileStat stat;
  Xattrs xattrs;
};

bool is_same_file(const FileStat& a, const FileStat& b) {
  return a.ino == b.ino && a.dev == b.dev && a.size == b.size && a.mtime_ns == b.mtime_ns &&
         a.ctime_ns == b.ctime_ns;
}

// One reading; nullopt when the file changed under it.
Result<std::optional<Content>> read_once(const File& file) {
  Content content;
  ROLLBACK_ASSIGN(content.stat, file.stat());
  if (content.stat.size > kLargestFile)
    return fail(ErrorCode::kInvalid, file.path() +
                                         " is larger than 1 GiB; exclude it or manage "
                                         "the files beside it one by one");
  content.bytes.resize(content.stat.size + 1);  // one more: to see that it ends
  std::size_t filled = 0;
  while (filled < content.bytes.size()) {
    ROLLBACK_ASSIGN(const std::size_t got,
                    file.read(content.bytes.data() + filled, content.bytes.size() - filled));
    if (got == 0) break;
    filled += got;
  }
  if (filled != content.stat.size) return std::nullopt;
  content.bytes.resize(filled);
  return content;
}

Result<Content> steady_content(const FileToRead& wanted) {
  for (int turn = 0; turn < kReadTries; ++turn) {
    const auto file = wanted.parent.open_file(wanted.name);
    if (!file && file.error().code == ErrorCode::kNotFound) return vanished(wanted.path);
    if (!file) return Failure(file.error());
    ROLLBACK_ASSIGN(auto content, read_once(*file));
    if (!content) continue;
    ROLLBACK_ASSIGN(content->xattrs, read_xattrs(wanted.parent.calls(), file->fd(), wanted.path));
    ROLLBACK_ASSIGN(const auto after, wanted.parent.find_stat(wanted.name));
    if (!after) return vanished(wanted.path);
    if (is_same_file(content->stat, *after)) return *std::move(content);
  }
  return fail(ErrorCode::kConflict, wanted.path + " was changed each of the " +
                                        std::to_string(kReadTries) +
                                        " times it was read; exclude it or stop its writer");
}

Status require_plain(const Content& content, const ResourceSpec& spec, const std::string& path) {
  const bool setuid = (content.stat.mode & S_ISUID) != 0;
  const bool setgid = (content.stat.mode & S_ISGID) != 0 && (content.stat.mode & S_IXGRP) != 0;
  const bool capable = content.xattrs.contains("security.capability");
  if (!setuid && !setgid && !capable) return {};
  const auto& allowed = spec.allow_setuid;
  if (std::find(allowed.begin(), allowed.end(), path) != allowed.end()) return {};
  return fail(ErrorCode::kDenied, path +
                                      (setuid   ? " is setuid"
                                       : setgid ? " is setgid"
                                                : " carries file capabilities") +
                                      "; add it to 'allow_setuid' (" + spec.where +
                                      ") if it should be");
}

}  // namespace

Failure vanished(const std::string& path) {
  return fail(ErrorCode::kConflict, path + " vanished while it was captured; try again");
}

Result<ReadFile> read_file(const FileToRead& file, const ResourceSpec& spec, ContentSink& sink) {
  ROLLBACK_ASSIGN(const Content content, steady_content(file));
  ROLLBACK_TRY(require_plain(content, spec, file.path));
  ROLLBACK_ASSIGN(const Digest digest, sink.put_content(content.bytes));
  return ReadFile{content.stat, content.xattrs, digest};
}

}  // namespace rollback
