// SPDX-License-Identifier: Apache-2.0
// Which boot this is. systemd knows it also where /proc/sys/kernel/random/boot_id is a mount point
// of its own (containers), which the file engine does not cross. Any thread.
#pragma once

#include <string>

#include "core/result.h"

namespace rollback {

Result<std::string> boot_id();  // 32 hex digits

}  // namespace rollback
