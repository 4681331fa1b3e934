// SPDX-License-Identifier: Apache-2.0
// Findings of one test, timed: told and failed at its end.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/proof/disturb.h"

namespace rollback {

class Proof {
 public:
  explicit Proof(const std::string& about) : findings_(about) {}
  ~Proof() {
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
