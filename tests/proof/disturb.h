// SPDX-License-Identifier: Apache-2.0
// One act of the engine, done again and again from the same beginning: killed at each of its calls,
// or with each error that the call can end with. Whatever happened, a subject then says what is
// wrong with its host. A case that fails is one line, which repeats it:
//
//   ROLLBACK_SEED=7 ROLLBACK_CASE='types/commit EIO@57 renameat2' build/dev/tests/proof/...
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/faulty_syscalls.h"

namespace rollback {

// What stands between the engine and the calls that are counted: a mutant, or nothing.
using Layer = std::function<std::unique_ptr<Syscalls>(Syscalls& below)>;

// How an act ended, as the engine told it.
enum class Told { kDone = 0, kFailed = 2, kUndone = 3, kInconsistent = 4 };

struct Disturbance {
  Fault fault;
  CountedCall call;  // that was disturbed; "" for none
  Counted counted = Counted::kMutating;
  std::optional<Told> told;  // nullopt: killed
  [[nodiscard]] int error() const;
  [[nodiscard]] std::string text() const;  // "EIO@57 renameat2"; "EIO@57/all read"
};

class Subject {
 public:
  virtual ~Subject() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  virtual void arrange() = 0;  // the same beginning each time
  // In a child of its own. With `sick` what comes after is tried on the sick disk too.
  virtual Told act(FaultySyscalls& calls, bool sick) = 0;
  // Without a fault: everything that follows a restart. "" when the host is as it should be.
  virtual std::string judge(const Disturbance& what) = 0;
};

struct Coverage {
  Counted counted = Counted::kMutating;  // which calls are disturbed
  bool kill_at_reads = true;             // with kAll; a kill there leaves what the next one leaves
  int kill_every = 1;                    // every nth of them; 0: none
  int fail_every = 1;
  int stick_every = 1;
};
// Everything: with --nightly, and where one case is repeated.
bool covers_all();
Coverage coverage_of_this_run();

// What was covered, and what was found. Printed by tell().
class Findings {
 public:
  explicit Findings(std::string about) : about_(std::move(about)) {}
  void see(std::size_t calls) { calls_ += calls; }  // of an undisturbed act
  void count(const std::string& kind) { ++runs_[kind]; }
  void add(const std::string& line) { lines_.push_back(line); }
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }
  [[nodiscard]] int runs() const;
  void tell(double seconds) const;  // a line "covered: ..."

 private:
  const std::string about_;
  std::size_t calls_ = 0;
  std::map<std::string, int> runs_;
  std::vector<std::string> lines_;
};

// One run: arranged, disturbed, judged. Nothing when ROLLBACK_CASE names another.
void disturb(Subject& subject, const Fault& fault, const CountedCall& call, Counted counted,
             Findings& findings);
// The calls of the undisturbed act, which must be fine.
std::vector<CountedCall> calls_of(Subject& subject, Counted counted, Findings& findings);
// All that `coverage` asks for; stops at the `most`th finding.
void disturb_everywhere(Subject& subject, const Coverage& coverage, Findings& findings,
                        std::size_t most = 5);

}  // namespace rollback
