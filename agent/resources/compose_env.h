// SPDX-License-Identifier: Apache-2.0
// Which env files a compose file names. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rollback {

// The values of every `env_file:` as written, in order: scalar, [flow list], block list, and
// `- path: x` entries. Reads lines rather than YAML: compose files use anchors and merge keys that
// the strict reader of our own configuration refuses, and a broken one must still be captured.
std::vector<std::string> env_files_in(std::string_view compose_yaml);

}  // namespace rollback
