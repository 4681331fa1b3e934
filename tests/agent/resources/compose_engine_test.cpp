// SPDX-License-Identifier: Apache-2.0
// What the container engine of a host is asked, and how its answers are understood.
#include "agent/resources/compose_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/resources/test_host.h"

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

ProjectContainer container(const std::string& service, const std::string& state,
                           const std::string& status = "") {
  return {"id", "queue", service, state, status};
}

class ComposeEngineTest : public ::testing::Test {
 protected:
  ComposeEngine engine() { return {host_.root, host_.programs}; }
  std::vector<std::string> up_argv() {
    EXPECT_TRUE(engine().up("/srv/queue", "", {"web"}, std::chrono::seconds(9)));
    return host_.programs.changes.back().argv;
  }
  TestHost host_;
};

TEST_F(ComposeEngineTest, IsAskedForNothingWhereNoneIsInstalled) {
  const auto containers = engine().containers("/srv/queue");
  ASSERT_TRUE(containers);
  EXPECT_THAT(*containers, IsEmpty());
  EXPECT_THAT(host_.programs.requests, IsEmpty());
}

TEST_F(ComposeEngineTest, ListsTheContainersOfAProject) {
  host_.files.write("usr/bin/docker", "");
  host_.programs.outcome = {0,
                            "WARNING: $HOME is not defined\n"
                            "a1\tqueue\tweb\tFalse\trunning\tUp 3 seconds (healthy)\n"
                            "a2\tqueue\tweb\tTrue\trunning\tUp 3 seconds\n"
                            "a3\tqueue\tcache\t\texited\tExited (1) 2 minutes ago\n",
                            false};
  const auto containers = engine().containers("/srv/queue");
  ASSERT_TRUE(containers) << containers.error().message;
  ASSERT_EQ(containers->size(), 2U);
  EXPECT_EQ(containers->front().id, "a1");
  EXPECT_TRUE(containers->front().is_up());
  EXPECT_THAT(running_services(*containers), ElementsAre("web"));
  EXPECT_THAT(host_.programs.requests.back().argv,
              ::testing::Contains("label=com.docker.compose.project.working_dir=/srv/queue"));
}

TEST_F(ComposeEngineTest, OfThePluginFindsItsFilesAsItDoes) {
  host_.files.write("usr/bin/docker", "");
  host_.files.write("usr/lib/docker/cli-plugins/docker-compose", "");
  for (const auto* const file :
       {"compose.yml", "docker-compose.yml", "docker-compose.override.yaml"})
    host_.files.write(std::string("srv/queue/") + file, "");
  EXPECT_THAT(up_argv(),
              ElementsAre("/usr/bin/docker", "compose", "--project-directory", "/srv/queue", "-f",
                          "/srv/queue/compose.yml", "-f", "/srv/queue/docker-compose.override.yaml",
                          "up", "-d", "--remove-orphans", "--no-build", "--pull", "never", "web"));
  EXPECT_EQ(host_.programs.changes.back().deadline, std::chrono::seconds(9));
}

TEST_F(ComposeEngineTest, OfTheFirstGenerationPrefersTheOlderNames) {
  host_.files.write("usr/local/bin/docker", "");
  host_.files.write("usr/bin/docker-compose", "");
  for (const auto* const file : {"compose.yml", "docker-compose.yml"})
    host_.files.write(std::string("srv/queue/") + file, "");
  EXPECT_THAT(up_argv(), ElementsAre("/usr/bin/docker-compose", "--project-directory", "/srv/queue",
                                     "-f", "/srv/queue/docker-compose.yml", "up", "-d",
                                     "--remove-orphans", "--no-build", "web"));
}

TEST_F(ComposeEngineTest, WithoutComposeCannotBringUp) {
  host_.files.write("usr/bin/docker", "");
  const auto up = engine().up("/srv/queue", "", {"web"}, std::chrono::seconds(9));
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().message,
            "bring /srv/queue up: this host has no compose: install docker's compose plugin or "
            "docker-compose");
}

TEST(WhyDown, NamesWhatIsNotUp) {
  const std::vector<std::string> services = {"cache", "db", "queue", "web", "worker"};
  EXPECT_THAT(why_down("/srv/q",
                       {container("cache", "running", "Up 1 second (health: starting)"),
                        container("db", "running", "Up 1 second (unhealthy)"),
                        container("queue", "exited", "Exited (1)"), container("web", "exited"),
                        container("web", "running", "Up 1 second"), container("other", "exited")},
                       services),
              ElementsAre("service cache of /srv/q is running: Up 1 second (health: starting)",
                          "service db of /srv/q is running: Up 1 second (unhealthy)",
                          "service queue of /srv/q is exited: Exited (1)",
                          "service worker of /srv/q has no container"));
}

TEST(WhyDown, OneContainerOfManyIsEnoughToNameTheService) {
  EXPECT_EQ(why_down("/srv/q",
                     {container("web", "running"), container("web", "restarting"),
                      container("web", "running")},
                     {"web"})
                .size(),
            1U);
}

TEST(ComposeConfig, HasTheImagesOfItsServices) {
  EXPECT_THAT(images_in("name: queue\n"
                        "services:\n"
                        "  web:\n"
                        "    environment:\n"
                        "      image: no\n"
                        "    image: queue:1\n"
                        "  built:\n"
                        "    build:\n"
                        "      context: .\n"
                        "  pinned:\n"
                        "    image: 'r/queue@sha256:ab'\n"
                        "volumes:\n"
                        "  image: {}\n"),
              UnorderedElementsAre(Pair("built", ""), Pair("pinned", "r/queue@sha256:ab"),
                                   Pair("web", "queue:1")));
}

}  // namespace
}  // namespace rollback
