// SPDX-License-Identifier: Apache-2.0
// Which files an nginx configuration consists of.
#pragma once

#include <string>
#include <vector>

#include "core/fs/directory.h"

namespace rollback {

// The files outside `prefix` that prefix/nginx.conf refers to by include, certificate, key and
// password directives, directly or through includes; sorted. Files that do not exist, that may not
// be managed (agent/grammar.h), or that belong to packages (below /usr or /lib) are left out; of a
// link outside the prefix both the link and what it leads to are named. A configuration that is
// broken or missing gives what could be found.
Result<std::vector<std::string>> nginx_references(const Directory& root, const std::string& prefix);

}  // namespace rollback
