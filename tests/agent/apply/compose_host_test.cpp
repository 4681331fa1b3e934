// SPDX-License-Identifier: Apache-2.0
// Whole runs with a real container engine, docker-compose and systemd. The host's root is still a
// directory; what it manages is shown to compose by links.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "agent/platform/transient_unit.h"
#include "agent/resources/compose_engine.h"
#include "core/process.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kProject = "/srv/queue";
constexpr const char* kDrained = "/run/rollback-test-drained";
constexpr const char* kSleep = "sleep\", \"100000";

// v3.0.0 ran web and worker of queue:3; v4.0.0, which is live, runs cache and web of queue:4.
class ComposeHostTest : public RollbackTest {
 protected:
  void SetUp() override {
    if (!fs::exists("/run/systemd/system") || !fs::exists("/usr/bin/docker-compose"))
      GTEST_SKIP() << "no systemd with docker here; tests/fleet/compose_host_test.py has one";
    host_.write("usr/bin/docker", "");
    host_.write("usr/bin/docker-compose", "");
    fs::create_directories(host_.path() / "srv/queue");
    fs::create_directory_symlink(host_.path() / "srv/queue", kProject);
    fs::create_directory_symlink(host_.path() / ".rollback", "/.rollback");
    programs_.acts = [this](const ProgramRequest& request) {
      return std::optional<Result<ProgramOutcome>>(runner_.run(request));
    };
    programs_.makes = [this](const ProgramRequest& request) { return runner_.change(request); };
    make_image("queue:3");
    make_image("queue:4");
    ResourceSpec spec;
    spec.kind = ResourceKind::kCompose;
    spec.name = "queue";
    spec.paths = {kProject};
    spec.where = "agent.yaml:2";
    options_.resources.push_back(spec);
    for (auto& resource : make_resources({spec}, {root_, services_, programs_}))
      resources_.push_back(std::move(resource));
    // mkdir and rmdir fail when they come twice.
    options_.hooks = {{{"/bin/mkdir", kDrained}}, {{"/bin/rmdir", kDrained}}};
    deploy("3", {"web", "worker"});
    snapshot("v3.0.0");
    deploy("4", {"cache", "web"});
    snapshot("v4.0.0");
    restart_agent();
  }
  void TearDown() override {
    if (resources_.size() < 2) return;
    for (const auto& container : containers()) must({"/usr/bin/docker", "rm", "-f", container.id});
    fs::remove(kProject);
    fs::remove("/.rollback");
    fs::remove_all(kDrained);
  }

  static std::string must(const std::vector<std::string>& argv) {
    const auto done = run_process({argv, std::chrono::seconds(60)});
    if (!done || done->exit_code != 0)
      throw std::runtime_error(argv.front() + " " + argv[1] + ": " +
                               (done ? done->output : done.error().message));
    return done->output;
  }
  // Of a program without libraries.
  static void make_image(const std::string& name) {
    fs::create_directories("/run/rollback-test-image/bin");
    fs::copy_file("/bin/busybox", "/run/rollback-test-image/bin/busybox",
                  fs::copy_options::skip_existing);
    must({"/bin/tar", "-C", "/run/rollback-test-image", "-cf", "/run/rollback-test.tar", "."});
    must({"/usr/bin/docker", "import", "/run/rollback-test.tar", name});
  }
  void write_project(const std::string& tag, const std::vector<std::string>& services,
                     const std::string& command = kSleep) {
    std::string text = "services:\n";
    for (const auto& service : services)
      text += "  " + service +
              ":\n    image: queue:${TAG}\n    network_mode: none\n    stop_grace_period: 0s\n"
              "    command: [\"/bin/busybox\", \"" +
              command + "\"]\n";
    host_.write("srv/queue/compose.yaml", text);
    host_.write("srv/queue/.env", "TAG=" + tag + "\n");
  }
  void deploy(const std::string& tag, const std::vector<std::string>& services) {
    write_project(tag, services);
    must({"/usr/bin/docker-compose", "--project-directory", kProject, "-f",
          std::string(kProject) + "/compose.yaml", "up", "-d", "--remove-orphans"});
  }

  std::vector<ProjectContainer> containers() {
    auto found = ComposeEngine(root_, programs_).containers(kProject);
    if (!found) throw std::runtime_error(found.error().message);
    return *std::move(found);
  }
  // "web queue:4"
  std::vector<std::string> running() {
    std::vector<std::string> lines;
    for (const auto& container : containers())
      if (container.state == "running")
        lines.push_back(
            container.service + " " +
            must({"/usr/bin/docker", "inspect", "--format", "{{.Config.Image}}", container.id}));
    for (auto& line : lines) line.pop_back();  // the newline
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  void expect_four() {
    EXPECT_EQ(host_.read("srv/queue/.env"), "TAG=4\n");
    EXPECT_THAT(running(), ElementsAre("cache queue:4", "web queue:4"));
    EXPECT_FALSE(fs::exists(kDrained));
    expect_clean();
  }
  void expect_refused(const std::string& to, const std::string& why) {
    const auto prepared = engine_->prepare(order(to), watcher_);
    ASSERT_FALSE(prepared);
    EXPECT_EQ(exit_code_of(prepared.error()), ExitCode::kRefused);
    EXPECT_THAT(prepared.error().message, HasSubstr(why));
  }

  SystemClock system_clock_;
  SystemRandom system_random_;
  TransientUnitRunner runner_{system_clock_, system_random_};
};

TEST_F(ComposeHostTest, GoesBackAndForthWithItsRelease) {
  const auto record = roll_back("v3.0.0").value();
  EXPECT_EQ(record.exit_code, 0);
  EXPECT_THAT(record.findings, ElementsAre());
  EXPECT_THAT(running(), ElementsAre("web queue:3", "worker queue:3"));
  EXPECT_FALSE(fs::exists(kDrained));
  const auto undone = roll_back("run:" + record.id.str()).value();
  EXPECT_EQ(undone.exit_code, 0);
  EXPECT_THAT(undone.findings, ElementsAre());
  expect_four();
}

TEST_F(ComposeHostTest, ThatWasDownEndsDown) {
  for (const auto& container : containers()) must({"/usr/bin/docker", "stop", container.id});
  snapshot("v5.0.0");
  deploy("4", {"cache", "web"});
  EXPECT_EQ(roll_back("v5.0.0").value().exit_code, 0);
  EXPECT_THAT(running(), ElementsAre());
  EXPECT_EQ(containers().size(), 2U);
}

TEST_F(ComposeHostTest, ThatDoesNotStartIsTakenBack) {
  write_project("4", {"cache"});
  host_.write("srv/queue/compose.yaml", host_.read("srv/queue/compose.yaml") +
                                            "  web:\n    image: queue:4\n    network_mode: none\n"
                                            "    command: [\"/bin/nothing\"]\n");
  snapshot("v5.0.0");
  write_project("4", {"cache", "web"});
  const auto record = roll_back("v5.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_THAT(record.findings, Contains(HasSubstr("bring /srv/queue up: ")));
  expect_four();
}

TEST_F(ComposeHostTest, ThatCouldNotComeUpIsRefused) {
  write_project("4", {"cache", "web"});
  host_.write("srv/queue/compose.yaml", host_.read("srv/queue/compose.yaml") + "  nonsense: [\n");
  snapshot("v5.0.0");
  write_project("4", {"cache", "web"});
  expect_refused("v5.0.0", "compose config of /srv/queue: ");
  must({"/usr/bin/docker", "rmi", "-f", "queue:3"});
  expect_refused("v3.0.0", "the image queue:3 of service web of /srv/queue is not on this host");
  expect_four();
}

TEST_F(ComposeHostTest, WithoutAnEngineThatAnswersIsRefused) {
  must({"/bin/systemctl", "stop", "docker.socket", "docker.service"});
  expect_refused("v3.0.0", "Cannot connect to the Docker daemon");
  must({"/bin/systemctl", "start", "docker.socket", "docker.service"});
}

TEST_F(ComposeHostTest, OfAnEngineThatHangsIsCancelled) {
  must({"/bin/systemctl", "kill", "-s", "STOP", "docker.service"});
  const auto up = ComposeEngine(root_, programs_)
                      .up(kProject, "queue", {"cache", "web"}, std::chrono::seconds(2));
  must({"/bin/systemctl", "kill", "-s", "CONT", "docker.service"});
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, ErrorCode::kTimeout);
  expect_four();
}

}  // namespace
}  // namespace rollback
