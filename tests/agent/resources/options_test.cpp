// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rollback {
namespace {

constexpr const char* kFull = R"(
fleet: shop-production
name: web-1
operators_group: ops
max_removals: 50
coordinators: [ { endpoint: "tcp://10.0.0.1:7400", keys: [/etc/rollback/coordinator.pub] } ]
labels: { role: web, dc: fra1 }
resources:
  - { kind: nginx }
  - { kind: systemd, units: [shop.service] }
  - { kind: binary, name: shop, paths: [/opt/shop/bin/shop], version: [/opt/shop/bin/shop, --version], restart: [shop.service] }
  - { kind: files, name: shop-etc, paths: [/etc/shop], exclude: ["*.sock"], secret: ["/etc/shop/*.key"], reload_on: [shop.service] }
  - { kind: compose, project_dir: /srv/queue }
  - { kind: files, name: queue-data, paths: [/srv/queue/conf] }
health:
  - { http: "http://127.0.0.1/healthz", expect: 204, expect_body: ok, required: false, when: [before, after], timeout: 1s }
  - { unit: shop.service }
  - { tcp: "10.0.0.9:5432", when: [before] }
  - { exec: [/opt/shop/bin/check, --fast], name: check }
hooks: { drain: [[/usr/local/bin/lb, drain]], readmit: [[/usr/local/bin/lb, readmit], [/bin/page]], timeout: 45s }
gate: { successes: 3, interval: 500ms, window: 60s, soak: 10s }
)";

TEST(AgentOptions, ReadsEveryKey) {
  const auto parsed = AgentOptions::parse(kFull, "agent.yaml");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->fleet, "shop-production");
  EXPECT_EQ(parsed->name, "web-1");
  EXPECT_EQ(parsed->operators_group, "ops");
  EXPECT_EQ(parsed->max_removals, 50U);
  ASSERT_EQ(parsed->coordinators.size(), 1U);
  EXPECT_EQ(parsed->coordinators[0].endpoint, "tcp://10.0.0.1:7400");
  EXPECT_EQ(parsed->coordinators[0].enrolment, "tcp://10.0.0.1:7401");
  EXPECT_THAT(parsed->labels,
              testing::ElementsAre(testing::Pair("dc", "fra1"), testing::Pair("role", "web")));
  ASSERT_EQ(parsed->health.size(), 4U);
  EXPECT_EQ(parsed->health[0].name, "http http://127.0.0.1/healthz");
  EXPECT_EQ(parsed->health[0].expect, 204);
  EXPECT_EQ(parsed->health[0].expect_body, "ok");
  EXPECT_TRUE(parsed->health[0].before && parsed->health[0].after && !parsed->health[0].required);
  EXPECT_EQ(parsed->health[0].timeout, std::chrono::seconds(1));
  EXPECT_TRUE(parsed->health[1].after && !parsed->health[1].before && parsed->health[1].required);
  EXPECT_TRUE(parsed->health[2].before && !parsed->health[2].after);
  EXPECT_EQ(parsed->health[3].name, "check");
  EXPECT_THAT(parsed->health[3].argv, testing::ElementsAre("/opt/shop/bin/check", "--fast"));
  EXPECT_EQ(parsed->hooks, (HookOptions{{{"/usr/local/bin/lb", "drain"}},
                                        {{"/usr/local/bin/lb", "readmit"}, {"/bin/page"}},
                                        std::chrono::seconds(45)}));
  EXPECT_EQ(parsed->gate.soak, std::chrono::seconds(10));
}

TEST(AgentOptions, ReadsEveryKindOfResource) {
  const auto parsed = AgentOptions::parse(kFull, "agent.yaml");
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& resources = parsed->resources;
  ASSERT_EQ(resources.size(), 6U);
  EXPECT_EQ(resources[0].name, "nginx");
  EXPECT_THAT(resources[0].paths, testing::ElementsAre("/etc/nginx"));
  EXPECT_EQ(resources[0].where, "agent.yaml:9");
  EXPECT_EQ(resources[1].name, "shop.service");
  EXPECT_THAT(resources[2].restart_on, testing::ElementsAre("shop.service"));
  EXPECT_THAT(resources[2].version, testing::ElementsAre("/opt/shop/bin/shop", "--version"));
  EXPECT_THAT(resources[3].exclude, testing::ElementsAre("*.sock"));
  EXPECT_THAT(resources[3].secret, testing::ElementsAre("/etc/shop/*.key"));
  EXPECT_THAT(resources[3].reload_on, testing::ElementsAre("shop.service"));
  EXPECT_EQ(resources[4].name, "queue");
  EXPECT_THAT(resources[4].paths, testing::ElementsAre("/srv/queue"));
}

TEST(AgentOptions, AnEmptyFileManagesNothing) {
  const auto parsed = AgentOptions::parse("", "agent.yaml");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->resources.empty());
  EXPECT_EQ(parsed->gate.successes, 3);
}

struct BadConfig {
  const char* yaml;
  const char* message;
};

class BadAgentOptions : public testing::TestWithParam<BadConfig> {};

TEST_P(BadAgentOptions, AreRefusedInOneSentence) {
  const auto parsed = AgentOptions::parse(GetParam().yaml, "agent.yaml");
  ASSERT_FALSE(parsed) << GetParam().yaml;
  EXPECT_EQ(parsed.error().message, GetParam().message);
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadAgentOptions,
    testing::Values(
        BadConfig{"resource: []",
                  "agent.yaml:1: the key 'resource' is not known here; did you mean 'resources'?"},
        BadConfig{"resources:\n  - { kind: files, name: a, path: [/etc/a] }",
                  "agent.yaml:2: the key 'path' is not known here; did you mean 'paths'?"},
        BadConfig{"retention: { keep: 0 }", "agent.yaml:1: 0 is not between 1 and 100000"},
        BadConfig{"retention: { keeps: 10 }",
                  "agent.yaml:1: the key 'keeps' is not known here; did you mean 'keep'?"},
        BadConfig{"retention: { max_size: 20g }",
                  "agent.yaml:1: '20g' is not a size such as 500M, 20G or 1T"},
        BadConfig{"retention: {}", "agent.yaml:1: retention needs keep, older_than or max_size"},
        BadConfig{"\nfacts: [{name: a, exec: [/bin/a]}, {name: a, exec: [/bin/b]}]",
                  "agent.yaml:2: the fact 'a' is listed twice"},
        BadConfig{
            "\nfacts: [{name: a, exec: [psql]}]",
            "agent.yaml:2: the program 'psql' needs its absolute path; no shell and no PATH are "
            "searched"},
        BadConfig{"\nfacts: [{name: a, exec: [/bin/a], timeout: 5m}]",
                  "agent.yaml:2: the duration must be between 10 ms and 1 min 0 s"},
        BadConfig{"\nhooks: { drain: [[lb, drain]], readmit: [[/bin/lb, readmit]] }",
                  "agent.yaml:2: the program 'lb' needs its absolute path; no shell and no PATH "
                  "are searched"},
        BadConfig{"\nhooks: { drain: [/bin/lb, drain] }",
                  "agent.yaml:2: a list is needed here, but there is a single value"},
        BadConfig{"\nhooks: { drain: [[]] }",
                  "agent.yaml:2: a program and its arguments are needed here"},
        BadConfig{"\nhooks: { drain: [[/bin/lb, drain]] }",
                  "agent.yaml:2: a host that is drained needs 'readmit', or it gets no traffic "
                  "again"},
        BadConfig{"\nhooks: { readmit: [[/bin/lb]], timeout: 11m }",
                  "agent.yaml:2: the duration must be between 10 ms and 10 min 0 s"},
        BadConfig{"\nhooks: { undrain: [] }",
                  "agent.yaml:2: the key 'undrain' is not known here; did you mean 'drain'?"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/etc/a], git: {} }",
                  "agent.yaml:2: 'git' is not supported by this version; remove it for now"},
        BadConfig{"resources:\n  - { kind: nginx, units: [nginx.service] }",
                  "agent.yaml:2: the key 'units' is not known here; valid keys are kind, name, "
                  "prefix, exclude, secret, allow_setuid, mounts, restart_on, reload_on, git"},
        BadConfig{"resources: {}", "agent.yaml:1: a list is needed here, but there is a map"}));

INSTANTIATE_TEST_SUITE_P(
    Resources, BadAgentOptions,
    testing::Values(
        BadConfig{"resources:\n  - { kind: docker }",
                  "agent.yaml:2: 'docker' is no kind of resource; the kinds are nginx, systemd, "
                  "binary, files and compose"},
        BadConfig{"resources:\n  - { kind: files, paths: [/etc/a] }",
                  "agent.yaml:2: the key 'name' is missing here"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [] }",
                  "agent.yaml:2: at least one entry is needed here"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/etc/a, /etc/a] }",
                  "agent.yaml:2: '/etc/a' is listed twice"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/etc/a] }\n"
                  "  - { kind: files, name: a, paths: [/etc/b] }",
                  "agent.yaml:3: there is already a resource files/a (agent.yaml:2); give this one "
                  "another name"},
        BadConfig{"resources:\n  - { kind: files, name: 'a b', paths: [/etc/a] }",
                  "agent.yaml:2: 'a b' is not a name: a letter or digit, then letters, digits and "
                  "._@-, at most 63"},
        BadConfig{"resources:\n  - { kind: binary, name: a, paths: [/opt/a/b], version: [b] }",
                  "agent.yaml:2: the program 'b' needs its absolute path; no shell and no PATH are "
                  "searched"},
        BadConfig{"resources:\n  - { kind: binary, name: a, paths: [/opt/a/b], allow_setuid: "
                  "[/opt/a/c] }",
                  "agent.yaml:2: '/opt/a/c' is not in a path of this resource"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/srv/a], mounts: [/srv/b] }",
                  "agent.yaml:2: '/srv/b' is not in a path of this resource"},
        BadConfig{"resources:\n  - { kind: systemd, units: ['shop; reboot.service'] }",
                  "agent.yaml:2: 'shop; reboot.service' is not a unit name; letters, digits and "
                  ":_.-@ are allowed"},
        BadConfig{"resources:\n  - { kind: systemd, units: [-x.service] }",
                  "agent.yaml:2: '-x.service' is not a unit name; letters, digits and :_.-@ are "
                  "allowed"},
        BadConfig{"resources:\n  - { kind: systemd, units: [shop] }",
                  "agent.yaml:2: 'shop' is not a unit name; it must end in .service, .socket, "
                  ".timer, .path or .target"},
        BadConfig{"resources:\n  - { kind: systemd, units: [shop@.service] }",
                  "agent.yaml:2: 'shop@.service' is a template; name its instances, such as "
                  "shop@1.service"},
        BadConfig{"resources:\n  - { kind: systemd, units: [rollback-agent.service] }",
                  "agent.yaml:2: 'rollback-agent.service' belongs to rollbackctl itself and cannot "
                  "be managed"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/etc/a], exclude: ['../x'] }",
                  "agent.yaml:2: '../x' holds '..', which never matches"}));

INSTANTIATE_TEST_SUITE_P(
    Paths, BadAgentOptions,
    testing::Values(
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [etc/a] }",
                  "agent.yaml:2: 'etc/a' is not an absolute path without '..', '.', '//' and a '/' "
                  "at its end"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/etc/../a] }",
                  "agent.yaml:2: '/etc/../a' is not an absolute path without '..', '.', '//' and a "
                  "'/' at its end"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/etc] }",
                  "agent.yaml:2: '/etc' is a directory of the system as a whole; name what is "
                  "managed inside it"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/] }",
                  "agent.yaml:2: '/' is a directory of the system as a whole; name what is managed "
                  "inside it"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/proc/sys] }",
                  "agent.yaml:2: '/proc/sys' is below /proc, which is made anew at each boot and "
                  "cannot be managed"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/etc/rollback/x] }",
                  "agent.yaml:2: '/etc/rollback/x' overlaps /etc/rollback, which belongs to "
                  "rollbackctl itself and cannot be managed"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/opt/.rollback/x] }",
                  "agent.yaml:2: '/opt/.rollback/x' is inside a staging directory of rollbackctl "
                  "and cannot be managed"},
        BadConfig{
            "resources:\n  - { kind: files, name: a, paths: [/etc/systemd/system/x.service] }",
            "agent.yaml:2: '/etc/systemd/system/x.service' is below /etc/systemd/system, "
            "which belongs to resources of kind systemd"},
        BadConfig{"resources:\n  - { kind: nginx }\n"
                  "  - { kind: files, name: a, paths: [/etc/nginx/sites] }",
                  "agent.yaml:3: /etc/nginx/sites overlaps /etc/nginx of nginx/nginx "
                  "(agent.yaml:2); one path belongs to one resource"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/opt/a, /opt/a/b] }",
                  "agent.yaml:2: /opt/a/b overlaps /opt/a of files/a (agent.yaml:2); one path "
                  "belongs to one resource"},
        BadConfig{"resources:\n  - { kind: systemd, units: [a.service] }\n"
                  "  - { kind: systemd, name: b, units: [a.service] }",
                  "agent.yaml:3: /etc/systemd/system/a.service overlaps "
                  "/etc/systemd/system/a.service of systemd/a.service (agent.yaml:2); one path "
                  "belongs to one resource"},
        BadConfig{"resources:\n  - { kind: files, name: a, paths: [/srv/q] }\n"
                  "  - { kind: compose, project_dir: /srv/q/p }",
                  "agent.yaml:3: /srv/q/p overlaps /srv/q of files/a (agent.yaml:2); one path "
                  "belongs to one resource"},
        BadConfig{"resources:\n  - { kind: compose, project_dir: /srv/q }\n"
                  "  - { kind: files, name: a, paths: [/srv/q/compose.yaml] }",
                  "agent.yaml:3: /srv/q/compose.yaml overlaps /srv/q of compose/q (agent.yaml:2); "
                  "one path belongs to one resource"}));

INSTANTIATE_TEST_SUITE_P(
    Probes, BadAgentOptions,
    testing::Values(
        BadConfig{"health:\n  - { required: true }",
                  "agent.yaml:2: a probe needs exactly one of http, tcp, unit and exec"},
        BadConfig{"health:\n  - { tcp: \"a:1\", unit: a.service }",
                  "agent.yaml:2: a probe needs exactly one of http, tcp, unit and exec"},
        BadConfig{"health:\n  - { http: \"ftp://x\" }",
                  "agent.yaml:2: 'ftp://x' is not a URL such as http://127.0.0.1/healthz"},
        BadConfig{"health:\n  - { tcp: \"a:0\" }",
                  "agent.yaml:2: 'a:0' is not a host and port such as 10.0.0.9:5432"},
        BadConfig{"health:\n  - { tcp: \"a:1\", expect: 200 }",
                  "agent.yaml:2: 'expect' belongs to http probes only"},
        BadConfig{"health:\n  - { tcp: \"a:1\", when: [during] }",
                  "agent.yaml:2: 'during' is neither before nor after"},
        BadConfig{"health:\n  - { tcp: \"a:1\", when: [] }",
                  "agent.yaml:2: a probe needs before, after or both"},
        BadConfig{"health:\n  - { tcp: \"a:1\", required: yes }",
                  "agent.yaml:2: 'yes' is neither true nor false"},
        BadConfig{"health:\n  - { tcp: \"a:1\", timeout: 5 }",
                  "agent.yaml:2: '5' is not a duration such as 500ms, 60s, 5m, 2h or 30d"},
        BadConfig{"health:\n  - { tcp: \"a:1\", timeout: 2h }",
                  "agent.yaml:2: the duration must be between 10 ms and 1 min 0 s"},
        BadConfig{"health:\n  - { tcp: \"a:1\" }\n  - { tcp: \"a:1\" }",
                  "agent.yaml:3: there are two probes 'tcp a:1'; give one of them another name"},
        BadConfig{"health:\n  - { exec: [] }",
                  "agent.yaml:2: a program and its arguments are needed here"},
        BadConfig{"gate: { successes: 0 }", "agent.yaml:1: 0 is not between 1 and 100"},
        BadConfig{
            "gate: { successes: 10, interval: 1s, window: 5s }",
            "agent.yaml:1: the gate can never be green: 10 successes every 1.00 s take longer "
            "than the window of 5.00 s"}));

INSTANTIATE_TEST_SUITE_P(
    Identity, BadAgentOptions,
    testing::Values(
        BadConfig{"labels: { Role: web }",
                  "agent.yaml:1: 'Role' is not a label: a lower-case letter, then lower-case "
                  "letters, digits and ._-, at most 63"},
        BadConfig{"labels: { role: 'a,b' }",
                  "agent.yaml:1: 'a,b' is not the value of a label: a letter or digit, then "
                  "letters, digits and ._-, at most 63"},
        BadConfig{"coordinators: [ { endpoint: \"10.0.0.1:7400\", keys: [/k] } ]",
                  "agent.yaml:1: '10.0.0.1:7400' is not an endpoint such as tcp://10.0.0.1:7400"},
        BadConfig{"coordinators: [ { endpoint: \"tcp://10.0.0.1:7400\" } ]",
                  "agent.yaml:1: the key 'keys' is missing here"},
        BadConfig{"coordinators: [ { endpoint: \"tcp://a:65535\", keys: [/k] } ]",
                  "agent.yaml:1: port 65535 has none after it; name the 'enrolment' endpoint too"},
        BadConfig{"coordinators: [ { endpoint: \"tcp://a:1\", keys: [] } ]",
                  "agent.yaml:1: at least one file with the coordinator's public key is needed"},
        BadConfig{"max_removals: -1", "agent.yaml:1: -1 is not between 0 and 10000000"},
        BadConfig{"operators_group: Ops", "agent.yaml:1: 'Ops' is not the name of a group"}));

}  // namespace
}  // namespace rollback
