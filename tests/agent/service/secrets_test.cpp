// SPDX-License-Identifier: Apache-2.0
#include "agent/service/secrets.h"

#include <gtest/gtest.h>

namespace rollback {
namespace {

Node file(const std::string& content) {
  Node node;
  node.size = content.size();
  node.content = sha256(content);
  return node;
}

HostState state(Manifest manifest, const std::string& managed) {
  HostState state;
  ResourceSnapshot resource;
  resource.kind = ResourceKind::kNginx;
  resource.name = "nginx";
  resource.paths = {{managed, std::nullopt}};
  state.snapshot.resources = {resource};
  state.manifest = std::move(manifest);
  return state;
}

// Secrets refer to it.
std::vector<ResourceSpec> specs(std::vector<std::string> patterns) {
  ResourceSpec spec;
  spec.kind = ResourceKind::kNginx;
  spec.name = "nginx";
  spec.paths = {"/etc/nginx"};
  spec.secret = std::move(patterns);
  return {spec};
}

TEST(Secrets, AreMeantByNameByPathAndByWhatIsAboveThem) {
  const HostState none;
  const auto patterns = specs({"*.key", "/srv/private", "tls/*.pem"});
  const Secrets secrets(patterns, none, none);
  EXPECT_TRUE(secrets.is_secret("/opt/a/b.key"));
  EXPECT_TRUE(secrets.is_secret("/srv/private/deep/x"));
  EXPECT_TRUE(secrets.is_secret("/etc/nginx/tls/a.pem"));
  EXPECT_FALSE(secrets.is_secret("/etc/nginx/a.pem"));
  EXPECT_FALSE(secrets.is_secret("/srv/privates"));
}

TEST(Secrets, AreMeantBelowWhatEitherRecordOfTheResourceHolds) {
  const HostState none;
  const auto with = state({}, "/etc/ssl/site");
  const auto patterns = specs({"keys/*"});
  EXPECT_TRUE(Secrets(patterns, none, with).is_secret("/etc/ssl/site/keys/a"));
  EXPECT_TRUE(Secrets(patterns, with, none).is_secret("/etc/ssl/site/keys/a"));
  EXPECT_FALSE(Secrets(patterns, none, none).is_secret("/etc/ssl/site/keys/a"));
}

TEST(Secrets, AreAllThatAResourceHoldsWhichIsNotConfigured) {
  const HostState none;
  const auto with = state({{"/etc/nginx/a", file("hunter2")}}, "/etc/nginx");
  EXPECT_TRUE(Secrets({}, with, none).is_secret("/etc/nginx/a"));
  EXPECT_TRUE(Secrets({}, none, with).is_secret("/etc/moved", file("hunter2")));
  EXPECT_FALSE(Secrets({}, with, with).is_secret("/etc/nginx.conf"));
  EXPECT_FALSE(Secrets(specs({}), with, with).is_secret("/etc/nginx/a"));
  auto other = specs({});
  other[0].name = "edge";
  EXPECT_TRUE(Secrets(other, with, with).is_secret("/etc/nginx/a"));
}

TEST(Secrets, StaySecretWhereTheyWereMovedOrCopied) {
  const auto from = state({{"/etc/nginx/a.key", file("hunter2")}}, "/etc/nginx");
  const auto to =
      state({{"/etc/nginx/moved", file("hunter2")}, {"/etc/nginx/b", file("open")}}, "/etc/nginx");
  const auto patterns = specs({"*.key"});
  const Secrets secrets(patterns, from, to);
  EXPECT_TRUE(secrets.is_secret("/etc/nginx/moved", file("hunter2")));
  EXPECT_FALSE(secrets.is_secret("/etc/nginx/b", file("open")));
}

TEST(Secrets, AnEmptySecretMakesNoOtherEmptyFileOne) {
  const auto from = state({{"/etc/nginx/a.key", file("")}}, "/etc/nginx");
  const auto patterns = specs({"*.key"});
  const Secrets secrets(patterns, from, from);
  EXPECT_FALSE(secrets.is_secret("/etc/nginx/empty", file("")));
}

TEST(Secrets, LeaveOfASymlinkTheHashAndOfAttributesTheNames) {
  Node link;
  link.kind = NodeKind::kSymlink;
  link.target = "hunter2";
  Node key = file("hunter3");
  key.meta.xattrs = {{"user.pin", "1234"}};
  const HostState none;
  const auto patterns = specs({"*.key"});
  const Secrets secrets(patterns, none, none);
  const Node before = link;
  secrets.conceal("/etc/nginx/link", link);
  EXPECT_EQ(link, before);
  secrets.conceal("/etc/nginx/link.key", link);
  EXPECT_EQ(link.target, "");
  EXPECT_EQ(link.content, sha256("hunter2"));
  secrets.conceal("/etc/nginx/a.key", key);
  EXPECT_EQ(key.meta.xattrs, (Xattrs{{"user.pin", ""}}));
  EXPECT_EQ(key.content, sha256("hunter3"));
}

}  // namespace
}  // namespace rollback
