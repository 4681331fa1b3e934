// SPDX-License-Identifier: Apache-2.0
// A cheap hash of everything a plan was made from: what stat shows of every managed path. Taken
// when a run is prepared and again before it commits; another value means the plan is of another
// host.
#pragma once

#include "core/digest.h"
#include "core/fs/directory.h"
#include "model/snapshot.h"

namespace rollback {

// kConflict names a path that is not any more what `live` says (a change since the capture).
Result<Digest> fingerprint(const Directory& root, const HostState& live);

}  // namespace rollback
