// SPDX-License-Identifier: Apache-2.0
// A host on a file system that cannot exchange two files: what is live is replaced under a link of
// it in the stage. What a kill or an error at every call does there is in tests/proof.
#include "tests/agent/apply/engine_fixture.h"
#include "tests/support/lacking_syscalls.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

class LinksTest : public RollbackTest {
 protected:
  ~LinksTest() override {  // these use the calls
    engine_.reset();
    root_ = {};
    state_ = {};
  }
  void move_to(Lacking what) {
    calls_ = std::make_unique<LackingSyscalls>(kernel_, what);
    root_ = host_.open(*calls_);
    state_ = *root_.open_directory("state");
    restart_agent();
  }
  std::unique_ptr<LackingSyscalls> calls_;
};

class LinksTestOn : public LinksTest, public ::testing::WithParamInterface<unsigned> {};
INSTANTIATE_TEST_SUITE_P(LackingFlags, LinksTestOn,
                         ::testing::Values(RENAME_EXCHANGE, RENAME_EXCHANGE | RENAME_NOREPLACE));

TEST_P(LinksTestOn, ARunAndItsUndoSucceed) {
  move_to({.rename_flags = GetParam()});
  host_.write("etc/app/app.conf", "edited");  // in no release: the pre-image is all there is of it
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  expect_one();
  expect_clean();
  EXPECT_EQ(roll_back("run:" + record.id.str()).value().outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "edited");
  expect_clean();
}

TEST_P(LinksTestOn, ARedGateTakesTheHostBack) {
  move_to({.rename_flags = GetParam()});
  prober_.green = [this] { return host_.read("etc/app/app.conf") == "two"; };
  EXPECT_EQ(roll_back("v1.0.0").value().outcome, RunOutcome::kRestored);
  expect_two();
  expect_clean();
}

TEST_P(LinksTestOn, APreparedRunThatIsForgottenLeavesNoLink) {
  move_to({.rename_flags = GetParam()});
  const auto asked = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  EXPECT_EQ(std::filesystem::hard_link_count(host_.path() / "etc/app/app.conf"), 2U);
  ASSERT_TRUE(engine_->forget(asked.run));
  EXPECT_EQ(std::filesystem::hard_link_count(host_.path() / "etc/app/app.conf"), 1U);
  expect_two();
  expect_clean();
}

TEST_F(LinksTest, AFileThatIsReplacedWhileItIsLinkedRefusesTheRun) {
  // Somebody saves the file between the link and the look at it.
  class Saved final : public PassingSyscalls {
   public:
    Saved(Syscalls& below, std::filesystem::path path)
        : PassingSyscalls(below), path_(std::move(path)) {}
    int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) override {
      const int done = below_.linkat(from_dir, from, to_dir, to, flags);
      if (std::string_view(from) == path_.filename().native()) {
        const auto fresh = path_.string() + ".saved";
        std::filesystem::copy_file(path_, fresh);
        std::filesystem::last_write_time(fresh, std::filesystem::last_write_time(path_));
        std::filesystem::rename(fresh, path_);
      }
      return done;
    }

   private:
    const std::filesystem::path path_;
  } saved(kernel_, host_.path() / "etc/app/app.conf");
  calls_ = std::make_unique<LackingSyscalls>(saved, Lacking{.rename_flags = RENAME_EXCHANGE});
  root_ = host_.open(*calls_);
  state_ = *root_.open_directory("state");
  restart_agent();
  const auto prepared = engine_->prepare(order("v1.0.0"), watcher_);
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().message, HasSubstr("/etc/app/app.conf was replaced meanwhile"));
  expect_two();
  expect_clean();
  engine_.reset();  // these use `saved`
  root_ = {};
  state_ = {};
}

TEST_F(LinksTest, WithoutLinksEitherTheRunIsRefused) {
  move_to({.rename_flags = RENAME_EXCHANGE, .links = true});
  const auto error = refused("v1.0.0");
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("can neither exchange two files nor link one"));
  expect_two();
}

}  // namespace
}  // namespace rollback
