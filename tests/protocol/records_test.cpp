// SPDX-License-Identifier: Apache-2.0
#include "protocol/records.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <set>

#include "protocol/json.h"
#include "tests/protocol/golden.h"
#include "tests/protocol/same_fields.h"
#include "tests/protocol/samples.h"

namespace rollback {
namespace {

TEST(Records, CanonicalBytesAreFixed) {
  expect_golden("tree", *encode_tree(samples::tree()));
  expect_golden("snapshot", *encode_snapshot(samples::snapshot()));
  expect_golden("revision", *encode_revision(samples::revision()));
  expect_golden("revision_of_git", *encode_revision(samples::revision_of_git()));
  expect_golden("history_entry", *encode_history_entry(samples::history_entry()));
  expect_golden("pin_entry", *encode_history_entry(samples::pin_entry()));
  expect_golden("prune_entry", *encode_history_entry(samples::prune_entry()));
  expect_golden("run", *encode_run(samples::run()));
  expect_golden("run_event", *encode_run_event(samples::run_event()));
  expect_golden("rollout", *encode_rollout(samples::rollout()));
  expect_golden("rollout_resumed", *encode_rollout(samples::rollout_resumed()));
  expect_golden("rollout_host", *encode_rollout_host(samples::rollout_host()));
}

// A file without holes has the bytes it had before holes were recorded.
TEST(Records, AFileWithHolesIsAnotherRecordOfTheSameContent) {
  const Tree tree{{{"a", samples::file()}}, {}};
  Tree sparse = tree;
  sparse.entries[0].node.sparse = true;
  expect_golden("tree_with_holes", *encode_tree(sparse));
  EXPECT_EQ(*decode_tree(*encode_tree(sparse)), sparse);
  EXPECT_NE(*encode_tree(sparse), *encode_tree(tree));
  EXPECT_EQ(content_root(sparse), content_root(tree));
}

// A snapshot without facts of the host has the bytes it had before there were any.
TEST(Records, FactsOfTheHostAreRecordedAndMakeNoOtherContent) {
  auto snapshot = samples::snapshot();
  snapshot.facts = {{"queue", "7"}, {"schema", "41"}};
  expect_golden("snapshot_with_facts", *encode_snapshot(snapshot));
  EXPECT_EQ(*decode_snapshot(*encode_snapshot(snapshot)), snapshot);
  EXPECT_EQ(content_root(snapshot), content_root(samples::snapshot()));
  std::swap(snapshot.facts[0], snapshot.facts[1]);
  EXPECT_FALSE(encode_snapshot(snapshot));
}

// A resource without services has the bytes it had before there were any.
TEST(Records, ServicesThatRunAreContent) {
  auto snapshot = samples::snapshot();
  ResourceSnapshot project;
  project.kind = ResourceKind::kCompose;
  project.name = "queue";
  snapshot.resources.push_back(project);
  const auto down = content_root(snapshot);
  auto& services = snapshot.resources.back().services;
  services = {"web", "worker"};
  expect_golden("snapshot_with_services", *encode_snapshot(snapshot));
  EXPECT_EQ(*decode_snapshot(*encode_snapshot(snapshot)), snapshot);
  EXPECT_NE(content_root(snapshot), down);
  services = {"worker", "web"};
  EXPECT_FALSE(encode_snapshot(snapshot));
}

// The worked example of docs/formats/records.md.
TEST(Records, DocumentedExampleIsWhatIsWritten) {
  Node file;
  file.meta = {0644, 0, 0, 1'000'000'000, {}};
  file.user = "root";
  file.group = "root";
  file.size = 5;
  file.content = sha256("hello");
  expect_golden("documented_tree", *encode_tree({{{"a", file}}, {}}));
}

TEST(Records, ContentRootsAreFixed) {
  expect_golden("tree_content_root", std::string(content_root(samples::tree()).view()));
  expect_golden("snapshot_content_root", std::string(content_root(samples::snapshot()).view()));
}

TEST(Records, APlanWithAnythingElseHasAnotherDigest) {
  std::set<Digest> digests{plan_digest(samples::plan())};
  const auto with = [&](const std::function<void(Plan&)>& change) {
    Plan plan = samples::plan();
    change(plan);
    digests.insert(plan_digest(plan));
  };
  with([](Plan& plan) { plan.from += "x"; });
  with([](Plan& plan) { plan.to += "x"; });
  with([](Plan& plan) { plan.from_root = sha256("x"); });
  with([](Plan& plan) { plan.to_root = sha256("x"); });
  with([](Plan& plan) { plan.steps.pop_back(); });
  with([](Plan& plan) { plan.steps[1].phase = StepPhase::kActivate; });
  with([](Plan& plan) { plan.steps[1].action = StepAction::kWrite; });
  with([](Plan& plan) { plan.steps[1].subject += "x"; });
  with([](Plan& plan) { plan.steps[1].resource += "x"; });
  with([](Plan& plan) { plan.steps[1].why += "x"; });
  with([](Plan& plan) { plan.steps[1].reverse += "x"; });
  with([](Plan& plan) { std::swap(plan.steps[0], plan.steps[1]); });
  with([](Plan& plan) { plan.warnings.clear(); });
  EXPECT_EQ(digests.size(), 14U);
}

TEST(Records, APlanHasADigestHoweverLongItIs) {
  Plan plan = samples::plan();
  plan.steps.resize(70'000, plan.steps[0]);
  const Digest digest = plan_digest(plan);
  plan.steps.back().subject = "other.service";
  EXPECT_NE(plan_digest(plan), digest);
}

TEST(Records, ComeBackAsTheyWere) {
  EXPECT_EQ(*decode_tree(*encode_tree(samples::tree())), samples::tree());
  EXPECT_EQ(*decode_tree(*encode_tree({})), Tree());
  EXPECT_EQ(*decode_snapshot(*encode_snapshot(samples::snapshot())), samples::snapshot());
  EXPECT_TRUE(
      same_fields(*decode_revision(*encode_revision(samples::revision())), samples::revision()));
  EXPECT_TRUE(same_fields(*decode_revision(*encode_revision(samples::revision_of_git())),
                          samples::revision_of_git()));
  const auto json = [](ReplyBody body) { return to_json(samples::reply(std::move(body))); };
  EXPECT_EQ(json(*decode_run(*encode_run(samples::run()))), json(samples::run()));
  auto deploy_run = samples::run();
  deploy_run.kind = RunKind::kDeploy;
  deploy_run.outcome = RunOutcome::kFailed;
  for (const std::int32_t code : {0, 137}) {
    deploy_run.command_exit = code;
    EXPECT_EQ(decode_run(*encode_run(deploy_run))->command_exit, code);
    EXPECT_EQ(json(*decode_run(*encode_run(deploy_run))), json(deploy_run));
  }
  const Deploy deploy{samples::run().id, "8f3c1d2", true, true, "boot",
                      BootTime{4711},    true,      true, 137};
  EXPECT_EQ(*decode_deploy(*encode_deploy(deploy)), deploy);
  EXPECT_EQ(*decode_deploy(*encode_deploy(Deploy{})), Deploy{});
  EXPECT_EQ(json(*decode_history_entry(*encode_history_entry(samples::history_entry()))),
            json(samples::history_entry()));
  EXPECT_EQ(json(*decode_history_entry(*encode_history_entry(samples::pin_entry()))),
            json(samples::pin_entry()));
  EXPECT_TRUE(same_fields(*decode_run_event(*encode_run_event(samples::run_event())),
                          samples::run_event()));
  EXPECT_EQ(json(*decode_rollout(*encode_rollout(samples::rollout_resumed()))),
            json(samples::rollout_resumed()));
  EXPECT_EQ(json(*decode_rollout_host(*encode_rollout_host(samples::rollout_host()))),
            json(samples::rollout_host()));
}

TEST(Records, HostOfARolloutFitsIn200Bytes) {
  auto host = samples::rollout_host();
  host.name = "web-frontend-01.fra1";
  host.findings.clear();
  host.times.assign(6, {RunPhase::kVerified, std::chrono::seconds(1)});
  EXPECT_LE(encode_rollout_host(host)->size(), 200U);
}

TEST(Records, NewerFormatIsUnsupportedAndDamageIsCorrupt) {
  auto bytes = *encode_tree(samples::tree());
  bytes[4] = 2;
  EXPECT_EQ(decode_tree(bytes).error().code, ErrorCode::kUnsupported);
  bytes[4] = 1;
  bytes[0] = 'X';
  EXPECT_EQ(decode_tree(bytes).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(decode_tree("").error().code, ErrorCode::kCorrupt);
}

TEST(Records, TreesThatBreakTheirInvariantAreInvalid) {
  for (const auto* name : {"", ".", "..", "a/b"})
    EXPECT_EQ(encode_tree({{{name, samples::file()}}, {}}).error().code, ErrorCode::kInvalid);
  const TreeEntry a{"a", samples::file()};
  const TreeEntry b{"b", samples::file()};
  EXPECT_FALSE(encode_tree({{b, a}, {}}));
  EXPECT_FALSE(encode_tree({{a, a}, {}}));
  EXPECT_TRUE(encode_tree({{a, b}, {}}));
}

TEST(Records, SnapshotsThatBreakTheirOrderAreInvalid) {
  auto snapshot = samples::snapshot();
  std::swap(snapshot.resources[0], snapshot.resources[1]);
  EXPECT_FALSE(encode_snapshot(snapshot));
  snapshot = samples::snapshot();
  snapshot.resources[0].paths[1].path = "/etc/nginx/inside";
  EXPECT_FALSE(encode_snapshot(snapshot));
}

TEST(ContentRoot, IgnoresTimesNumbersTreeIdsAndFacts) {
  auto tree = samples::tree();
  for (auto& entry : tree.entries) {
    entry.node.meta.mtime_ns += 1;
    entry.node.meta.uid += 1;
    entry.node.meta.gid += 1;
    if (entry.node.kind == NodeKind::kDirectory) entry.node.content = sha256("another");
  }
  EXPECT_EQ(content_root(tree), content_root(samples::tree()));
  auto snapshot = samples::snapshot();
  snapshot.resources[0].facts[0].value = "1.24.0";
  snapshot.resources[1].paths[0].node->meta.mtime_ns += 1;
  EXPECT_EQ(content_root(snapshot), content_root(samples::snapshot()));
  EXPECT_NE(*encode_snapshot(snapshot), *encode_snapshot(samples::snapshot()));
}

TEST(ContentRoot, ChangesWithEverythingThatMakesARelease) {
  std::set<Digest> roots = {content_root(samples::tree())};
  const auto with = [](auto change) {
    auto tree = samples::tree();
    change(tree.entries);
    return content_root(tree);
  };
  roots.insert(with([](auto& it) { it[0].node.meta.mode = 0644; }));
  roots.insert(with([](auto& it) { it[0].node.user = "root"; }));
  roots.insert(with([](auto& it) { it[0].node.group = "root"; }));
  roots.insert(with([](auto& it) { it[0].node.user = ""; }));
  roots.insert(with([](auto& it) { it[0].node.user = "", it[0].node.meta.uid = 99; }));
  roots.insert(with([](auto& it) { it[0].node.content = sha256("x"); }));
  roots.insert(with([](auto& it) { it[0].node.meta.xattrs["user.x"] = "2"; }));
  roots.insert(with([](auto& it) { it[1].node.root = sha256("x"); }));
  roots.insert(with([](auto& it) { it[2].node.target = "x"; }));
  roots.insert(with([](auto& it) { it[0].name = "A"; }));
  roots.insert(with([](auto& it) { it.pop_back(); }));
  EXPECT_EQ(roots.size(), 12U);
}

TEST(ContentRoot, OfASnapshotChangesWithUnitsPathsAndLinks) {
  std::set<Digest> roots = {content_root(samples::snapshot())};
  const auto with = [](auto change) {
    auto snapshot = samples::snapshot();
    change(snapshot);
    return content_root(snapshot);
  };
  roots.insert(with([](auto& it) { it.resources[1].units[0].active = false; }));
  roots.insert(with([](auto& it) { it.resources[1].units[0].enablement = "disabled"; }));
  roots.insert(with([](auto& it) { it.resources[0].paths[1].node = samples::file(); }));
  roots.insert(with([](auto& it) { it.hard_links.clear(); }));
  EXPECT_EQ(roots.size(), 5U);
}

TEST(Records, RandomTreesComeBackAsTheyWere) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    std::set<std::string> names;
    for (std::uint64_t count = random() % 20; count > 0; --count) {
      std::string name;
      for (std::uint64_t size = 1 + random() % 12; size > 0; --size)
        name += static_cast<char>(1 + random() % 255);
      if (name.find('/') == std::string::npos && name != "." && name != "..") names.insert(name);
    }
    Tree tree;
    for (const auto& name : names) {
      auto node = samples::file();
      node.kind = static_cast<NodeKind>(1 + random() % 3);
      node.meta.mode = static_cast<std::uint32_t>(random() & 07777);
      node.meta.mtime_ns = static_cast<std::int64_t>(random());
      node.meta.uid = static_cast<std::uint32_t>(random());
      node.user = random() % 2 == 0 ? "" : name;
      node.target = name;
      node.size = random();
      if (random() % 2 == 0) node.meta.xattrs.clear();
      tree.entries.push_back({name, node});
    }
    const auto bytes = encode_tree(tree);
    ASSERT_TRUE(bytes) << bytes.error().message;
    ASSERT_EQ(*decode_tree(*bytes), tree) << "round " << round;
  }
}

}  // namespace
}  // namespace rollback
