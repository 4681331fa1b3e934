// SPDX-License-Identifier: Apache-2.0
// How a file or link is replaced in one step on the file system of a stage, found out by trying it
// there: names of file systems and versions of kernels do not tell.
#pragma once

#include "core/fs/directory.h"

namespace rollback {

enum class Replacing {
  kExchange = 1,  // with what is live, which is then in the stage
  kOverLink = 2,  // over it, when the stage has another name of it
};

// Leaves nothing behind. kUnsupported where neither can be done: nothing could be taken back there.
Result<Replacing> try_replacing(const Directory& stage);

}  // namespace rollback
