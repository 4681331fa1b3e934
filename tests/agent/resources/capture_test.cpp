// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/capture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/digest.h"
#include "protocol/records.h"
#include "tests/agent/resources/test_host.h"
#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

using testing::HasSubstr;

void add_shop(TestHost& host) {
  host.files.write("etc/passwd", "root:x:0:0::/:/bin/sh\nshop:x:1234:1234::/:/bin/sh\n");
  host.files.write("etc/group", "root:x:0:\nshop:x:1234:\n");
  host.files.write("etc/shop/shop.conf", "port 80\n");
  host.files.write("etc/shop/conf.d/a.conf", "a\n");
  host.add(ResourceKind::kFiles, "shop-etc", {"/etc/shop"});
}

std::vector<std::string> names_in(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const auto& [path, node] : manifest) names.push_back(path);
  return names;
}

TEST(Capture, RecordsFilesDirectoriesAndLinks) {
  TestHost host;
  add_shop(host);
  std::filesystem::create_symlink("shop.conf", host.real("/etc/shop/current"));
  ASSERT_EQ(::chmod(host.real("/etc/shop/shop.conf").c_str(), 0640), 0);
  ASSERT_EQ(::lchown(host.real("/etc/shop/shop.conf").c_str(), 1234, 1234), 0);
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_THAT(names_in(state->manifest),
              testing::ElementsAre("/etc/shop", "/etc/shop/conf.d", "/etc/shop/conf.d/a.conf",
                                   "/etc/shop/current", "/etc/shop/shop.conf"));
  const Node& file = state->manifest.at("/etc/shop/shop.conf");
  EXPECT_EQ(file.content, sha256("port 80\n"));
  EXPECT_EQ(file.size, 8U);
  EXPECT_EQ(file.meta.mode, 0640U);
  EXPECT_EQ(file.user, "shop");
  EXPECT_EQ(file.group, "shop");
  EXPECT_EQ(state->manifest.at("/etc/shop/current").target, "shop.conf");
  ASSERT_EQ(state->snapshot.resources.size(), 1U);
  EXPECT_EQ(state->snapshot.resources[0].paths[0].node, state->manifest.at("/etc/shop"));
}

TEST(Capture, HasTheSameHashesWithoutAManifest) {
  TestHost host;
  add_shop(host);
  const auto whole = host.captured();
  const auto hashes = host.captured(nullptr, false);
  ASSERT_TRUE(whole && hashes);
  EXPECT_TRUE(hashes->manifest.empty());
  EXPECT_EQ(hashes->id, whole->id);
  EXPECT_EQ(hashes->content_root, whole->content_root);
}

TEST(Capture, OfTheSameFilesIsTheSame) {
  TestHost host;
  add_shop(host);
  const auto first = host.captured();
  const auto second = host.captured();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->id, second->id);
  EXPECT_EQ(first->content_root, second->content_root);
}

// A changed id means that every recorded release would look like another one.
TEST(Capture, OfKnownFilesHasAKnownId) {
  TestHost host;
  host.files.write("etc/passwd", "root:x:0:0::/:/bin/sh\n");
  host.files.write("etc/group", "root:x:0:\n");
  host.files.write("etc/shop/shop.conf", "port 80\n");
  host.add(ResourceKind::kFiles, "shop-etc", {"/etc/shop"});
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 2}, {.tv_sec = 3, .tv_nsec = 4}};
  for (const auto* path : {"/etc/shop/shop.conf", "/etc/shop"}) {
    const auto real = host.real(path);
    ASSERT_EQ(::lchown(real.c_str(), 0, 0), 0) << "this test needs root";
    ASSERT_EQ(::chmod(real.c_str(), 0750), 0);
    ASSERT_EQ(::utimensat(AT_FDCWD, real.c_str(), times, 0), 0);
  }
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->id.str(), "b2c37717a5479ed9312ad8c9a6f239129886307b78143c37bf031ea0c8af08ac");
  EXPECT_EQ(state->content_root.hex(),
            "bc235d06ca3822e82c6b061a82f5f62bc52c4e0a53adcb5a647690014492eb18");
}

TEST(Capture, ContentRootIgnoresTimesAndOwnerNumbersButNotContent) {
  TestHost host;
  add_shop(host);
  const auto path = host.real("/etc/shop/shop.conf");
  ASSERT_EQ(::lchown(path.c_str(), 1234, 1234), 0);
  const auto before = host.captured();
  host.files.write("etc/passwd", "root:x:0:0::/:/bin/sh\nshop:x:4321:4321::/:/bin/sh\n");
  host.files.write("etc/group", "root:x:0:\nshop:x:4321:\n");
  ASSERT_EQ(::lchown(path.c_str(), 4321, 4321), 0);
  std::filesystem::last_write_time(path, std::filesystem::file_time_type());
  const auto renumbered = host.captured();
  host.files.write("etc/shop/shop.conf", "port 81\n");
  const auto changed = host.captured();
  ASSERT_TRUE(before && renumbered && changed);
  EXPECT_NE(before->id, renumbered->id);
  EXPECT_EQ(before->content_root, renumbered->content_root);
  EXPECT_NE(before->content_root, changed->content_root);
}

TEST(Capture, AnAbsentPathIsRecordedAsAbsent) {
  TestHost host;
  host.add(ResourceKind::kFiles, "gone", {"/opt/gone/dir"});
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  ASSERT_EQ(state->snapshot.resources[0].paths.size(), 1U);
  EXPECT_FALSE(state->snapshot.resources[0].paths[0].node);
  const auto present = require_present(host.specs, host.platform());
  ASSERT_FALSE(present);
  EXPECT_EQ(present.error().message,
            "agent.yaml:2: /opt/gone/dir of files/gone does not exist on this host");
}

TEST(Capture, SkipsExcludedNamesAndStages) {
  TestHost host;
  add_shop(host);
  host.files.write("etc/shop/x.sock", "");
  host.files.write("etc/shop/conf.d/cache/big", "");
  host.files.write("etc/shop/conf.d/keep/cache.txt", "");
  host.files.write("etc/shop/.rollback/run/slot", "");
  host.files.write("etc/shop/abs/x", "");
  host.specs[0].exclude = {"*.sock", "conf.d/cache", "/etc/shop/abs"};
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_THAT(names_in(state->manifest),
              testing::ElementsAre("/etc/shop", "/etc/shop/conf.d", "/etc/shop/conf.d/a.conf",
                                   "/etc/shop/conf.d/keep", "/etc/shop/conf.d/keep/cache.txt",
                                   "/etc/shop/shop.conf"));
}

TEST(Capture, ListsSpecialFilesWithoutOpeningThem) {
  TestHost host;
  add_shop(host);
  ASSERT_EQ(::mkfifo(host.real("/etc/shop/pipe").c_str(), 0600), 0);
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_FALSE(state->manifest.contains("/etc/shop/pipe"));
  EXPECT_THAT(decode_tree(host.sink.take().back())->special, testing::ElementsAre("pipe"));
}

TEST(Capture, RefusesASetuidFileThatIsNotAllowed) {
  TestHost host;
  add_shop(host);
  ASSERT_EQ(::chmod(host.real("/etc/shop/shop.conf").c_str(), 04755), 0);
  const auto refused = host.captured();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "/etc/shop/shop.conf is setuid; add it to 'allow_setuid' (agent.yaml:2) if it should "
            "be");
  host.specs[0].allow_setuid = {"/etc/shop/shop.conf"};
  const auto allowed = host.captured();
  ASSERT_TRUE(allowed) << allowed.error().message;
  EXPECT_EQ(allowed->manifest.at("/etc/shop/shop.conf").meta.mode, 04755U);
}

TEST(Capture, FailsByNameWhenAFileVanishes) {
  TestHost host;
  add_shop(host);
  host.calls.before_open = [&](const std::string& path) {
    if (path == "shop.conf") std::filesystem::remove(host.real("/etc/shop/shop.conf"));
    return 0;
  };
  const auto state = host.captured();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kConflict);
  EXPECT_THAT(state.error().message, HasSubstr("/etc/shop/shop.conf vanished"));
}

TEST(Capture, FailsByNameWhenAFileCannotBeRead) {
  TestHost host;
  add_shop(host);
  host.calls.before_open = [&](const std::string& path) { return path == "a.conf" ? -EIO : 0; };
  const auto state = host.captured();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kIo);
  EXPECT_THAT(state.error().message, HasSubstr("etc/shop/conf.d/a.conf"));
}

TEST(Capture, FailsByNameWhenAFileNeverHoldsStill) {
  TestHost host;
  add_shop(host);
  bool armed = false;
  host.calls.before_open = [&](const std::string& path) {
    armed = path == "a.conf";
    return 0;
  };
  host.calls.before_read = [&](int) {
    if (armed) std::ofstream(host.real("/etc/shop/conf.d/a.conf"), std::ios::app) << "more";
  };
  const auto state = host.captured();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kConflict);
  EXPECT_THAT(state.error().message, HasSubstr("/etc/shop/conf.d/a.conf was changed each of"));
}

TEST(Capture, RefusesAFileThatIsTooLargeBeforeItReadsIt) {
  TestHost host;
  add_shop(host);
  std::filesystem::resize_file(host.real("/etc/shop/conf.d/a.conf"), (64ULL << 30U) + 1);
  const auto state = host.captured();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(state.error().message, HasSubstr("/etc/shop/conf.d/a.conf is larger than 64 GiB"));
}

TEST(Capture, ReadsAFileAgainThatChangedOnce) {
  TestHost host;
  add_shop(host);
  int changes = 0;
  bool armed = false;
  host.calls.before_open = [&](const std::string& path) {
    armed = path == "a.conf";
    return 0;
  };
  host.calls.before_read = [&](int) {
    if (armed && changes++ == 0) host.files.write("etc/shop/conf.d/a.conf", "longer than before");
  };
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->manifest.at("/etc/shop/conf.d/a.conf").content, sha256("longer than before"));
}

TEST(Capture, FailsByNameWhenADirectoryGainsAFile) {
  TestHost host;
  add_shop(host);
  host.calls.before_open = [&](const std::string& path) {
    if (path == "shop.conf") host.files.write("etc/shop/new.conf", "");
    return 0;
  };
  const auto state = host.captured();
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message, HasSubstr("/etc/shop/new.conf appeared while /etc/shop"));
}

TEST(Capture, GroupsTheNamesOfOneFile) {
  TestHost host;
  add_shop(host);
  std::filesystem::create_hard_link(host.real("/etc/shop/shop.conf"),
                                    host.real("/etc/shop/conf.d/same.conf"));
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  ASSERT_EQ(state->snapshot.hard_links.size(), 1U);
  EXPECT_THAT(state->snapshot.hard_links[0],
              testing::ElementsAre("/etc/shop/conf.d/same.conf", "/etc/shop/shop.conf"));
}

TEST(Capture, NeverFollowsALinkedParent) {
  TestHost host;
  host.files.write("srv/real/x", "secret");
  std::filesystem::create_directory(host.real("/opt"));
  std::filesystem::create_symlink("/srv/real", host.real("/opt/link"));
  host.add(ResourceKind::kFiles, "x", {"/opt/link/x"});
  const auto state = host.captured();
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message, HasSubstr("symbolic link"));
}

TEST(Capture, LooksAlsoAtWhatOnlyTheTargetNames) {
  TestHost host;
  host.files.write("etc/nginx/nginx.conf", "http { ssl_certificate /srv/tls/old.pem; }");
  host.files.write("srv/tls/old.pem", "old");
  host.files.write("srv/tls/new.pem", "new");
  host.add(ResourceKind::kNginx, "nginx", {"/etc/nginx"});
  const auto release = host.captured();
  ASSERT_TRUE(release) << release.error().message;
  host.files.write("etc/nginx/nginx.conf", "http { ssl_certificate /srv/tls/new.pem; }");
  const auto live = host.captured(&release->snapshot);
  ASSERT_TRUE(live) << live.error().message;
  EXPECT_TRUE(release->manifest.contains("/srv/tls/old.pem"));
  EXPECT_TRUE(live->manifest.contains("/srv/tls/old.pem"));
  EXPECT_TRUE(live->manifest.contains("/srv/tls/new.pem"));
}

TEST(Capture, GivesAFoundPathToTheResourceThatIsConfiguredForIt) {
  TestHost host;
  host.files.write("etc/nginx/nginx.conf", "http { ssl_certificate /srv/tls/shop.pem; }");
  host.files.write("srv/tls/shop.pem", "pem");
  host.add(ResourceKind::kNginx, "nginx", {"/etc/nginx"});
  host.add(ResourceKind::kFiles, "tls", {"/srv/tls"});
  const auto state = host.captured();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->snapshot.resources[0].paths.size(), 1U);
  EXPECT_EQ(state->snapshot.resources[1].paths[0].path, "/srv/tls");
}

// An independent reading of the same tree.
std::vector<std::string> walked(const TestHost& host, const std::string& start) {
  std::vector<std::string> found = {start};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(host.real(start)))
    found.push_back("/" + std::filesystem::relative(entry.path(), host.files.path()).string());
  std::sort(found.begin(), found.end());
  return found;
}

void grow(const TestHost& host, SeededRandom& random, const std::string& directory, int depth) {
  const auto entries = random.below(6);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const auto path = directory + "/n" + std::to_string(random.below(1000));
    if (std::filesystem::symlink_status(host.real(path)).type() !=
        std::filesystem::file_type::not_found)
      continue;
    const auto choice = random.below(4);
    if (choice == 0 && depth > 0) {
      std::filesystem::create_directory(host.real(path));
      grow(host, random, path, depth - 1);
    } else if (choice == 1) {
      std::filesystem::create_symlink("/nowhere/" + std::to_string(i), host.real(path));
    } else {
      host.files.write(path.substr(1), std::string(random.below(5000), 'x'));
    }
  }
}

TEST(Capture, ByManyThreadsIsTheSameAsByOne) {
  TestHost host;
  add_shop(host);
  for (int i = 0; i < 300; ++i) {
    const std::string name = "etc/shop/d" + std::to_string(i % 7) + "/f" + std::to_string(i);
    host.files.write(name, std::string(static_cast<std::size_t>(i) * 97, 'x') + std::to_string(i));
  }
  std::filesystem::create_hard_link(host.real("/etc/shop/d1/f1"), host.real("/etc/shop/d2/also"));
  const auto one = host.captured();
  host.reading_threads = 4;
  const auto many = host.captured();
  ASSERT_TRUE(one && many);
  EXPECT_EQ(one->id, many->id);
  EXPECT_EQ(one->manifest, many->manifest);
  ASSERT_EQ(::chmod(host.real("/etc/shop/d3/f3").c_str(), 04755), 0);
  const auto refused = host.captured();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("/etc/shop/d3/f3 is setuid"));
}

TEST(Capture, OfRandomTreesEqualsAnIndependentWalk) {
  SeededRandom random;
  for (int turn = 0; turn < 50; ++turn) {
    TestHost host;
    std::filesystem::create_directories(host.real("/srv/tree"));
    grow(host, random, "/srv/tree", 5);
    host.add(ResourceKind::kFiles, "tree", {"/srv/tree"});
    const auto state = host.captured();
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(names_in(state->manifest), walked(host, "/srv/tree"));
    for (const auto& [path, node] : state->manifest) {
      if (node.kind != NodeKind::kFile) continue;
      EXPECT_EQ(node.content, sha256(host.files.read(path.substr(1)))) << path;
    }
  }
}

}  // namespace
}  // namespace rollback
