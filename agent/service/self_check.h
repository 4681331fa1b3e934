// SPDX-License-Identifier: Apache-2.0
// What the agent proves before it says READY, and what `config check` tells: that this kernel and
// this sandbox let it do what a rollback needs.
#pragma once

#include <string>
#include <vector>

#include "agent/options.h"
#include "core/fs/directory.h"

namespace rollback {

struct CheckFinding {
  bool fatal = false;
  std::string text;  // one sentence, with what to do
};

// openat2 works, /proc/1/exe can be read, and the parent of every managed path can be written (a
// temporary file is made and removed in `.rollback` at the top of its mount).
std::vector<CheckFinding> self_check(const Directory& root, const AgentOptions& options);

// The sentence with the setting that the sandboxes of agent and recovery need for what lies outside
// the parents that their units name, whether a drop-in has it or not; "" when nothing does.
std::string needed_drop_in(const AgentOptions& options);

}  // namespace rollback
