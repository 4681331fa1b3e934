// SPDX-License-Identifier: Apache-2.0
// One change of one live path, as the journal holds it. The stage holds the other side of it:
// before the commit what will be live, after it what was. Whether an operation happened is read
// from the disk (inode numbers; device numbers may change with a reboot, and a stage never leaves
// its mount), so undo can be repeated from any point.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/fs/metadata.h"

namespace rollback {

// Numbers are stored in the journal; never reuse one.
enum class FileOpKind {
  kExchange = 1,           // slot <-> path; both are no directories
  kCreate = 2,             // slot -> path
  kRemove = 3,             // path -> slot
  kMakeDirectory = 4,      // slot (an empty directory) -> path
  kRemoveDirectory = 5,    // of an emptied directory; undo makes it from `from`
  kDirectoryMetadata = 6,  // from -> to
  kDirectoryTime = 7,      // mtimes of `from` -> `to`, after everything else, both ways
  kReplace = 8,            // incoming -> path, where two files cannot be exchanged: the slot has
                           // been another name of the origin since before the commit
};

struct FileOp {
  FileOpKind kind = FileOpKind::kExchange;
  std::string path;          // absolute below the root
  std::uint32_t stage = 0;   // index of the stage that holds the slot
  std::string slot;          // name in the stage; "" where none is used
  std::uint64_t origin = 0;  // inode of what is live before; 0 none
  std::uint64_t staged = 0;  // inode of what the slot holds before; 0 none
  FileMeta from;             // directories: what undo restores
  FileMeta to;               // directories
  // The live path when this was staged; none where nothing is to be there, which may be most. In no
  // journal: whoever commits has staged.
  std::shared_ptr<const FileStat> seen;
  bool operator==(const FileOp&) const = default;
};

// Name in the stage of what the commit makes live.
inline std::string incoming(const FileOp& op) {
  return op.kind == FileOpKind::kReplace ? op.slot + ".new" : op.slot;
}

}  // namespace rollback
