// SPDX-License-Identifier: Apache-2.0
// Findings of one test, timed: told and failed at its end.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/proof/disturb.h"
#include "tests/support/effort.h"

namespace rollback {

// What all proofs of a program must come to, unless only some of them were asked for.
class AtLeast final : public ::testing::Environment {
 public:
  AtLeast(int runs, int nightly) : least_(is_nightly() ? nightly : runs) {}
  static void count(int runs) { runs_ += runs; }
  void TearDown() override {
    if (::testing::GTEST_FLAG(filter) == "*" && covers_all() == is_nightly()) {
      EXPECT_GE(runs_, least_) << "runs in all";
    }
  }

 private:
  inline static int runs_ = 0;
  const int least_;
};

class Proof {
 public:
  explicit Proof(const std::string& about) : findings_(about) {}
  ~Proof() {
    AtLeast::count(findings_.runs());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    findings_.tell(took.count());
    for (const auto& line : findings_.lines()) ADD_FAILURE() << line;
  }
  Proof(const Proof&) = delete;
  Proof& operator=(const Proof&) = delete;
  [[nodiscard]] Findings& findings() const noexcept { return findings_; }

 private:
  mutable Findings findings_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace rollback
