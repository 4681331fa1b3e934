// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "agent/resources/compose_env.h"
#include "agent/resources/nginx_graph.h"
#include "agent/resources/nginx_tokens.h"
#include "tests/agent/resources/test_host.h"

namespace rollback {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::vector<std::string>>;

Words words_of(std::string_view text) {
  Words words;
  for (const auto& directive : parse_nginx(text)) words.push_back(directive.words);
  return words;
}

TEST(NginxTokens, UndoQuotesCommentsAndBlocks) {
  EXPECT_EQ(words_of("user www; # include /a;\nhttp { include \"a b\\\".conf\"; }"),
            (Words{{"user", "www"}, {"http"}, {"include", "a b\".conf"}}));
  EXPECT_EQ(words_of("set $x ${host}x; location ~ ^/\\.well { root '/srv;{'; }"),
            (Words{{"set", "$x", "${host}x"}, {"location", "~", "^/\\.well"}, {"root", "/srv;{"}}));
  EXPECT_EQ(words_of("include a#b.conf;"), (Words{{"include", "a#b.conf"}}));
}

TEST(NginxTokens, SkipForeignCodeAndSurviveRubbish) {
  EXPECT_EQ(words_of("content_by_lua_block { if a then { include x; } } include y;"),
            (Words{{"content_by_lua_block"}, {"include", "y"}}));
  EXPECT_EQ(words_of("include a; include \"b"), (Words{{"include", "a"}}));
  EXPECT_EQ(words_of("}}} include a; {{"), (Words{{"include", "a"}}));
  EXPECT_EQ(words_of("listen 80 }"), (Words{}));
}

std::vector<std::string> references(TestHost& host) {
  const auto found = nginx_references(host.root, "/etc/nginx");
  EXPECT_TRUE(found) << found.error().message;
  return found ? *found : std::vector<std::string>{};
}

TEST(NginxReferences, AreFilesOutsideThePrefixThatExist) {
  TestHost host;
  host.files.write("etc/nginx/nginx.conf",
                   "http { include conf.d/*.conf; include /srv/sites/*.conf; include /no/such; }");
  host.files.write("etc/nginx/conf.d/tls.conf",
                   "ssl_certificate /srv/tls/a.pem; ssl_certificate_key \"/srv/tls/a.key\";\n"
                   "ssl_certificate /srv/tls/$ssl_server_name.pem; ssl_dhparam dh.pem;");
  host.files.write("etc/nginx/conf.d/.hidden.conf", "ssl_crl /srv/tls/hidden.crl;");
  host.files.write("etc/nginx/dh.pem", "");
  host.files.write("srv/sites/shop.conf", "auth_basic_user_file /srv/tls/users;");
  for (const auto* name : {"a.pem", "a.key", "users", "hidden.crl"})
    host.files.write(std::string("srv/tls/") + name, "");
  EXPECT_THAT(references(host), ElementsAre("/srv/sites/shop.conf", "/srv/tls/a.key",
                                            "/srv/tls/a.pem", "/srv/tls/users"));
}

TEST(NginxReferences, FollowLinksButNotIntoPackages) {
  TestHost host;
  host.files.write("etc/nginx/nginx.conf",
                   "include modules-enabled/*.conf; include sites-enabled/*; include sites/l;");
  host.files.write("usr/share/nginx/mod.conf", "ssl_certificate /srv/never.pem;");
  host.files.write("srv/never.pem", "");
  host.files.write("srv/site", "include /srv/more;");
  host.files.write("srv/more.real", "");
  std::filesystem::create_directories(host.real("/etc/nginx/modules-enabled"));
  std::filesystem::create_directories(host.real("/etc/nginx/sites-enabled"));
  std::filesystem::create_symlink("/usr/share/nginx/mod.conf",
                                  host.real("/etc/nginx/modules-enabled/50-mod.conf"));
  std::filesystem::create_symlink("../../../srv/site", host.real("/etc/nginx/sites-enabled/shop"));
  std::filesystem::create_symlink("more.real", host.real("/srv/more"));
  // What a package's file refers to is still a file of this host.
  EXPECT_THAT(references(host),
              ElementsAre("/srv/more", "/srv/more.real", "/srv/never.pem", "/srv/site"));
}

TEST(NginxReferences, EndWhenIncludesGoRound) {
  TestHost host;
  host.files.write("etc/nginx/nginx.conf", "include /srv/a; include nginx.conf; include loop;");
  host.files.write("srv/a", "include /srv/b;");
  host.files.write("srv/b", "include /srv/a;");
  std::filesystem::create_symlink("loop", host.real("/etc/nginx/loop"));
  EXPECT_THAT(references(host), ElementsAre("/srv/a", "/srv/b"));
}

TEST(NginxReferences, LeaveOutWhatMayNotBeManaged) {
  TestHost host;
  host.files.write("etc/nginx/nginx.conf",
                   "include /run/x.conf; include /etc/rollback/agent.yaml;");
  host.files.write("run/x.conf", "");
  host.files.write("etc/rollback/agent.yaml", "");
  EXPECT_THAT(references(host), IsEmpty());
}

TEST(NginxReferences, OfRealConfigurationsStayInThePrefix) {
  const std::filesystem::path corpus = ROLLBACK_CORPUS "/nginx-h5bp";
  if (!std::filesystem::exists(corpus)) GTEST_SKIP() << corpus << " is not there";
  for (const auto* version : {"3.3.0", "4.0.0", "5.0.1"}) {
    TestHost host;
    std::filesystem::create_directories(host.real("/etc"));
    std::filesystem::copy(corpus / version, host.real("/etc/nginx"),
                          std::filesystem::copy_options::recursive);
    EXPECT_THAT(references(host), IsEmpty()) << version;
    // All of it was read: a certificate's directive at the far end of the includes shows.
    std::filesystem::create_directories(host.real("/srv"));
    host.files.write("srv/found.crt", "");
    host.files.write("etc/nginx/conf.d/zz.conf", "ssl_certificate /srv/found.crt;");
    EXPECT_THAT(references(host), ElementsAre("/srv/found.crt")) << version;
  }
}

TEST(NginxResource, TurnsTheRefusalOfItsProgramIntoComplaints) {
  TestHost host;
  host.add(ResourceKind::kNginx, "nginx", {"/etc/nginx"});
  host.programs.outcome = {1,
                           "nginx: [emerg] unknown directive \"foo\" in /etc/nginx/nginx.conf:3\n"
                           "nginx: configuration file /etc/nginx/nginx.conf test failed\n",
                           false};
  const auto resources = make_resources(host.specs, host.platform());
  const auto complaints = resources[0]->validate({}, {{"/preview/nginx", "/etc/nginx"}});
  ASSERT_TRUE(complaints);
  ASSERT_EQ(complaints->size(), 1U);
  EXPECT_EQ((*complaints)[0].text,
            "nginx -t: unknown directive \"foo\" in /etc/nginx/nginx.conf:3");
  const auto& request = host.programs.requests.at(0);
  EXPECT_THAT(request.argv, ElementsAre("/usr/sbin/nginx", "-t"));
  EXPECT_THAT(request.read_only_binds, ElementsAre(testing::Pair("/preview/nginx", "/etc/nginx")));
  EXPECT_THAT(request.temporary_file_systems,
              ElementsAre("/run", "/var/log/nginx", "/var/lib/nginx"));
}

TEST(SystemdResource, OwnsFragmentDropInsAndLinks) {
  TestHost host;
  host.add(ResourceKind::kSystemd, "shop.service", {}).units = {"shop.service"};
  host.services.units["shop.service"] = {};
  host.services.units["shop.service"].active_state = "active";
  host.services.units["shop.service"].unit_file_state = "enabled";
  const std::string base = "/etc/systemd/system";
  host.files.write("etc/systemd/system/shop.service", "");
  host.files.write("etc/systemd/system/other.service", "");
  std::filesystem::create_directories(host.real(base + "/multi-user.target.wants"));
  std::filesystem::create_symlink(base + "/shop.service",
                                  host.real(base + "/multi-user.target.wants/shop.service"));
  std::filesystem::create_symlink(base + "/other.service",
                                  host.real(base + "/multi-user.target.wants/other.service"));
  std::filesystem::create_symlink(base + "/shop.service", host.real(base + "/store.service"));
  const auto scope = make_resources(host.specs, host.platform())[0]->scope();
  ASSERT_TRUE(scope) << scope.error().message;
  EXPECT_THAT(scope->paths,
              testing::UnorderedElementsAre(base + "/shop.service", base + "/shop.service.d",
                                            base + "/multi-user.target.wants/shop.service",
                                            base + "/store.service"));
  ASSERT_EQ(scope->units.size(), 1U);
  EXPECT_TRUE(scope->units[0].active);
  EXPECT_EQ(scope->units[0].enablement, "enabled");
}

TEST(SystemdResource, AMissingUnitIsNamedWithItsLine) {
  TestHost host;
  host.add(ResourceKind::kSystemd, "gone.service", {}).units = {"gone.service"};
  EXPECT_TRUE(make_resources(host.specs, host.platform())[0]->scope());
  const auto present = require_present(host.specs, host.platform());
  ASSERT_FALSE(present);
  EXPECT_EQ(present.error().message,
            "agent.yaml:2: the unit gone.service does not exist on this host");
}

TEST(SystemdResource, ComplainsAboutItsUnitsOnly) {
  TestHost host;
  host.add(ResourceKind::kSystemd, "shop.service", {}).units = {"shop.service"};
  host.programs.outcome = {
      1,
      "/etc/systemd/system/shop.service:4: Failed to parse service restart specifier: sometimes\n"
      "/lib/systemd/system/old.service:9: StandardOutput=syslog is obsolete\n"
      "shop.service: Command /opt/shop/bin/shop is not executable: No such file or directory\n",
      false};
  ResourceSnapshot target;
  target.units = {
      UnitState{"shop.service", true, "enabled", "/lib/systemd/system/shop.service", {}}};
  const auto resources = make_resources(host.specs, host.platform());
  const auto complaints = resources[0]->validate(target, {});
  ASSERT_TRUE(complaints);
  ASSERT_EQ(complaints->size(), 1U);
  EXPECT_THAT((*complaints)[0].text, testing::HasSubstr("restart specifier: sometimes"));
  EXPECT_THAT(host.programs.requests.at(0).argv,
              ElementsAre("/usr/bin/systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                          "--", "shop.service"));
}

TEST(BinaryResource, RecordsItsVersionWhenItHasOne) {
  TestHost host;
  host.add(ResourceKind::kBinary, "shop", {"/opt/shop/bin/shop"}).version = {"/opt/shop/bin/shop",
                                                                             "--version"};
  host.programs.outcome = {0, "shop 2.4.1\nbuilt today\n", false};
  const auto resources = make_resources(host.specs, host.platform());
  EXPECT_THAT(resources[0]->scope()->facts, ElementsAre(Fact{"version", "shop 2.4.1"}));
  host.programs.outcome.exit_code = 1;
  EXPECT_THAT(resources[0]->scope()->facts, IsEmpty());
}

TEST(ComposeEnv, IsReadInEveryNotation) {
  EXPECT_THAT(env_files_in("services:\n  a:\n    env_file: .env.a # why\n    image: x\n"
                           "  b:\n    env_file: [b.env, \"c d.env\"]\n"
                           "  c:\n    env_file:\n      - d.env\n      - path: e.env\n"
                           "        required: false\n    ports:\n      - 80:80\n"
                           "  d:\n    env_file:\n    - f.env\n    image: y\n"),
              ElementsAre(".env.a", "b.env", "c d.env", "d.env", "e.env", "f.env"));
  EXPECT_THAT(env_files_in("env_file: [a"), ElementsAre("a"));
}

TEST(ComposeResource, OwnsProjectAndEnvFilesOnly) {
  TestHost host;
  host.files.write("srv/q/compose.yaml",
                   "services:\n  a:\n    env_file: [./a.env, ../out.env, /srv/q/b.env, $X]\n");
  host.files.write("srv/q/data/table", "");
  host.files.write("srv/q/.env", "A=1");
  host.add(ResourceKind::kCompose, "q", {"/srv/q"});
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  std::vector<std::string> owned;
  for (const auto& path : state->snapshot.resources[0].paths) owned.push_back(path.path);
  EXPECT_THAT(owned, testing::IsSupersetOf({"/srv/q/.env", "/srv/q/a.env", "/srv/q/b.env",
                                            "/srv/q/compose.yaml", "/srv/q/docker-compose.yml"}));
  EXPECT_THAT(owned, testing::Not(testing::Contains("/srv/q/data/table")));
  EXPECT_EQ(state->manifest.size(), 2U);
}

TEST(ComposeResource, FindsEveryProjectOfARealCollection) {
  const std::filesystem::path corpus = ROLLBACK_CORPUS "/compose-awesome";
  if (!std::filesystem::exists(corpus)) GTEST_SKIP() << corpus << " is not there";
  for (const auto& project : std::filesystem::directory_iterator(corpus)) {
    if (!project.is_directory()) continue;
    TestHost host;
    std::filesystem::create_directories(host.real("/srv"));
    std::filesystem::copy(project.path(), host.real("/srv/p"),
                          std::filesystem::copy_options::recursive);
    host.add(ResourceKind::kCompose, "p", {"/srv/p"});
    EXPECT_TRUE(require_present(host.specs, host.platform())) << project.path();
    const auto state = host.captured();
    ASSERT_TRUE(state) << project.path() << state.error().message;
    EXPECT_TRUE(state->manifest.contains("/srv/p/compose.yaml")) << project.path();
    EXPECT_EQ(state->manifest.contains("/srv/p/.env"),
              std::filesystem::exists(project.path() / ".env"));
  }
}

}  // namespace
}  // namespace rollback
