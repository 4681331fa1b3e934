// SPDX-License-Identifier: Apache-2.0
// verify, and an agent whose store is damaged, with a real store, engine and file system.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/agent/service/door_fixture.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class VerifyTest : public DoorTest {
 protected:
  using DoorTest::DoorTest;

  void record(const std::string& release, const std::string& content) {
    tree_.write("etc/app/app.conf", content);
    ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{release, false, "", false})).exit_code,
              ExitCode::kDone);
  }
  End verify(const VerifyRequest& request) {
    EXPECT_TRUE(send(kRoot, command(request)));
    answers_.clear();
    return end(nullptr, &answers_);
  }
  template <typename Item>
  [[nodiscard]] std::vector<Item> answered() const {
    std::vector<Item> items;
    for (const auto& answer : answers_)
      if (const auto* const item = std::get_if<Item>(&answer)) items.push_back(*item);
    return items;
  }
  // As a disk would do it. RocksDB's checksums fit.
  void damage(const std::string& content) {
    const std::string key(sha256(content).view());
    auto bytes = database_->get(Table::kBlobs, key).value().value();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    ASSERT_TRUE(database_->write({{Table::kBlobs, key, bytes}}, Durability::kBuffered));
  }
  static VerifyRequest all(bool repair = false) {
    VerifyRequest request;
    request.all = request.deep = true;
    request.repair = repair;
    return request;
  }
  static VerifyRequest release(const std::string& name, bool repair = false) {
    VerifyRequest request;
    request.revision = name;
    request.repair = repair;
    return request;
  }

  std::vector<ReplyBody> answers_;
};

TEST_F(VerifyTest, TheWholeStoreIsReadWhileARunIsAtWork) {
  record("v1.0.0", "one");
  const auto held = std::make_shared<std::mutex>();  // the job may come to it after this test
  const std::unique_lock busy(*held);
  ASSERT_TRUE(run_worker_.post(
      {"a long rollback", std::chrono::minutes(1), [held] { const std::lock_guard wait(*held); }}));

  EXPECT_EQ(verify(all()).exit_code, ExitCode::kDone);
  ASSERT_THAT(answered<VerifySummary>(), SizeIs(1));
  EXPECT_TRUE(answered<VerifySummary>()[0].deep);
  EXPECT_EQ(answered<VerifySummary>()[0].damaged, 0U);
}

TEST_F(VerifyTest, StatusSaysWhenTheWholeStoreWasRead) {
  EXPECT_EQ(status_of(*host_, "none").verified, WallTime{});
  VerifyRequest shallow = all();
  shallow.deep = false;
  ASSERT_EQ(verify(shallow).exit_code, ExitCode::kDone);
  ASSERT_EQ(verify(all()).exit_code, ExitCode::kDone);
  EXPECT_GT(status_of(*host_, "none").verified, WallTime{});
}

TEST_F(VerifyTest, DamageIsNamedWithEveryReleaseAndMakesTheHostDegraded) {
  record("v1.0.0", "one");
  record("v1.1.0", "two");
  damage("one");

  EXPECT_EQ(verify(all()).exit_code, ExitCode::kInconsistent);
  ASSERT_THAT(answered<DamageItem>(), SizeIs(1));
  EXPECT_EQ(answered<DamageItem>()[0].object, "content " + sha256("one").hex());
  EXPECT_THAT(answered<DamageItem>()[0].releases, ElementsAre("v1.0.0"));
  EXPECT_THAT(answered<DamageItem>()[0].paths, ElementsAre("/etc/app/app.conf"));
  EXPECT_THAT(status_of(*host_, "none").store, StartsWith("degraded: "));
  EXPECT_EQ(health_of(*host_).verdict, Verdict::kDegraded);
  EXPECT_EQ(health_of(*host_).probes.back().name, "store");
  EXPECT_NE(asked_by(kRoot, command(SnapshotRequest{"v2.0.0", false, "", false})).exit_code,
            ExitCode::kDone);
}

TEST_F(VerifyTest, WhatIsStillLiveIsPutAgain) {
  record("v1.0.0", "one");
  damage("one");
  EXPECT_EQ(verify(release("v1.0.0")).exit_code, ExitCode::kInconsistent);

  const End repaired = verify(release("v1.0.0", true));
  EXPECT_EQ(repaired.exit_code, ExitCode::kDone);
  EXPECT_TRUE(repaired.changed);
  ASSERT_THAT(answered<DamageItem>(), SizeIs(1));
  EXPECT_TRUE(answered<DamageItem>()[0].repaired);
  EXPECT_EQ(status_of(*host_, "none").store, "ok");
  EXPECT_EQ(verify(all()).exit_code, ExitCode::kDone);
}

TEST_F(VerifyTest, OnlyTheRightBytesRepair) {
  record("v1.0.0", "one");
  record("v1.1.0", "two");
  damage("one");
  EXPECT_EQ(verify(all(true)).exit_code, ExitCode::kInconsistent);
  EXPECT_FALSE(answered<DamageItem>().at(0).repaired);

  tree_.write("etc/app/app.conf", "one");
  EXPECT_EQ(verify(all(true)).exit_code, ExitCode::kDone);
  EXPECT_TRUE(answered<DamageItem>().at(0).repaired);
  EXPECT_EQ(blobs_.get(sha256("one")).value(), "one");
}

TEST_F(VerifyTest, ADirectoryIsPutAgainToo) {
  record("v1.0.0", "one");
  std::string tree;
  ASSERT_TRUE(database_->scan(Table::kTrees, {}, {}, [&](auto key, auto) {
    tree = key;
    return false;
  }));
  ASSERT_FALSE(tree.empty());
  ASSERT_TRUE(database_->write({{Table::kTrees, tree, "rubbish"}}, Durability::kBuffered));

  EXPECT_EQ(verify(release("v1.0.0")).exit_code, ExitCode::kInconsistent);
  ASSERT_THAT(answered<DamageItem>(), SizeIs(1));
  EXPECT_EQ(verify(release("v1.0.0", true)).exit_code, ExitCode::kDone);
}

TEST_F(VerifyTest, WhatARunLeftBehindRepairs) {
  record("v1.0.0", "one");
  record("v1.1.0", "two");
  damage("one");
  tree_.write(".rollback/kept-0000000000aa/3", "one");
  EXPECT_EQ(verify(all(true)).exit_code, ExitCode::kDone);
}

TEST_F(VerifyTest, ItEndsWhenItsAskerIsGoneAndGoesOnLater) {
  record("v1.0.0", "one");
  VerifyRequest slow = all();
  slow.rate = 1;
  ASSERT_TRUE(send(kRoot, command(slow)));
  EXPECT_FALSE(door_->handle(kRoot, "", ConnectionId{2}));  // the loop goes on
  door_->closed(ConnectionId{1});
  const End ended = end();
  EXPECT_EQ(ended.exit_code, ExitCode::kDetached);
  EXPECT_EQ(verify(all()).exit_code, ExitCode::kDone);
}

// A host with v1.0.0 ("one") and v1.1.0 ("two") in table files, so that nothing is in the log.
class FirstLife final : public VerifyTest {
 public:
  FirstLife() {
    record("v1.0.0", "one");
    record("v1.1.0", "two");
  }
  void TestBody() override {}
  void copy_store(const std::string& to) { fs::copy(store_.path() / "db", to); }
};

void make_damaged_store(const std::string& path) {
  FirstLife().copy_store(path);
  (void)Database::open(path).value();
  for (const auto& file : fs::directory_iterator(path))  // RocksDB's list of files loses its end
    if (file.path().filename().string().starts_with("MANIFEST"))
      fs::resize_file(file.path(), file.file_size() - 2);
}

class DamagedStoreTest : public VerifyTest {
 protected:
  DamagedStoreTest() : VerifyTest(make_damaged_store) { tree_.write("etc/app/app.conf", "two"); }
  End back_to(const std::string& release) {
    RollbackRequest request;
    request.to = release;
    options_.gate.soak = Duration{};
    return asked_by(kRoot, command(request));
  }
};

TEST_F(DamagedStoreTest, IsSaidAndTakesNothingNew) {
  EXPECT_THAT(status_of(*host_, "none").store, StartsWith("degraded: "));
  EXPECT_EQ(status_of(*host_, "none").release, "v1.1.0");
  EXPECT_EQ(health_of(*host_).verdict, Verdict::kDegraded);
  EXPECT_EQ(asked_by(kRoot, command(SnapshotRequest{"v2.0.0", false, "", false})).exit_code,
            ExitCode::kRefused);
  EXPECT_EQ(verify(all(true)).exit_code, ExitCode::kRefused);
  EXPECT_EQ(verify(all()).exit_code, ExitCode::kInconsistent);
  EXPECT_THAT(answered<DamageItem>(), IsEmpty());  // all that is read of it is whole
}

TEST_F(DamagedStoreTest, TakesTheHostBackAgainAndAgain) {
  for (const char* const release : {"v1.0.0", "v1.1.0", "v1.0.0"}) {
    const End done = back_to(release);
    EXPECT_EQ(done.exit_code, ExitCode::kDone) << (done.error ? done.error->message : "");
    EXPECT_EQ(tree_.read("etc/app/app.conf"), release == std::string("v1.0.0") ? "one" : "two");
  }
  EXPECT_FALSE(host_->engine.holder());
}

TEST_F(DamagedStoreTest, DoesNotGuessThePreviousRelease) {
  const End refused = back_to("");
  EXPECT_EQ(refused.exit_code, ExitCode::kRefused);
  EXPECT_THAT(refused.error.value_or(Error{}).message, HasSubstr("--to"));
}

TEST_F(DamagedStoreTest, TheCoordinatorsCommandsAreTakenOnce) {
  const Command asked = command(StatusRequest{});
  EXPECT_EQ(asked_by(kCoordinator, asked).exit_code, ExitCode::kDone);
  EXPECT_EQ(asked_by(kCoordinator, asked).exit_code, ExitCode::kDenied);
}

class UnreadableStoreTest : public VerifyTest {
 protected:
  UnreadableStoreTest()
      : VerifyTest([](const std::string& path) {
          make_damaged_store(path);
          for (const auto& file : fs::directory_iterator(path))
            if (file.path().filename().string().starts_with("MANIFEST"))
              fs::resize_file(file.path(), 0);
        }) {}
};

TEST_F(UnreadableStoreTest, EveryVerbOfTheStoreSaysWhyAndTheRestAnswers) {
  EXPECT_THAT(status_of(*host_, "none").store, HasSubstr("cannot be read"));
  EXPECT_EQ(asked_by(kRoot, command(StatusRequest{})).exit_code, ExitCode::kDone);
  EXPECT_EQ(asked_by(kRoot, command(HealthRequest{})).exit_code, ExitCode::kDone);
  for (const CommandBody& body :
       {CommandBody(HistoryRequest{}), CommandBody(ShowRequest{"v1.0.0", false}),
        CommandBody(SnapshotRequest{"v2.0.0", false, "", false}), CommandBody(release("v1.0.0")),
        CommandBody(all())}) {
    const End refused = asked_by(kRoot, command(body));
    EXPECT_NE(refused.exit_code, ExitCode::kDone);
    EXPECT_THAT(refused.error.value_or(Error{}).message, HasSubstr("cannot be read"));
  }
}

}  // namespace
}  // namespace rollback
