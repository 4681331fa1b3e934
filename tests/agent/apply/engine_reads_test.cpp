// SPDX-License-Identifier: Apache-2.0
// What a run reads of the host: all of it to plan, and to verify what was written or changed since.

#include <set>

#include "tests/agent/apply/engine_fixture.h"
#include "tests/support/passing_syscalls.h"

namespace rollback {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kFiles = 50;

// Notes which files are opened.
class OpenedFiles final : public PassingSyscalls {
 public:
  using PassingSyscalls::PassingSyscalls;
  int openat2(int dir, const char* path, const open_how& how) override {
    const std::string_view name(path);
    const std::lock_guard lock(mutex_);
    if (name.starts_with("file")) names_.emplace(name);
    return PassingSyscalls::openat2(dir, path, how);
  }
  std::set<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(names_, {});
  }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

class ReadsTest : public RollbackTest {
 protected:
  ReadsTest() {
    for (int i = 0; i < kFiles; ++i) host_.write(path(i), "good " + std::to_string(i));
    snapshot("v3.0.0");
    host_.write(path(7), "changed");
    // What changed just now could change again without showing it, and is always read.
    clock_.set_wall({SystemClock().wall().ns + 3'000'000'000});
    root_ = host_.open(calls_);
    state_ = *root_.open_directory("state");
    restart_agent();
    watcher_.hear = [this](const RunEvent& event) {
      if (event.phase == RunPhase::kPreflight) planned_.merge(calls_.take());
      if (event.phase == RunPhase::kVerifying) {
        if (meanwhile) meanwhile();
        (void)calls_.take();
      }
      if (event.phase == RunPhase::kVerified) verified_.merge(calls_.take());
    };
  }
  ~ReadsTest() override {  // these use `calls_`
    engine_.reset();
    root_ = {};
    state_ = {};
  }
  static std::string path(int i) { return "etc/app/file" + std::to_string(i); }

  OpenedFiles calls_{kernel_};
  std::function<void()> meanwhile;
  std::set<std::string> planned_, verified_;
};

TEST_F(ReadsTest, AVerificationReadsWhatTheRunWrote) {
  const auto record = roll_back("v3.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(planned_.size(), kFiles);
  EXPECT_THAT(verified_, ElementsAre("file7"));
}

TEST_F(ReadsTest, AndWhatSomebodyChangedMeanwhileThoughItLooksOld) {
  meanwhile = [this] {
    const auto real = host_.path() / path(9);
    const auto old = std::filesystem::last_write_time(real);
    host_.write(path(9), "evil 9");  // of the same size
    std::filesystem::last_write_time(real, old);
  };
  const auto record = roll_back("v3.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kInconsistent);
  EXPECT_THAT(record->findings, Contains(HasSubstr("/etc/app/file9")));
}

}  // namespace
}  // namespace rollback
