// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/boot_id.h"

#include <systemd/sd-id128.h>

#include <array>

namespace rollback {

Result<std::string> boot_id() {
  sd_id128_t id{};
  if (const int error = sd_id128_get_boot(&id); error < 0)
    return fail_errno(-error, "read the boot id");
  std::array<char, SD_ID128_STRING_MAX> text{};
  return std::string(sd_id128_to_string(id, text.data()));
}

}  // namespace rollback
