// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/platform/real_systemd.h"

#include <filesystem>
#include <fstream>

#include "core/process.h"

namespace rollback {

void RealSystemd::SetUp() {
  if (!std::filesystem::exists("/run/systemd/system"))
    GTEST_SKIP() << "PID 1 is not systemd; run this program in a host of tests/fleet/fleet.py";
  auto connected = SdServiceManager::connect(clock_);
  ASSERT_TRUE(connected) << connected.error().message;
  services_ = *std::move(connected);
}

void RealSystemd::TearDown() {
  for (const auto& unit : units_) {
    (void)services_->stop(unit, kSoon);  // most have ended by themselves
    (void)services_->reset_failed(unit);
    std::filesystem::remove("/run/systemd/system/" + unit);
  }
  if (units_.empty()) return;
  EXPECT_TRUE(services_->daemon_reload(kSoon));
}

void RealSystemd::write_unit(const std::string& name, const std::string& text) {
  units_.insert(name);
  write_file("/run/systemd/system/" + name, text);
}

void RealSystemd::write_file(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::trunc);
  file << text;
  ASSERT_TRUE(file.flush()) << path;
}

std::string RealSystemd::run(const std::vector<std::string>& argv) {
  auto outcome = run_process({argv, std::chrono::seconds(30)});
  EXPECT_TRUE(outcome) << argv[0];
  return outcome ? outcome->output : "";
}

}  // namespace rollback
