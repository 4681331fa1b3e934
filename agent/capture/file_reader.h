// SPDX-License-Identifier: Apache-2.0
// The content of one file, as it is at one moment, into a sink. Any thread.
#pragma once

#include <string>

#include "agent/capture/capture.h"
#include "agent/options.h"

namespace rollback {

struct ReadFile {
  FileStat stat;
  Xattrs xattrs;
  Digest content;
};

struct FileToRead {
  const Directory& parent;
  const std::string& name;
  const std::string& path;  // as operators know it
};

// It is read again until it is the same before and after: kConflict when it vanished or never held
// still, kUnsupported when its size is not that of its content (as below /proc), kDenied when it is
// setuid, setgid or has capabilities without `allow_setuid`, kInvalid when it is larger than
// kMaxContentSize, before it is read.
Result<ReadFile> read_file(const FileToRead& file, const ResourceSpec& spec, ContentSink& sink);

// Whether `allow_setuid` decides about it.
bool is_privileged(const ReadFile& file);

// The error for what is gone between two looks.
Failure vanished(const std::string& path);

}  // namespace rollback
