// SPDX-License-Identifier: Apache-2.0
#include "core/fs/metadata.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "core/process.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

bool is_root() { return ::geteuid() == 0; }

class MetadataTest : public ::testing::Test {
 protected:
  MetadataTest() : root_(temp_.open(kernel_)) {
    temp_.write("file", "content");
    temp_.write("tree/x", "");
    if (is_root()) return;
    uid_ = ::geteuid();
    gid_ = ::getegid();
  }
  FileMeta meta_of(const std::string& path) const {
    const auto stat = *root_.stat(path);
    return {stat.mode, stat.uid, stat.gid, stat.mtime_ns, *root_.xattrs(path)};
  }
  std::string full(const std::string& path) const { return (temp_.path() / path).string(); }

  KernelSyscalls kernel_;
  TempDirectory temp_;
  Directory root_;
  std::uint32_t uid_ = 12345;  // somebody else, when we may
  std::uint32_t gid_ = 23456;
};

TEST_F(MetadataTest, ReadsWhatTheKernelSays) {
  ASSERT_EQ(::chmod(full("file").c_str(), 04751), 0);
  const auto stat = *root_.stat("file");
  struct stat plain {};
  ASSERT_EQ(::stat(full("file").c_str(), &plain), 0);
  EXPECT_EQ(stat.type, FileType::kRegular);
  EXPECT_EQ(stat.mode, 04751U);
  EXPECT_EQ(stat.uid, plain.st_uid);
  EXPECT_EQ(stat.gid, plain.st_gid);
  EXPECT_EQ(stat.nlink, 1U);
  EXPECT_EQ(stat.size, 7U);
  EXPECT_EQ(stat.ino, plain.st_ino);
  EXPECT_EQ(stat.dev, plain.st_dev);
  EXPECT_NE(stat.mount_id, 0U);
  EXPECT_EQ(stat.mtime_ns, plain.st_mtim.tv_sec * 1'000'000'000 + plain.st_mtim.tv_nsec);
}

TEST_F(MetadataTest, RoundTripsOnFilesAndDirectories) {
  for (const char* path : {"file", "tree"}) {
    const FileMeta wanted{0751, uid_, gid_, 1'234'567'890'123'456'789, {{"user.note", "kept"}}};
    ASSERT_TRUE(root_.set_meta(path, wanted)) << root_.set_meta(path, wanted).error().message;
    EXPECT_EQ(meta_of(path), wanted) << path;
  }
}

// chown clears setuid and setgid: whoever changes the mode first loses them.
TEST_F(MetadataTest, KeepsSetuidAcrossAChangeOfOwner) {
  const FileMeta wanted{06755, uid_, gid_, 0, {}};
  ASSERT_TRUE(root_.set_meta("file", wanted));
  EXPECT_EQ(meta_of("file").mode, 06755U);
}

TEST_F(MetadataTest, TheTrapOfTheOtherOrderIsReal) {
  if (!is_root()) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chmod(full("file").c_str(), 06755), 0);
  ASSERT_EQ(::chown(full("file").c_str(), uid_, gid_), 0);
  EXPECT_EQ(meta_of("file").mode, 0755U);
}

TEST_F(MetadataTest, RemovesAttributesNobodyWants) {
  ASSERT_EQ(::setxattr(full("file").c_str(), "user.old", "1", 1, 0), 0);
  ASSERT_EQ(::setxattr(full("file").c_str(), "user.both", "old", 3, 0), 0);
  auto wanted = meta_of("file");
  wanted.xattrs = {
      {"user.both", "new"}, {"user.empty", ""}, {"user.bytes", std::string("\0\xff", 2)}};
  ASSERT_TRUE(root_.set_meta("file", wanted));
  EXPECT_EQ(meta_of("file").xattrs, wanted.xattrs);
}

// The mode's group bits are the mask while there is an ACL; both have to come back.
TEST_F(MetadataTest, RoundTripsAnAcl) {
  const auto set =
      run_process({.argv = {"/usr/bin/setfacl", "-m", "u:12345:rw,m::rw", full("file")}});
  ASSERT_TRUE(set && set->exit_code == 0) << "setfacl of the package acl is needed";
  const auto with_acl = meta_of("file");
  ASSERT_THAT(with_acl.xattrs, Contains(Key("system.posix_acl_access")));

  FileMeta plain = with_acl;
  plain.mode = 0604;
  plain.xattrs.clear();
  ASSERT_TRUE(root_.set_meta("file", plain));
  EXPECT_EQ(meta_of("file"), plain);
  ASSERT_TRUE(root_.set_meta("file", with_acl));
  EXPECT_EQ(meta_of("file"), with_acl);
}

TEST_F(MetadataTest, RoundTripsFileCapabilities) {
  if (!is_root()) GTEST_SKIP() << "only root can set file capabilities";
  // struct vfs_cap_data, revision 2, effective, cap_net_bind_service permitted
  const std::string value(
      "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00",
      20);
  const FileMeta wanted{0755, uid_, gid_, 5, {{"security.capability", value}}};
  ASSERT_TRUE(root_.set_meta("file", wanted));
  EXPECT_THAT(*root_.xattrs("file"), Contains(Pair("security.capability", value)));
  ASSERT_TRUE(root_.set_meta("file", wanted));  // chown drops them: they must be set again
  EXPECT_EQ(meta_of("file"), wanted);
}

TEST_F(MetadataTest, ChangesOwnerAndTimeOfALinkItself) {
  ASSERT_TRUE(root_.make_symlink("file", "link"));
  const auto target = *root_.stat("file");
  ASSERT_TRUE(root_.set_meta("link", {0600, uid_, gid_, 1'000'000'007, {}}));
  const auto link = *root_.stat("link");
  EXPECT_EQ(link.uid, uid_);
  EXPECT_EQ(link.gid, gid_);
  EXPECT_EQ(link.mtime_ns, 1'000'000'007);
  EXPECT_EQ(root_.stat("file")->ctime_ns, target.ctime_ns);
}

TEST_F(MetadataTest, KnowsTimesBefore1970) {
  auto wanted = meta_of("file");
  wanted.mtime_ns = -1;
  ASSERT_TRUE(root_.set_meta("file", wanted));
  EXPECT_EQ(root_.stat("file")->mtime_ns, -1);
}

TEST_F(MetadataTest, LeavesFifosAlone) {
  ASSERT_EQ(::mkfifo(full("fifo").c_str(), 0600), 0);
  const auto refused = root_.set_meta("fifo", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
}

TEST_F(MetadataTest, FileSystemsWithoutAttributesHaveNone) {
  const auto proc = Directory::open_root(kernel_, "/proc/" + std::to_string(::getpid())).value();
  EXPECT_TRUE(proc.xattrs("status")->empty());
}

TEST_F(MetadataTest, ReadsLargeAttributes) {
  const std::string value(3000, 'v');
  ASSERT_EQ(::setxattr(full("file").c_str(), "user.large", value.data(), value.size(), 0), 0);
  EXPECT_THAT(*root_.xattrs("file"), Contains(Pair("user.large", value)));
  EXPECT_THAT(*root_.xattrs("tree"), Not(Contains(Key("user.large"))));
}

}  // namespace
}  // namespace rollback
