// SPDX-License-Identifier: Apache-2.0
// show, diff and stats through the door, on a real tree and a real store.
#include <sys/stat.h>

#include <algorithm>

#include "agent/plan/text_diff.h"
#include "agent/service/verbs.h"
#include "protocol/json.h"
#include "tests/agent/service/door_fixture.h"

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ReaderVerbs : public DoorTest {
 protected:
  // Every answer, the End last.
  std::vector<ReplyBody> answers(CommandBody body) {
    EXPECT_TRUE(send(kRoot, command(std::move(body))));
    std::vector<ReplyBody> bodies;
    std::unique_lock lock(mutex_);
    const auto ended = [&] {
      for (auto& outgoing : outbox_.drain()) bodies.push_back(std::move(outgoing.reply.body));
      return !bodies.empty() && std::holds_alternative<End>(bodies.back());
    };
    EXPECT_TRUE(woken_.wait_for(lock, std::chrono::seconds(60), ended)) << "no answer";
    return bodies;
  }
  template <typename Item>
  static std::vector<Item> only(const std::vector<ReplyBody>& bodies) {
    std::vector<Item> items;
    for (const auto& body : bodies)
      if (const auto* item = std::get_if<Item>(&body)) items.push_back(*item);
    return items;
  }
  static End end_of(const std::vector<ReplyBody>& bodies) { return std::get<End>(bodies.back()); }
  void record(const std::string& release) {
    const auto end = end_of(answers(SnapshotRequest{release, false, "3f2a90c1", false}));
    ASSERT_EQ(end.exit_code, ExitCode::kDone) << (end.error ? end.error->message : "");
  }
  // What differs at `path`; asks for a diff from v1.0.0 to now.
  DiffItem difference(const std::string& path, bool stat = false) {
    for (const auto& item : only<DiffItem>(answers(DiffRequest{"v1.0.0", "live", stat})))
      if (item.path == path) return item;
    ADD_FAILURE() << path << " does not differ";
    return {};
  }
  [[nodiscard]] std::string on_disk(const std::string& path) const {
    return (tree_.path() / path).string();
  }
};

TEST_F(ReaderVerbs, ShowBeginsWithTheReleaseAndItsSize) {
  tree_.write("etc/app/b", "12345");
  record("v1.0.0");
  const auto bodies = answers(ShowRequest{"v1.0.0", false});
  const auto& head = std::get<RevisionItem>(bodies.front());
  EXPECT_EQ(head.status.revision.name.str(), "v1.0.0");
  EXPECT_EQ(head.status.revision.git_ref, "3f2a90c1");
  EXPECT_TRUE(head.current);
  EXPECT_TRUE(head.counted);
  EXPECT_EQ(head.files, 2U);
  EXPECT_EQ(head.bytes, 8U);
  const auto resources = only<ResourceItem>(bodies);
  ASSERT_EQ(resources.size(), 1U);
  EXPECT_EQ(resources[0].files, 2U);
  EXPECT_TRUE(only<PathItem>(bodies).empty());
}

TEST_F(ReaderVerbs, ADryRunOfASnapshotSaysWhatWouldBeRecordedAndStoresNothing) {
  record("v1.0.0");
  const auto version = snapshots_.version();
  const auto dry = [&](const std::string& release) {
    return answers(SnapshotRequest{release, false, "", true});
  };
  const auto said = [&](const std::vector<ReplyBody>& bodies) {
    EXPECT_EQ(end_of(bodies).exit_code, ExitCode::kDone);
    EXPECT_FALSE(end_of(bodies).changed);
    const auto item = only<RevisionItem>(bodies).at(0);
    return item.status.revision.name.str() + ", " + std::to_string(item.files) + " of " +
           std::to_string(item.bytes) + ": " + only<Line>(bodies).back().text;
  };
  EXPECT_EQ(said(dry("v1.0.0")),
            "v1.0.0, 1 of 3: dry run: v1.0.0 is recorded already with exactly this content");
  EXPECT_EQ(said(dry("v2.0.0")),
            "v2.0.0, 1 of 3: dry run: nothing was stored; v2.0.0 would have the content of v1.0.0");
  tree_.write("etc/app/b", "12345");
  EXPECT_EQ(said(dry("v1.0.0")),
            "v1.0.0@2, 2 of 8: dry run: nothing was stored; v1.0.0@2 would be new");
  EXPECT_EQ(snapshots_.version(), version);
  EXPECT_FALSE(blobs_.has(sha256("12345")).value());
  (void)database_->note_damage(Table::kBlobs, "a", "content a is damaged");
  EXPECT_THAT(end_of(dry("v2.0.0")).error->message, HasSubstr("content a is damaged"));
}

TEST_F(ReaderVerbs, ADryRunOfADeploySaysWhatWouldHappenAndHoldsNothing) {
  record("v1.0.0");
  const auto version = snapshots_.version();
  DeployBeginRequest request;
  request.label = "v2.0.0";
  request.dry_run = true;
  const auto bodies = answers(request);
  EXPECT_EQ(end_of(bodies).exit_code, ExitCode::kDone);
  EXPECT_FALSE(end_of(bodies).changed);
  const auto lines = only<Line>(bodies);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0].text, HasSubstr("1 files"));
  EXPECT_THAT(lines[1].text, HasSubstr("recorded as v2.0.0, anything else is taken back"));
  EXPECT_FALSE(host_->deploys.open());
  EXPECT_FALSE(host_->engine.holder());
  EXPECT_EQ(snapshots_.version(), version);
  EXPECT_TRUE(runs_.newest(0).value().empty());
}

TEST_F(ReaderVerbs, ShowTreeListsEverythingThatWasThere) {
  std::filesystem::create_directories(on_disk("etc/app/empty"));
  std::filesystem::create_symlink("nowhere", on_disk("etc/app/link"));
  std::filesystem::create_hard_link(on_disk("etc/app/app.conf"), on_disk("etc/app/same"));
  ASSERT_EQ(mkfifo(on_disk("etc/app/pipe").c_str(), 0600), 0);
  record("v1.0.0");
  std::vector<std::string> paths;
  for (const auto& item : only<PathItem>(answers(ShowRequest{"v1.0.0", true}))) {
    paths.push_back(item.path);
    EXPECT_EQ(item.special, item.path == "/etc/app/pipe");
    EXPECT_EQ(item.hard_links, item.path.ends_with("same") || item.path.ends_with("conf") ? 1U : 0U)
        << item.path;
    EXPECT_EQ(item.node.target, item.path.ends_with("link") ? "nowhere" : "") << item.path;
  }
  EXPECT_THAT(paths, ElementsAre("/etc/app", "/etc/app/app.conf", "/etc/app/empty", "/etc/app/link",
                                 "/etc/app/same", "/etc/app/pipe"));
}

TEST_F(ReaderVerbs, ALongListWaitsForWhoReadsIt) {
  for (int i = 0; i < 300; ++i) tree_.write("etc/app/f" + std::to_string(i), "x");
  record("v1.0.0");
  EXPECT_EQ(only<PathItem>(answers(ShowRequest{"v1.0.0", true})).size(), 302U);
}

TEST_F(ReaderVerbs, WhatWasNotRecordedIsNamedWithWhatThereIs) {
  record("v1.0.0");
  const auto end = end_of(answers(DiffRequest{"v8.0.0", "v9.0.0", false}));
  ASSERT_TRUE(end.error);
  EXPECT_EQ(end.exit_code, ExitCode::kRefused);
  EXPECT_THAT(end.error->message,
              HasSubstr("no revision v8.0.0 and no v9.0.0 on this host; there are v1.0.0"));
  EXPECT_THAT(end_of(answers(ShowRequest{"v9.0.0", false})).error->message, HasSubstr("v1.0.0"));
}

TEST_F(ReaderVerbs, DiffShowsLinesAndCountsThem) {
  record("v1.0.0");
  tree_.write("etc/app/app.conf", "one\ntwo\n");
  const auto item = difference("/etc/app/app.conf");
  EXPECT_EQ(item.change, "changed");
  EXPECT_THAT(item.differences, ElementsAre("content"));
  EXPECT_EQ(item.content, DiffContent::kText);
  EXPECT_EQ(item.added_lines, 2U);
  EXPECT_EQ(item.removed_lines, 1U);
  EXPECT_EQ(item.size_before, 3U);
  EXPECT_EQ(item.size_after, 8U);
  EXPECT_EQ(item.before, sha256("one"));
  EXPECT_THAT(item.text, HasSubstr("+two\n"));
  const auto counted = difference("/etc/app/app.conf", true);
  EXPECT_EQ(counted.text, "");
  EXPECT_EQ(counted.added_lines, 2U);
}

TEST_F(ReaderVerbs, DiffOfTwoReleasesNeedsNoHost) {
  record("v1.0.0");
  tree_.write("etc/app/app.conf", "two");
  record("v2.0.0");
  std::filesystem::remove_all(on_disk("etc/app"));
  const auto bodies = answers(DiffRequest{"v1.0.0", "v2.0.0", false});
  ASSERT_EQ(only<DiffItem>(bodies).size(), 1U);
  EXPECT_THAT(only<DiffItem>(bodies)[0].text, HasSubstr("-one\n"));
  EXPECT_TRUE(end_of(bodies).changed);
  EXPECT_FALSE(end_of(answers(DiffRequest{"v1.0.0", "v1.0.0", false})).changed);
}

TEST_F(ReaderVerbs, DiffSaysWhatOfTheMetadataDiffers) {
  record("v1.0.0");
  ASSERT_EQ(chmod(on_disk("etc/app/app.conf").c_str(), 0600), 0);
  ASSERT_EQ(chown(on_disk("etc/app/app.conf").c_str(), 12, 0), 0);
  const auto item = difference("/etc/app/app.conf");
  EXPECT_THAT(item.differences, ElementsAre("mode 0644 -> 0600", "owner root:root -> 12:root"));
  EXPECT_EQ(item.content, DiffContent::kNone);
}

TEST_F(ReaderVerbs, DiffTellsBinariesAndLargeTextsApart) {
  tree_.write("etc/app/large", std::string(kMostDiffedBytes, 'x'));
  tree_.write("etc/app/image", std::string("a\0b", 3));
  record("v1.0.0");
  tree_.write("etc/app/large", std::string(kMostDiffedBytes + 1, 'y'));
  tree_.write("etc/app/image", std::string(kMostDiffedBytes + 1, '\0'));
  const auto large = difference("/etc/app/large");
  EXPECT_EQ(large.content, DiffContent::kLarge);
  EXPECT_EQ(large.text, "");
  EXPECT_EQ(large.size_after, kMostDiffedBytes + 1);
  const auto image = difference("/etc/app/image");
  EXPECT_EQ(image.content, DiffContent::kBinary);
  EXPECT_EQ(image.size_before, 3U);
}

TEST_F(ReaderVerbs, DiffSaysWhatItCannotRead) {
  record("v1.0.0");
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(sha256("one").view()), std::nullopt}},
                               Durability::kSynced));
  tree_.write("etc/app/app.conf", "two");
  const auto item = difference("/etc/app/app.conf");
  EXPECT_EQ(item.content, DiffContent::kUnreadable);
  EXPECT_NE(item.text, "");
}

// Of which every look takes a minute.
class SlowClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return {}; }
  [[nodiscard]] BootTime boot() const override { return BootTime{++looks_ * 60'000'000'000}; }

 private:
  mutable std::int64_t looks_ = 0;
};

TEST_F(ReaderVerbs, DiffReadsNoContentsAfterItsTime) {
  record("v1.0.0");
  tree_.write("etc/app/app.conf", "two");
  record("v1.1.0");
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(sha256("two").view()), std::nullopt}},
                               Durability::kSynced));
  const SlowClock slow;
  const RunDeps& deps = host_->deps;
  Host host{host_->identity,
            {deps.root, deps.state, deps.options, deps.resources, deps.snapshots, deps.blobs,
             deps.runs, deps.readers, deps.units, deps.programs, deps.prober, slow, deps.random},
            host_->platform,
            host_->engine,
            host_->deploys,
            hub_,
            health_,
            run_worker_,
            query_worker_,
            transfer_worker_,
            *database_,
            scrubs_,
            host_->configuration_on_disk,
            pruner_};
  Stream stream(outbox_, ConnectionId{1}, CommandId::make(random_));
  diff_verb(host, {"v1.0.0", "v1.1.0", false}, stream);
  std::vector<ReplyBody> bodies;
  EXPECT_EQ(end(nullptr, &bodies).exit_code, ExitCode::kDone);
  ASSERT_EQ(only<DiffItem>(bodies).size(), 1U);
  EXPECT_EQ(only<DiffItem>(bodies)[0].content, DiffContent::kLarge);
  ASSERT_EQ(only<Line>(bodies).size(), 1U);
  EXPECT_THAT(only<Line>(bodies)[0].text, HasSubstr("from /etc/app/app.conf on"));
}

TEST_F(ReaderVerbs, DiffShowsOfSecretsOnlyHashesWhereverTheyAre) {
  options_.resources[0].secret = {"*.key", "vault"};
  tree_.write("etc/app/a.key", "hunter2");
  std::filesystem::create_symlink("hunter2", on_disk("etc/app/vault"));
  record("v1.0.0");
  std::filesystem::rename(on_disk("etc/app/a.key"), on_disk("etc/app/moved"));
  tree_.write("etc/app/b.key", "hunter3");
  std::filesystem::remove(on_disk("etc/app/vault"));
  std::filesystem::create_symlink("hunter3", on_disk("etc/app/vault"));
  const auto items = only<DiffItem>(answers(DiffRequest{"v1.0.0", "live", false}));
  ASSERT_EQ(items.size(), 4U);
  for (const auto& item : items) {
    EXPECT_EQ(item.content, DiffContent::kSecret) << item.path;
    EXPECT_THAT(to_json(Reply{{}, 1, "", item}), Not(HasSubstr("hunter"))) << item.path;
  }
  EXPECT_EQ(difference("/etc/app/vault").after, sha256("hunter3"));
}

TEST_F(ReaderVerbs, ShowNeverSaysWhereASecretSymlinkLeads) {
  options_.resources[0].secret = {"vault"};
  std::filesystem::create_symlink("hunter2", on_disk("etc/app/vault"));
  record("v1.0.0");
  for (const auto& body : answers(ShowRequest{"v1.0.0", true})) {
    const auto* const item = std::get_if<PathItem>(&body);
    if (item == nullptr || item->path != "/etc/app/vault") continue;
    const std::string json = to_json(Reply{{}, 1, "", *item});
    EXPECT_THAT(json, Not(HasSubstr("hunter")));
    EXPECT_THAT(json, HasSubstr(sha256("hunter2").hex()));
  }
}

TEST_F(ReaderVerbs, DiffKnowsTheOriginOfARun) {
  record("v1.0.0");
  tree_.write("etc/app/app.conf", "broken");
  options_.gate.soak = Duration{};
  RollbackRequest back;
  back.to = "v1.0.0";
  const auto bodies = answers(back);
  ASSERT_EQ(end_of(bodies).exit_code, ExitCode::kDone);
  const auto runs = only<RunRecord>(bodies);
  ASSERT_FALSE(runs.empty());
  const auto items =
      only<DiffItem>(answers(DiffRequest{"run:" + runs.back().id.str(), "v1.0.0", false}));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_THAT(items[0].text, HasSubstr("-broken\n"));
}

// As long as retention says; without it until somebody removes it.
TEST_F(ReaderVerbs, TheOriginOfARunIsToldWithWhatItTakesAndHowLongItStays) {
  record("v1.0.0");
  options_.gate.soak = Duration{};
  std::vector<std::string> runs;
  for (const std::string content : {"first", "second"}) {
    tree_.write("etc/app/app.conf", content);
    RollbackRequest back;
    back.to = "v1.0.0";
    runs.push_back("run:" + only<RunRecord>(answers(back)).back().id.str());
  }
  const auto events = only<EventItem>(answers(RunShowRequest{runs[1].substr(4)}));
  EXPECT_THAT(
      events,
      Contains(Field(&EventItem::event,
                     Field(&RunEvent::text, AllOf(HasSubstr("is kept as " + runs[1] + ", "),
                                                  HasSubstr(" of its own, until `prune` removes "
                                                            "it"))))));
  const auto stays = [&] {
    std::map<std::string, std::string> found;
    for (const auto& item : only<ReleaseStats>(answers(StatsRequest{}))) {
      found[item.revision] = item.stays;
      EXPECT_GT(item.unique, 0U);
    }
    return found;
  };
  EXPECT_EQ(stays()[runs[0]], "until it is pruned");
  EXPECT_EQ(stays()[runs[1]], "undo of the last run leads to it");
  options_.retention.keep = 2;
  EXPECT_EQ(stays()[runs[0]], "among the 2 newest origins of runs");
  options_.retention.keep = 1;
  EXPECT_EQ(stays()[runs[0]], "until the next snapshot or prune");
}

TEST_F(ReaderVerbs, StatsTellWhatEachReleaseTakes) {
  record("v1.0.0");
  tree_.write("etc/app/b", "of the second only");
  record("v2.0.0");
  const auto bodies = answers(StatsRequest{});
  const auto releases = only<ReleaseStats>(bodies);
  ASSERT_EQ(releases.size(), 2U);
  EXPECT_EQ(releases[1].revision, "v2.0.0");
  EXPECT_EQ(releases[1].files, 2U);
  EXPECT_GT(releases[1].unique, releases[0].unique);
  EXPECT_EQ(releases[0].stays, "the previous good release");
  EXPECT_EQ(releases[1].stays, "deployed");
  const auto stores = only<StoreStats>(bodies);
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_EQ(stores[0].revisions, 2U);
  EXPECT_EQ(stores[0].logical, 3U + 21U);
  EXPECT_EQ(stores[0].distinct, 21U);
  EXPECT_GT(stores[0].disk, 0U);
  EXPECT_EQ(end_of(bodies).exit_code, ExitCode::kDone);
}

}  // namespace
}  // namespace rollback
