// SPDX-License-Identifier: Apache-2.0
// Compose projects in whole runs: brought up with the files of the target, and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/apply/deploy.h"
#include "agent/apply/recovery.h"
#include "tests/agent/apply/engine_fixture.h"
#include "tests/agent/apply/fake_docker.h"
#include "tests/support/fake_scopes.h"

namespace rollback {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kUp =
    "/usr/bin/docker compose --project-directory /srv/queue -f /srv/queue/compose.yaml -p queue "
    "up -d --remove-orphans --no-build --pull never ";

// v3.0.0 ran web and worker of queue:3; v4.0.0, which is live, runs web and cache of queue:4.
class ProjectsTest : public RollbackTest {
 protected:
  ProjectsTest() {
    host_.write("usr/bin/docker", "");
    host_.write("usr/libexec/docker/cli-plugins/docker-compose", "");
    programs_.acts = [this](const ProgramRequest& request) { return docker_.run(request); };
    docker_.images = {"queue:3", "queue:4"};
    ResourceSpec spec;
    spec.kind = ResourceKind::kCompose;
    spec.name = "queue";
    spec.paths = {"/srv/queue"};
    spec.where = "agent.yaml:2";
    options_.resources.push_back(spec);
    for (auto& resource : make_resources({spec}, {root_, services_, programs_}))
      resources_.push_back(std::move(resource));
    deploy("queue:3", {"web", "worker"});
    snapshot("v3.0.0");
    deploy("queue:4", {"cache", "web"});
    snapshot("v4.0.0");
    restart_agent();
  }
  // What only asks may be asked twice; these may not.
  void TearDown() override {
    EXPECT_THAT(programs_.changed, ::testing::IsSupersetOf(docker_.calls));
  }
  void deploy(const std::string& image, const std::vector<std::string>& services) {
    std::string text = "services:\n";
    docker_.containers.clear();
    for (const auto& service : services) {
      text += "  " + service + ":\n    image: " + image + "\n";
      docker_.containers[service] = "running";
    }
    host_.write("srv/queue/compose.yaml", text);
  }
  RunRecord rolled_back(const std::string& to) { return roll_back(to).value(); }
  [[nodiscard]] std::string running() const {
    std::string names;
    for (const auto& [service, state] : docker_.containers)
      if (state == "running") names += service + " ";
    return names;
  }
  void expect_four() {
    EXPECT_EQ(running(), "cache web ");
    EXPECT_THAT(host_.read("srv/queue/compose.yaml"), HasSubstr("queue:4"));
  }
  void expect_refused(const std::string& to, const std::string& why) {
    const auto prepared = engine_->prepare(order(to), watcher_);
    ASSERT_FALSE(prepared);
    EXPECT_EQ(exit_code_of(prepared.error()), ExitCode::kRefused);
    EXPECT_THAT(prepared.error().message, HasSubstr(why));
    EXPECT_THAT(docker_.calls, ElementsAre());
    expect_four();
    expect_clean();
  }

  FakeDocker docker_{host_};
};

TEST_F(ProjectsTest, AreBroughtUpWithTheFilesOfTheTarget) {
  const auto record = rolled_back("v3.0.0");
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(record.findings, ElementsAre());
  EXPECT_THAT(docker_.calls,
              ElementsAre("/usr/bin/docker stop id-cache", std::string(kUp) + "web worker"));
  EXPECT_EQ(running(), "web worker ");
  EXPECT_THAT(services_.calls, ElementsAre());
  expect_clean();
}

TEST_F(ProjectsTest, AreStepsOfThePlan) {
  std::vector<std::string> steps;
  const auto planned = engine_->plan("v3.0.0").value();
  for (const auto& step : planned.plan.steps)
    steps.push_back(fmt::format("{} {} {}: {}", to_string(step.phase), to_string(step.action),
                                step.subject, step.why));
  EXPECT_THAT(steps,
              ElementsAre("quiesce compose-stop /srv/queue: v3.0.0 has service cache stopped",
                          "commit replace /srv/queue/compose.yaml: content differs",
                          "activate compose-up /srv/queue: its /srv/queue/compose.yaml "
                          "changes"));
}

TEST_F(ProjectsTest, CanBeUndone) {
  const auto record = rolled_back("v3.0.0");
  EXPECT_EQ(rolled_back("run:" + record.id.str()).outcome, RunOutcome::kSucceeded);
  expect_four();
}

TEST_F(ProjectsTest, OfDockerComposeAreBroughtUpWithout) {
  std::filesystem::remove(host_.path() / "usr/libexec/docker/cli-plugins/docker-compose");
  host_.write("usr/bin/docker-compose", "");
  EXPECT_EQ(rolled_back("v3.0.0").outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(docker_.calls.back(),
            "/usr/bin/docker-compose --project-directory /srv/queue -f /srv/queue/compose.yaml -p "
            "queue up -d --remove-orphans --no-build web worker");
}

TEST_F(ProjectsTest, ThatWereDownEndDown) {
  for (auto& [service, state] : docker_.containers) state = "exited";
  snapshot("v5.0.0");
  for (auto& [service, state] : docker_.containers) state = "running";
  EXPECT_EQ(rolled_back("v5.0.0").outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(docker_.calls, ElementsAre("/usr/bin/docker stop id-cache id-web"));
  EXPECT_EQ(running(), "");
  EXPECT_EQ(docker_.containers.size(), 2U);  // stopped, not removed
}

// Compose starts what a service depends on; what did not run with the release shall not.
TEST_F(ProjectsTest, DoNotRunWhatWasOnlyStartedWithOthers) {
  docker_.needed = {"worker"};
  docker_.containers["worker"] = "exited";
  docker_.containers["cache"] = "exited";
  const auto record = rolled_back("v4.0.0");
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(docker_.calls,
              ElementsAre(std::string(kUp) + "cache web", "/usr/bin/docker stop id-worker"));
  expect_four();
}

TEST_F(ProjectsTest, WithAServiceThatTheirFilesDoNotNameAreRefused) {
  deploy("queue:4", {"cache"});
  docker_.containers["web"] = "running";  // of files before these
  snapshot("v5.0.0");
  deploy("queue:4", {"cache", "web"});
  expect_refused("v5.0.0", "its compose files in /srv/queue do not name it");
}

TEST_F(ProjectsTest, ThatADeployDoesNotBringUpTakeItBack) {
  FakeScopes scopes;
  DeployEngine deploys(deps(), live(), *engine_, scopes);
  DeployOrder deploy_order{
      RunId::make(random_),    *ReleaseLabel::parse("v5.0.0"), "", "root", "", 77,
      std::chrono::minutes(10)};
  ASSERT_TRUE(deploys.begin(deploy_order, watcher_));
  docker_.containers["web"] = "restarting";
  scopes.scopes.clear();
  const auto record = deploys.end({}, watcher_);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_NE(record->outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(record->findings, Contains(HasSubstr("service web of /srv/queue is restarting")));
}

TEST_F(ProjectsTest, OfWhichAServiceIsMissingAreBroughtUp) {
  docker_.containers["cache"] = "exited";
  EXPECT_EQ(rolled_back("v4.0.0").outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(docker_.calls, ElementsAre(std::string(kUp) + "cache web"));
  expect_four();
}

TEST_F(ProjectsTest, ThatDoNotComeUpAreTakenBack) {
  host_.write("srv/queue/compose.yaml", "services:\n  web:\n    image: queue:3  # crashes\n");
  docker_.containers = {{"web", "running"}};
  snapshot("v5.0.0");
  deploy("queue:4", {"cache", "web"});
  docker_.images.insert("queue:3  # crashes");
  const auto record = rolled_back("v5.0.0");
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_THAT(record.findings, Contains("service web of /srv/queue is restarting: since a while"));
  EXPECT_EQ(docker_.calls.back(), std::string(kUp) + "cache web");
  expect_four();
}

TEST_F(ProjectsTest, WithoutAnEngineThatAnswersAreRefused) {
  docker_.is_dead = true;
  const auto prepared = engine_->prepare(order("v3.0.0"), watcher_);
  docker_.is_dead = false;
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().message,
            "compose/queue (agent.yaml:2): the containers of /srv/queue are not known, because "
            "/usr/bin/docker does not answer: "
            "Cannot connect to the Docker daemon");
  EXPECT_EQ(exit_code_of(prepared.error()), ExitCode::kRefused);
  expect_four();
  expect_clean();
}

TEST_F(ProjectsTest, ThatComposeDoesNotUnderstandAreRefused) {
  host_.write("srv/queue/compose.yaml", "broken");
  docker_.containers = {{"web", "running"}};
  snapshot("v5.0.0");
  deploy("queue:4", {"cache", "web"});
  expect_refused("v5.0.0",
                 "compose config of /srv/queue: yaml: line 1: broken in /srv/queue/compose.yaml");
}

TEST_F(ProjectsTest, WhoseImageIsNotHereAreRefused) {
  docker_.images = {"queue:4"};
  expect_refused("v3.0.0",
                 "the image queue:3 of service web of /srv/queue is not on this host; pull, build "
                 "or load it first");
}

TEST_F(ProjectsTest, WhoseImageIsATagAreWarnedOf) {
  ASSERT_TRUE(engine_->prepare(order("v3.0.0"), watcher_));
  EXPECT_THAT(watcher_.events, Contains(Field(&RunEvent::text,
                                              "the image queue:3 of service web is named by a tag, "
                                              "which may have moved since")));
}

TEST_F(ProjectsTest, ThatHangAreCancelledAndTakenBack) {
  docker_.hangs = true;
  docker_.calls.clear();
  const auto record = rolled_back("v3.0.0");
  EXPECT_EQ(record.outcome, RunOutcome::kInconsistent);  // the origin hangs, too
  EXPECT_THAT(record.findings, Contains(HasSubstr("bring /srv/queue up: killed")));
  EXPECT_THAT(record.findings,
              Contains(HasSubstr("/srv/queue runs web, before the run it ran cache, web")));
  EXPECT_THAT(host_.read("srv/queue/compose.yaml"), HasSubstr("queue:4"));
}

TEST_F(ProjectsTest, WhoseEngineDiesMeanwhileLeaveAFinding) {
  docker_.on_up = [this] { docker_.is_dead = true; };
  const auto record = rolled_back("v3.0.0");
  EXPECT_EQ(record.outcome, RunOutcome::kInconsistent);
  EXPECT_THAT(record.findings, Contains(HasSubstr("error during connect: EOF")));
  EXPECT_THAT(record.findings, Contains(HasSubstr("Cannot connect to the Docker daemon")));
  EXPECT_THAT(host_.read("srv/queue/compose.yaml"), HasSubstr("queue:4"));
}

TEST_F(ProjectsTest, AreDrainedFor) {
  options_.hooks = {{{"/bin/lb", "drain"}}, {{"/bin/lb", "readmit"}}};
  programs_.acts = [this](const ProgramRequest& request) -> std::optional<Result<ProgramOutcome>> {
    if (request.argv[0] != "/bin/lb") return docker_.run(request);
    docker_.calls.push_back(command_text(request.argv));
    return ProgramOutcome{};
  };
  restart_agent();
  EXPECT_EQ(rolled_back("v3.0.0").outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(docker_.calls.front(), "/bin/lb drain");
  EXPECT_EQ(docker_.calls.back(), "/bin/lb readmit");
  EXPECT_EQ(docker_.calls.size(), 4U);
}

TEST_F(ProjectsTest, OfAHostWithoutAnEngineAreTheirFiles) {
  std::filesystem::remove_all(host_.path() / "usr");
  snapshot("v5.0.0");
  host_.write("srv/queue/.env", "A=1");
  EXPECT_EQ(rolled_back("v5.0.0").outcome, RunOutcome::kSucceeded);
  EXPECT_FALSE(std::filesystem::exists(host_.path() / "srv/queue/.env"));
  EXPECT_THAT(docker_.calls, ElementsAre());
  expect_refused("v3.0.0", "compose/queue ran with this release, and this host has no docker");
}

class ProjectsCrash : public ProjectsTest, public ::testing::WithParamInterface<RunPhase> {};

TEST_P(ProjectsCrash, EndsWithTheServicesOfBefore) {
  watcher_.crash_at = GetParam();
  EXPECT_THROW((void)roll_back("v3.0.0"), std::runtime_error);
  watcher_.crash_at.reset();
  restart_agent();
  ASSERT_TRUE(recover_files(LiveFiles(root_), state_));
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kRestored);
  expect_four();
  expect_clean();
}

INSTANTIATE_TEST_SUITE_P(AtEachPhase, ProjectsCrash,
                         ::testing::Values(RunPhase::kQuiescing, RunPhase::kCommitting,
                                           RunPhase::kActivating, RunPhase::kGating,
                                           RunPhase::kVerifying));

}  // namespace
}  // namespace rollback
