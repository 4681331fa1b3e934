// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Node file(const std::string& content, std::uint32_t mode = 0644) {
  Node node;
  node.meta.mode = mode;
  node.content = sha256(content);
  node.size = content.size();
  return node;
}
Node directory(std::uint32_t mode = 0755) {
  Node node;
  node.kind = NodeKind::kDirectory;
  node.meta.mode = mode;
  return node;
}
Node symlink(const std::string& target) {
  Node node;
  node.kind = NodeKind::kSymlink;
  node.meta.mode = 0777;
  node.target = target;
  return node;
}

ResourceSpec spec(ResourceKind kind, const std::string& name, std::vector<std::string> paths) {
  ResourceSpec result;
  result.kind = kind;
  result.name = name;
  result.paths = std::move(paths);
  result.where = "agent.yaml:7";
  return result;
}

UnitState unit(const std::string& name, bool active, std::vector<std::string> uses = {}) {
  return {name, active, "enabled", "/etc/systemd/system/" + name, std::move(uses)};
}

// A shop: its unit, its binary, its files, and nginx in front of it.
class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    specs_ = {spec(ResourceKind::kNginx, "nginx", {"/etc/nginx"}),
              spec(ResourceKind::kSystemd, "shop.service", {}),
              spec(ResourceKind::kBinary, "shop", {"/opt/shop/bin"}),
              spec(ResourceKind::kFiles, "shop-etc", {"/etc/shop"})};
    specs_[3].restart_on = {"shop.service"};
    for (auto* state : {&live_, &target_}) {
      add(*state, ResourceKind::kNginx, "nginx", {"/etc/nginx"}, {unit("nginx.service", true)});
      add(*state, ResourceKind::kSystemd, "shop.service",
          {"/etc/systemd/system/shop.service", "/etc/systemd/system/shop.service.d",
           "/etc/systemd/system/multi-user.target.wants/shop.service"},
          {unit("other.service", true), unit("shop.service", true, {"/opt/shop/bin/shop"})});
      add(*state, ResourceKind::kBinary, "shop", {"/opt/shop/bin"}, {});
      add(*state, ResourceKind::kFiles, "shop-etc", {"/etc/shop"}, {});
      auto& files = state->manifest;
      files["/etc/nginx"] = files["/opt/shop/bin"] = files["/etc/shop"] = directory();
      files["/etc/systemd/system/shop.service.d"] = directory();
      files["/etc/nginx/nginx.conf"] = file("nginx");
      files["/etc/systemd/system/shop.service"] = file("unit");
      files["/opt/shop/bin/shop"] = file("binary", 0755);
      files["/etc/shop/shop.conf"] = file("conf");
    }
  }

  static void add(HostState& state, ResourceKind kind, const std::string& name,
                  const std::vector<std::string>& paths, std::vector<UnitState> units) {
    ResourceSnapshot resource;
    resource.kind = kind;
    resource.name = name;
    for (const auto& path : paths) resource.paths.push_back({path, std::nullopt});
    resource.units = std::move(units);
    state.snapshot.resources.push_back(std::move(resource));
  }

  Plan plan() const {
    auto made = make_plan({live_, target_, "v2.5.0", "v2.4.1", specs_});
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : Plan{};
  }
  static std::vector<std::string> lines(const Plan& plan) {
    std::vector<std::string> result;
    for (const auto& step : plan.steps)
      result.push_back(std::string(to_string(step.action)) + " " + step.subject);
    return result;
  }
  std::vector<std::string> steps() const { return lines(plan()); }
  static std::string line(StepAction action, const std::string& subject) {
    return std::string(to_string(action)) + " " + subject;
  }
  std::string why(StepAction action, const std::string& subject) const {
    for (const auto& step : plan().steps)
      if (step.action == action && step.subject == subject) return step.why;
    return "(no such step)";
  }
  UnitState& live_unit(std::size_t resource, std::size_t index) {
    return live_.snapshot.resources[resource].units[index];
  }

  HostState live_, target_;
  std::vector<ResourceSpec> specs_;
};

TEST_F(PlanTest, IsEmptyWhenOnlyTimesDiffer) {
  live_.manifest["/etc/shop/shop.conf"].meta.mtime_ns = 5;
  EXPECT_TRUE(plan().empty());
}

TEST_F(PlanTest, ReloadsNginxLastAndRestartsNothingForItsConfiguration) {
  target_.manifest["/etc/nginx/nginx.conf"] = file("old nginx");
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kReplace, "/etc/nginx/nginx.conf"),
                                   line(StepAction::kReloadUnit, "nginx.service")));
  EXPECT_EQ(why(StepAction::kReplace, "/etc/nginx/nginx.conf"), "content differs");
}

TEST_F(PlanTest, BringsProjectsUpBehindUnitsAndBeforeNginx) {
  specs_.push_back(spec(ResourceKind::kCompose, "queue", {"/srv/queue"}));
  for (auto* state : {&live_, &target_}) {
    add(*state, ResourceKind::kCompose, "queue", {"/srv/queue/compose.yaml"}, {});
    state->manifest["/srv/queue/compose.yaml"] = file("project");
  }
  live_.snapshot.resources.back().services = {"cache", "web"};
  target_.snapshot.resources.back().services = {"web", "worker"};
  target_.manifest["/etc/nginx/nginx.conf"] = file("old nginx");
  target_.manifest["/etc/shop/shop.conf"] = file("old conf");
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kStopUnit, "shop.service"),
                                   line(StepAction::kStopProject, "/srv/queue"),
                                   line(StepAction::kReplace, "/etc/nginx/nginx.conf"),
                                   line(StepAction::kReplace, "/etc/shop/shop.conf"),
                                   line(StepAction::kStartUnit, "shop.service"),
                                   line(StepAction::kStartProject, "/srv/queue"),
                                   line(StepAction::kReloadUnit, "nginx.service")));
  EXPECT_EQ(why(StepAction::kStopProject, "/srv/queue"), "v2.4.1 has service cache stopped");
  EXPECT_EQ(why(StepAction::kStartProject, "/srv/queue"),
            "service worker does not run, in v2.4.1 it does");
}

TEST_F(PlanTest, LeavesAProjectAloneThatIsAsItWas) {
  specs_.push_back(spec(ResourceKind::kCompose, "queue", {"/srv/queue"}));
  for (auto* state : {&live_, &target_}) {
    add(*state, ResourceKind::kCompose, "queue", {"/srv/queue/compose.yaml"}, {});
    state->manifest["/srv/queue/compose.yaml"] = file("project");
    state->snapshot.resources.back().services = {"web"};
  }
  EXPECT_TRUE(plan().empty());
  target_.snapshot.resources.back().services.clear();
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kStopProject, "/srv/queue")));
}

TEST_F(PlanTest, RestartsOnlyTheUnitWhoseBinaryChanges) {
  target_.manifest["/opt/shop/bin/shop"] = file("old binary", 0755);
  target_.manifest["/etc/nginx/nginx.conf"] = file("old nginx");
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kStopUnit, "shop.service"),
                                   line(StepAction::kReplace, "/etc/nginx/nginx.conf"),
                                   line(StepAction::kReplace, "/opt/shop/bin/shop"),
                                   line(StepAction::kStartUnit, "shop.service"),
                                   line(StepAction::kReloadUnit, "nginx.service")));
  EXPECT_THAT(why(StepAction::kStopUnit, "shop.service"), HasSubstr("/opt/shop/bin/shop"));
}

TEST_F(PlanTest, RestartsForRestartOn) {
  target_.manifest["/etc/shop/shop.conf"] = file("old conf");
  EXPECT_THAT(why(StepAction::kStartUnit, "shop.service"), HasSubstr("restart_on"));
}

TEST_F(PlanTest, ReloadsSystemdForADropInThatTheTargetDoesNotHave) {
  live_.manifest["/etc/systemd/system/shop.service.d/new.conf"] = file("drop-in");
  EXPECT_THAT(steps(),
              ElementsAre(line(StepAction::kStopUnit, "shop.service"),
                          line(StepAction::kRemove, "/etc/systemd/system/shop.service.d/new.conf"),
                          line(StepAction::kDaemonReload, "systemd"),
                          line(StepAction::kStartUnit, "shop.service")));
}

TEST_F(PlanTest, RestartsNothingForAnEnablementLink) {
  const std::string link = "/etc/systemd/system/multi-user.target.wants/shop.service";
  target_.manifest[link] = symlink("/etc/systemd/system/shop.service");
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kWrite, link),
                                   line(StepAction::kDaemonReload, "systemd")));
}

TEST_F(PlanTest, StartsWhatShouldRunAndStopsWhatShouldNot) {
  live_unit(1, 1).active = false;
  target_.snapshot.resources[1].units[0].active = false;
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kStopUnit, "other.service"),
                                   line(StepAction::kStartUnit, "shop.service")));
}

TEST_F(PlanTest, StartsNginxThatDoesNotRunInsteadOfReloadingIt) {
  live_unit(0, 0).active = false;
  target_.manifest["/etc/nginx/nginx.conf"] = file("old nginx");
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kReplace, "/etc/nginx/nginx.conf"),
                                   line(StepAction::kStartUnit, "nginx.service")));
}

TEST_F(PlanTest, ClearsADirectoryBeforeAFileTakesItsPlace) {
  live_.manifest["/etc/shop/x"] = directory();
  live_.manifest["/etc/shop/x/y"] = file("y");
  target_.manifest["/etc/shop/x"] = file("x");
  specs_[3].restart_on.clear();
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kRemove, "/etc/shop/x/y"),
                                   line(StepAction::kRemoveDirectory, "/etc/shop/x"),
                                   line(StepAction::kWrite, "/etc/shop/x")));
}

TEST_F(PlanTest, RemovesAFileBeforeADirectoryTakesItsPlace) {
  live_.manifest["/etc/shop/x"] = file("x");
  target_.manifest["/etc/shop/x"] = directory();
  target_.manifest["/etc/shop/x/y"] = file("y");
  specs_[3].restart_on.clear();
  EXPECT_THAT(steps(), ElementsAre(line(StepAction::kRemove, "/etc/shop/x"),
                                   line(StepAction::kMakeDirectory, "/etc/shop/x"),
                                   line(StepAction::kWrite, "/etc/shop/x/y")));
}

TEST_F(PlanTest, NamesAModeThatDiffers) {
  live_.manifest["/etc/shop/shop.conf"].meta.mode = 0600;
  EXPECT_EQ(why(StepAction::kReplace, "/etc/shop/shop.conf"), "mode 0600 -> 0644 differs");
}

TEST_F(PlanTest, WritesAllNamesOfAHardLinkAnew) {
  for (auto* state : {&live_, &target_})
    for (const char* name : {"/etc/shop/l1", "/etc/shop/l2"}) state->manifest[name] = file("link");
  target_.snapshot.hard_links = {{"/etc/shop/l1", "/etc/shop/l2"}};
  EXPECT_EQ(why(StepAction::kReplace, "/etc/shop/l1"), "its hard links differ");
  EXPECT_EQ(why(StepAction::kReplace, "/etc/shop/l2"), "its hard links differ");
}

TEST_F(PlanTest, LeavesAResourceAloneThatTheReleaseDoesNotHave) {
  target_.snapshot.resources.pop_back();
  target_.manifest.erase("/etc/shop");
  target_.manifest.erase("/etc/shop/shop.conf");
  EXPECT_THAT(steps(), IsEmpty());
  EXPECT_THAT(plan().warnings, ElementsAre(HasSubstr("files/shop-etc")));
}

TEST_F(PlanTest, RefusesAPathOutsideTheConfiguredOnes) {
  target_.snapshot.resources[3].paths.push_back({"/etc/passwd", file("root")});
  const auto made = make_plan({live_, target_, "", "v2.4.1", specs_});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(made.error().message, HasSubstr("/etc/passwd"));
  EXPECT_THAT(made.error().message, HasSubstr("agent.yaml:7"));
}

TEST_F(PlanTest, ListsRemovalsThatNoReleaseRecorded) {
  live_.manifest["/etc/shop/known"] = file("1");
  live_.manifest["/etc/shop/unknown"] = file("2");
  EXPECT_THAT(unrecorded_removals(plan(), {"/etc/shop/known"}), ElementsAre("/etc/shop/unknown"));
}

}  // namespace
}  // namespace rollback
