// SPDX-License-Identifier: Apache-2.0
// For tests that need a real systemd as PID 1: they skip elsewhere. They write units into
// /run/systemd/system and take them away again.
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <set>
#include <string>

#include "agent/platform/sd_service_manager.h"
#include "core/random.h"

namespace rollback {

constexpr Duration kSoon = std::chrono::seconds(10);

class RealSystemd : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Writes a unit; needs daemon_reload() to be seen. Removed with its runs after the test.
  void write_unit(const std::string& name, const std::string& text);
  void write_file(const std::string& path, const std::string& text);
  // Runs a program through the runner under test's rival: a plain child process.
  std::string run(const std::vector<std::string>& argv);

  // Waits for systemd to notice what happened by itself.
  template <typename Condition>
  bool eventually(Condition condition) {
    const BootTime until = clock_.boot() + kSoon;
    while (clock_.boot() < until) {
      if (condition()) return true;
      usleep(20'000);
    }
    return false;
  }

  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<SdServiceManager> services_;

 private:
  std::set<std::string> units_;
};

}  // namespace rollback
