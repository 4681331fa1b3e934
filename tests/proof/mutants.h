// SPDX-License-Identifier: Apache-2.0
// Engines with one mistake each: a class of calls that is dropped, or whose answer is not true. A
// proof that does not notice one proves nothing about that class.
#pragma once

#include <string>
#include <vector>

#include "tests/proof/disturb.h"
#include "tests/proof/files_subject.h"

namespace rollback {

// What is tried until a mutant is noticed, beginning with an undisturbed run.
enum class Tried { kKills = 1, kErrors = 2 };

struct Mutant {
  std::string name;
  Layer layer;
  Act act = Act::kCommit;
  Tried tried = Tried::kKills;
};

// Noticed when a run is killed or meets an error somewhere.
std::vector<Mutant> careless_mutants();

// Noticed when somebody else is at work on the same host.
Layer without_lock();
Layer without_noreplace();
Layer without_exclusive_creation();
Layer without_change_times();
Layer without_sight_of_full_disks();
Layer without_sight_of_flags();
Layer without_beneath();  // links and ".." are followed wherever they lead

}  // namespace rollback
