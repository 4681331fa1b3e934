// SPDX-License-Identifier: Apache-2.0
#include "model/deploy.h"

namespace rollback {

std::string scope_of(const RunId& run) { return "rollback-deploy-" + run.str() + ".scope"; }

}  // namespace rollback
