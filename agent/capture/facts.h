// SPDX-License-Identifier: Apache-2.0
// Facts of the host (`facts:` in agent.yaml): the first line that a program prints, recorded with a
// release and compared before a host goes back to it. Used by the run thread.
#pragma once

#include <string>
#include <vector>

#include "agent/options.h"
#include "agent/platform/program_runner.h"
#include "model/snapshot.h"

namespace rollback {

// kConflict says in one sentence why the fact cannot be read.
Result<std::string> read_fact(const FactSpec& spec, ProgramRunner& programs);

// All of them, sorted by name; the first that cannot be read fails it.
Result<std::vector<Fact>> read_facts(const std::vector<FactSpec>& specs, ProgramRunner& programs);

// The value, or nullptr.
const std::string* find_fact(const std::vector<Fact>& facts, const std::string& name);

}  // namespace rollback
