// SPDX-License-Identifier: Apache-2.0
// Parts of a proof, several at once, each in a process of its own: it has its own mounts, and may
// die without the others. What they found comes back as it is found.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

namespace rollback {

struct Findings {
  std::map<std::string, std::size_t> counts;
  std::unordered_set<std::uint64_t> distinct;  // fingerprints
  std::vector<std::string> failures;
  double seconds = 0;

  [[nodiscard]] std::size_t count(const std::string& what) const;
};

// What a job says. One line each.
class Teller {
 public:
  explicit Teller(int pipe) : pipe_(pipe) {}
  void count(const std::string& what, std::size_t number = 1);
  void saw(std::uint64_t fingerprint);
  void fail(const std::string& what);

 private:
  void say(const std::string& line) const;
  int pipe_;
};

using Job = std::function<void(std::size_t number, Teller& teller)>;

// Jobs 0 .. count - 1. One that throws or dies is a failure. Start no threads before.
Findings run_jobs(std::size_t count, const Job& job);

}  // namespace rollback
