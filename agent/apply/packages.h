// SPDX-License-Identifier: Apache-2.0
// Files that a Debian package owns, read from dpkg's own lists: the next upgrade of the package
// brings its own again, whatever a run made of them. Its conffiles are left out: dpkg keeps what is
// there. Private to agent/apply.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/fs/directory.h"

namespace rollback {

struct PackageFile {
  std::string path;
  std::string package;
  bool operator==(const PackageFile&) const = default;
};

// In the order of their names, one package each. Nothing where there is no dpkg, or when its lists
// are larger than anybody's are.
Result<std::vector<PackageFile>> packaged_files(const Directory& root,
                                                std::vector<std::string_view> paths);

}  // namespace rollback
