// SPDX-License-Identifier: Apache-2.0
#include "protocol/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <array>

#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class Keys : public testing::Test {
 protected:
  [[nodiscard]] unsigned mode_of(const std::string& name) const {
    struct stat stat {};
    EXPECT_EQ(::stat((temp.path() / name).c_str(), &stat), 0);
    return stat.st_mode & 07777;
  }

  KernelSyscalls calls;
  TempDirectory temp;
  Directory directory = temp.open(calls);
};

TEST_F(Keys, AreMadeOnceAndLoadedAfterwards) {
  const auto made = load_or_make_keys(directory, "agent");
  ASSERT_TRUE(made) << made.error().message;
  const auto loaded = load_or_make_keys(directory, "agent");
  ASSERT_TRUE(loaded) << loaded.error().message;

  EXPECT_EQ(loaded->public_key, made->public_key);
  EXPECT_EQ(loaded->secret_key, made->secret_key);
  EXPECT_EQ(mode_of("agent.key"), 0600U);
  EXPECT_EQ(mode_of("agent.pub"), 0644U);
}

TEST_F(Keys, AreAPairForTheLink) {
  const CurveKeys keys = make_curve_keys();
  std::array<char, 41> derived{};

  ASSERT_EQ(zmq_curve_public(derived.data(), keys.secret_key.c_str()), 0);

  EXPECT_EQ(derived.data(), keys.public_key);
  EXPECT_NE(make_curve_keys().secret_key, keys.secret_key);
}

TEST_F(Keys, AreRefusedWhenOthersCanReadThem) {
  ASSERT_TRUE(load_or_make_keys(directory, "agent"));
  ASSERT_EQ(::chmod((temp.path() / "agent.key").c_str(), 0640), 0);

  const auto keys = load_or_make_keys(directory, "agent");

  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, ErrorCode::kDenied);
  EXPECT_THAT(keys.error().message, HasSubstr("agent.key"));
}

TEST_F(Keys, AreRefusedWhenTheyBelongToAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_TRUE(load_or_make_keys(directory, "agent"));
  ASSERT_EQ(::chown((temp.path() / "agent.key").c_str(), 65534, 65534), 0);

  EXPECT_EQ(load_or_make_keys(directory, "agent").error().code, ErrorCode::kDenied);
}

TEST_F(Keys, GetTheirPublicHalfBackFromTheSecretOne) {
  const auto made = load_or_make_keys(directory, "agent");
  ASSERT_TRUE(made);
  temp.write("agent.pub", make_curve_keys().public_key + "\n");

  const auto loaded = load_or_make_keys(directory, "agent");

  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->public_key, made->public_key);
  EXPECT_EQ(temp.read("agent.pub"), made->public_key + "\n");
}

TEST_F(Keys, AreNotReplacedWhenTheirFileIsDamaged) {
  temp.write("agent.key", "not a key\n");
  ASSERT_EQ(::chmod((temp.path() / "agent.key").c_str(), 0600), 0);

  EXPECT_EQ(load_or_make_keys(directory, "agent").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(temp.read("agent.key"), "not a key\n");
}

TEST_F(Keys, OfAServerAreReadFromOneLine) {
  const std::string key = make_curve_keys().public_key;
  temp.write("etc/rollback/coordinator.pub", key + " \r\n");

  const auto loaded = load_public_key(directory, "/etc/rollback/coordinator.pub");

  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, key);
}

TEST_F(Keys, OfAServerAreRefusedWhenTheyAreNone) {
  temp.write("short.pub", "abc\n");
  temp.write("spaces.pub", std::string(40, '~') + "\n");

  EXPECT_EQ(load_public_key(directory, "short.pub").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(load_public_key(directory, "spaces.pub").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(load_public_key(directory, "absent.pub").error().code, ErrorCode::kNotFound);
}

TEST_F(Keys, AreShownAsAFingerprint) {
  // printf %s abc | sha256sum
  EXPECT_EQ(fingerprint("abc"), "ba78:16bf:8f01:cfea:4141:40de:5dae:2223");
}

}  // namespace
}  // namespace rollback
