// SPDX-License-Identifier: Apache-2.0
// CURVE keys on disk. Secret keys are files 0600 owned by root or the daemon's user; a secret key
// file that others can read is refused. Public keys are one line of Z85.
#pragma once

#include <string>

#include "core/fs/directory.h"
#include "core/random.h"

namespace rollback {

struct CurveKeys {
  std::string public_key;  // 40 characters of Z85
  std::string secret_key;  // same; never logged
};

CurveKeys make_curve_keys();
// Loads NAME.key and NAME.pub below `directory`, or makes and stores them durably (replace_file).
Result<CurveKeys> load_or_make_keys(const Directory& directory, const std::string& name);
// One line of Z85, as in /etc/rollback/coordinator.pub.
Result<std::string> load_public_key(const Directory& root, std::string_view path);
// SHA-256 of the key, first 16 bytes, "3f2a:90c1:...": what both sides show to people.
std::string fingerprint(std::string_view public_key);

}  // namespace rollback
