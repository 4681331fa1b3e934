// SPDX-License-Identifier: Apache-2.0
// The rules of opening a RocksDB directory: it is looked at first, by reading only, and opened for
// writing when nothing that was acknowledged is missing. For core/store/*.cpp only.
#pragma once

#include "core/store/rocks.h"
#include "core/store/watermark.h"

namespace rollback {

// `synced` is what is known to have been synced. When the log has a damaged record: opens without
// what follows if nothing synced is lost by that. Whatever else is wrong is kCorrupt, and nothing
// was changed.
Result<RocksHandle> open_rocks(const TablesSpec& spec, const Synced& synced);

// What can still be read of a directory that open_rocks() refuses, for reading only. A table or a
// part of one may answer with errors. Changes nothing, and holds LOCK.
Result<RocksHandle> open_rocks_to_read(const TablesSpec& spec);

}  // namespace rollback
