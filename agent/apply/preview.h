// SPDX-License-Identifier: Apache-2.0
// A complete copy of a configuration root as it would be after the commit: unchanged and unmanaged
// entries copied from live, changed ones from the stage, removed ones absent. Validators see it in
// place of the live path.
#pragma once

#include <string>
#include <vector>

#include "agent/apply/file_op.h"
#include "agent/apply/stage.h"
#include "agent/resources/resource.h"

namespace rollback {

struct PreviewInput {
  const Directory& root;
  const StageSet& stages;
  const std::vector<FileOp>& ops;  // staged
};

// kLinks: what does not change is a link to what is live, for directories of any size.
enum class Unchanged { kCopies, kLinks };

// Copies `live_root` to `<stage>/preview<live_root>` of the first stage.
Result<PreviewMount> make_preview(const PreviewInput& input, const std::string& live_root,
                                  Unchanged unchanged = Unchanged::kCopies);

}  // namespace rollback
