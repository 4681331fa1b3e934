// SPDX-License-Identifier: Apache-2.0
// The two durable ways to change a file. `replace_file` is for our own files. Managed files are
// staged elsewhere on the same mount and moved in by `publish`, so that no reader of the live
// directory (`include *`) ever sees a temporary, and the pre-image stays in the stage.
#pragma once

#include <string_view>

#include "core/fs/directory.h"

namespace rollback {

// temp in the same directory (O_EXCL) -> write -> fsync -> rename -> fsync of the directory.
Status replace_file(const Directory& directory, std::string_view path, std::string_view bytes,
                    std::uint32_t mode);

enum class PublishMode {
  kExchange = 1,  // both exist: stage and live swap
  kMoveIn = 2,    // live must not exist: stage -> live
  kMoveOut = 3,   // stage must not exist: live -> stage
  kReplace = 4,   // stage -> live, whatever is there; for whoever has another name of that
};

// One renameat2; not synced (the caller syncs both directories once after many). Paths are relative
// to their directories; crossing a mount is kUnsupported. Where the file system knows no flags, a
// file or link is moved by a link, which is synced, and an unlink: a kill in between leaves it with
// both names, of which the newer one may not be durable.
Status publish(const Directory& stage, std::string_view slot, const Directory& live,
               std::string_view path, PublishMode mode);

// The file system does not know what publish() or link_entry() asked it for.
bool is_unsupported(const Error& error) noexcept;

// `to` becomes another name of the file or link `from`. Not synced; names as for publish().
Status link_entry(const Directory& from_directory, std::string_view from,
                  const Directory& to_directory, std::string_view to);

}  // namespace rollback
