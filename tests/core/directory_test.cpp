// SPDX-License-Identifier: Apache-2.0
#include "core/fs/directory.h"

#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/faulty_syscalls.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// in/ is what the engine holds; out/ is beside it and must never be reached.
class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryTest() {
    temp_.write("in/file", "inside");
    temp_.write("in/sub/deep/file", "deep inside");
    temp_.write("out/file", "outside");
    in_ = Directory::open_root(kernel_, (temp_.path() / "in").string()).value();
  }
  template <typename T>
  static ErrorCode code_of(const Result<T>& result) {
    return result ? ErrorCode::kBug : result.error().code;
  }
  // Everything that takes a path, with the same path.
  void expect_all_refuse(const std::string& path, ErrorCode code) {
    EXPECT_EQ(code_of(in_.open_file(path)), code) << path;
    EXPECT_EQ(code_of(in_.create_file(path, 0600)), code) << path;
    EXPECT_EQ(code_of(in_.open_append(path, 0600)), code) << path;
    EXPECT_EQ(code_of(in_.open_directory(path)), code) << path;
    EXPECT_EQ(code_of(in_.open_directory(path, Crossing::kAllow)), code) << path;
    EXPECT_EQ(code_of(in_.stat(path)), code) << path;
    EXPECT_EQ(code_of(in_.xattrs(path)), code) << path;
    EXPECT_EQ(code_of(in_.read_link(path)), code) << path;
    EXPECT_EQ(code_of(in_.list(path)), code) << path;
    EXPECT_EQ(code_of(in_.make_directory(path, 0700)), code) << path;
    EXPECT_EQ(code_of(in_.make_directories(path)), code) << path;
    EXPECT_EQ(code_of(in_.make_symlink("x", path)), code) << path;
    EXPECT_EQ(code_of(in_.remove_file(path)), code) << path;
    EXPECT_EQ(code_of(in_.remove_directory(path)), code) << path;
    EXPECT_EQ(code_of(in_.remove_tree(path)), code) << path;
    EXPECT_EQ(code_of(in_.sync(path)), code) << path;
    EXPECT_EQ(code_of(in_.set_meta(path, {})), code) << path;
    EXPECT_EQ(code_of(open_parent(in_, path)), code) << path;
  }

  KernelSyscalls kernel_;
  TempDirectory temp_;
  Directory in_;
};

TEST_F(DirectoryTest, ReadsAndWritesBelowItself) {
  EXPECT_EQ(*in_.open_file("sub/deep/file")->read_all(100), "deep inside");
  EXPECT_TRUE(in_.create_file("sub/new", 0640)->write_all("fresh"));
  EXPECT_EQ(temp_.read("in/sub/new"), "fresh");
  EXPECT_EQ(code_of(in_.create_file("sub/new", 0640)), ErrorCode::kExists);
  EXPECT_TRUE(in_.open_append("log", 0600)->write_all("one"));
  EXPECT_TRUE(in_.open_append("log", 0600)->write_all("two"));
  EXPECT_EQ(temp_.read("in/log"), "onetwo");
}

TEST_F(DirectoryTest, RefusesPathsThatAreNotPlainlyBelow) {
  for (const std::string path : {"..", "../out/file", "sub/../../out/file", "sub/..", "/etc/passwd",
                                 "/", "sub//deep", "sub/", "./file", "sub/./deep", "//"})
    expect_all_refuse(path, ErrorCode::kInvalid);
  expect_all_refuse(std::string("file\0x", 6), ErrorCode::kInvalid);
  expect_all_refuse(std::string(256, 'a'), ErrorCode::kInvalid);
  expect_all_refuse(std::string(5000, 'a'), ErrorCode::kInvalid);
}

TEST_F(DirectoryTest, NeverFollowsALinkOnTheWay) {
  fs::create_directory_symlink(temp_.path() / "out", temp_.path() / "in/absolute");
  fs::create_directory_symlink("../out", temp_.path() / "in/relative");
  fs::create_directory_symlink("sub", temp_.path() / "in/inward");
  for (const std::string path : {"absolute/file", "relative/file", "inward/deep"}) {
    EXPECT_FALSE(in_.open_file(path)) << path;
    EXPECT_FALSE(in_.create_file(path + "2", 0600)) << path;
    EXPECT_FALSE(in_.find_stat(path).value()) << path;  // nothing of ours is below a link
    EXPECT_TRUE(in_.remove_tree(path)) << path;
    EXPECT_FALSE(in_.remove_file(path)) << path;
    EXPECT_FALSE(in_.make_directories(path)) << path;
    EXPECT_FALSE(in_.open_directory(path, Crossing::kAllow)) << path;
  }
  const auto error = in_.open_file("absolute/file").error();
  EXPECT_EQ(error.code, ErrorCode::kInvalid);
  EXPECT_THAT(error.message, HasSubstr("symbolic link"));
  EXPECT_EQ(temp_.read("out/file"), "outside");
  EXPECT_EQ(temp_.read("in/sub/deep/file"), "deep inside");
}

TEST_F(DirectoryTest, NeverFollowsALinkAtTheEnd) {
  fs::create_symlink(temp_.path() / "out/file", temp_.path() / "in/link");
  fs::create_symlink(temp_.path() / "out", temp_.path() / "in/dirlink");
  EXPECT_EQ(code_of(in_.open_file("link")), ErrorCode::kInvalid);
  EXPECT_EQ(code_of(in_.open_append("link", 0600)), ErrorCode::kInvalid);
  EXPECT_EQ(code_of(in_.create_file("link", 0600)), ErrorCode::kExists);
  EXPECT_FALSE(in_.open_directory("dirlink"));
  EXPECT_FALSE(in_.list("dirlink"));
  EXPECT_FALSE(in_.make_directories("dirlink"));
  EXPECT_EQ(in_.stat("link")->type, FileType::kSymlink);
  EXPECT_EQ(*in_.read_link("link"), (temp_.path() / "out/file").string());
  EXPECT_TRUE(in_.xattrs("link")->empty());
  EXPECT_FALSE(Directory::open_root(kernel_, (temp_.path() / "in/dirlink").string()));
}

TEST_F(DirectoryTest, NeverFollowsAMagicLink) {
  const auto proc = Directory::open_root(kernel_, "/proc/" + std::to_string(::getpid())).value();
  EXPECT_EQ(proc.stat("cwd")->type, FileType::kSymlink);
  EXPECT_FALSE(proc.open_directory("cwd"));
  EXPECT_FALSE(proc.open_directory("cwd/sub", Crossing::kAllow));
  EXPECT_FALSE(proc.open_file("exe"));
  EXPECT_FALSE(proc.open_directory("root/etc", Crossing::kAllow));
  EXPECT_FALSE(Directory::open_root(kernel_, "/proc/self/root/etc"));
}

TEST_F(DirectoryTest, OpensRegularFilesOnlyAndNeverWaits) {
  ASSERT_EQ(::mkfifo((temp_.path() / "in/fifo").c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (temp_.path() / "in/socket").string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(socket);

  ::alarm(20);  // a wait for a writer ends the test program here
  for (const char* path : {"fifo", "sub", "socket"}) {
    const auto opened = in_.open_file(path);
    EXPECT_EQ(code_of(opened), ErrorCode::kInvalid) << path;
    EXPECT_THAT(opened.error().message, HasSubstr("is not a regular file"));
  }
  EXPECT_EQ(code_of(in_.open_append("fifo", 0600)), ErrorCode::kInvalid);
  EXPECT_TRUE(in_.xattrs("fifo")->empty());
  ::alarm(0);
  EXPECT_EQ(in_.stat("fifo")->type, FileType::kOther);
  const auto dev = Directory::open_root(kernel_, "/dev").value();
  EXPECT_EQ(code_of(dev.open_file("zero")), ErrorCode::kInvalid);
}

TEST_F(DirectoryTest, FindsWhatIsAbsentAbsent) {
  EXPECT_FALSE(*in_.find_stat("nothing"));
  EXPECT_FALSE(*in_.find_stat("nothing/below"));
  EXPECT_FALSE(*in_.find_stat("file/below"));
  EXPECT_EQ((*in_.find_stat("file"))->size, 6U);
  EXPECT_EQ((*in_.find_stat(""))->type, FileType::kDirectory);
  EXPECT_EQ((*in_.find_stat("."))->ino, (*in_.find_stat(""))->ino);
  EXPECT_EQ(code_of(in_.stat("nothing")), ErrorCode::kNotFound);
}

TEST_F(DirectoryTest, ListsInByteOrder) {
  for (const char* name : {"b", "B", "a.c", "a", "a-b", "\xc3\xa9"})
    temp_.write(std::string("in/list/") + name, "");
  EXPECT_THAT(*in_.list("list"), ElementsAre("B", "a", "a-b", "a.c", "b", "\xc3\xa9"));
  EXPECT_THAT(*in_.list(""), ElementsAre("file", "list", "sub"));
}

TEST_F(DirectoryTest, ListsLargeDirectoriesWhole) {
  for (int i = 0; i < 3000; ++i)
    temp_.write("in/many/a-name-of-some-length-" + std::to_string(i), "");
  EXPECT_EQ(in_.list("many")->size(), 3000U);
}

TEST_F(DirectoryTest, MakesWhatIsMissingOfAPath) {
  EXPECT_TRUE(in_.make_directories("a/b/c"));
  EXPECT_TRUE(in_.make_directories("a/b/c"));
  EXPECT_EQ(in_.stat("a/b")->mode, 0700U);
  EXPECT_TRUE(in_.make_directories(""));
  EXPECT_FALSE(in_.make_directories("file/x"));
  EXPECT_EQ(code_of(in_.make_directories("file")), ErrorCode::kExists);
}

TEST_F(DirectoryTest, BoundsWhatItReads) {
  EXPECT_EQ(*in_.open_file("file")->read_all(6), "inside");
  EXPECT_EQ(code_of(in_.open_file("file")->read_all(5)), ErrorCode::kInvalid);
}

TEST_F(DirectoryTest, RemovesATreeButNotWhatItsLinksPointTo) {
  fs::create_directory_symlink(temp_.path() / "out", temp_.path() / "in/sub/outdir");
  fs::create_symlink(temp_.path() / "out/file", temp_.path() / "in/sub/outfile");
  ASSERT_EQ(::mkfifo((temp_.path() / "in/sub/fifo").c_str(), 0600), 0);
  EXPECT_TRUE(in_.remove_tree("sub"));
  EXPECT_FALSE(fs::exists(temp_.path() / "in/sub"));
  EXPECT_EQ(temp_.read("out/file"), "outside");
}

TEST_F(DirectoryTest, RemovesALinkToATreeOnly) {
  fs::create_directory_symlink(temp_.path() / "out", temp_.path() / "in/link");
  EXPECT_TRUE(in_.remove_tree("link"));
  EXPECT_FALSE(fs::is_symlink(temp_.path() / "in/link"));
  EXPECT_EQ(temp_.read("out/file"), "outside");
  EXPECT_TRUE(in_.remove_tree("link"));
  EXPECT_TRUE(in_.remove_tree("absent/below"));
  EXPECT_TRUE(in_.remove_tree("file"));
  EXPECT_EQ(code_of(in_.remove_tree("")), ErrorCode::kInvalid);
}

TEST_F(DirectoryTest, RefusesToRemoveABottomlessTree) {
  std::string path = "deep";
  for (int i = 0; i < 300; ++i) path += "/d";
  fs::create_directories(temp_.path() / "in" / path);
  EXPECT_EQ(code_of(in_.remove_tree("deep")), ErrorCode::kInvalid);
}

TEST_F(DirectoryTest, SyncsItselfAndBelow) {
  EXPECT_TRUE(in_.sync());
  EXPECT_TRUE(in_.sync("sub/deep"));
  EXPECT_EQ(code_of(in_.sync("nothing")), ErrorCode::kNotFound);
}

TEST_F(DirectoryTest, PlacesDirectoriesApartWhereTheFileSystemCan) {
  long flags = 0;
  const auto other = in_.open_directory("sub");
  if (kernel_.ioctl_set_flags(other->fd(), FS_TOPDIR_FL) < 0 ||
      kernel_.ioctl_flags(other->fd(), flags) < 0 || (flags & FS_TOPDIR_FL) == 0)
    GTEST_SKIP() << "this file system has no such flag";
  in_.place_directories_apart();
  ASSERT_TRUE(in_.make_directory("child", 0700));
  const auto child = in_.open_directory("child");
  ASSERT_GE(kernel_.ioctl_flags(in_.fd(), flags), 0);
  EXPECT_NE(flags & FS_TOPDIR_FL, 0);
  ASSERT_GE(kernel_.ioctl_flags(child->fd(), flags), 0);
  EXPECT_EQ(flags & FS_TOPDIR_FL, 0) << "it is not for those below";
}

TEST_F(DirectoryTest, OpensTheParentOfAPath) {
  const auto direct = open_parent(in_, "file");
  EXPECT_EQ(direct->name, "file");
  EXPECT_EQ(direct->directory.stat("")->ino, in_.stat("")->ino);
  EXPECT_EQ(open_parent(in_, "sub/deep/new")->name, "new");
  EXPECT_EQ(code_of(open_parent(in_, "")), ErrorCode::kInvalid);
}

TEST_F(DirectoryTest, LeavesNoDescriptorOpen) {
  const auto open_now = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = open_now();
  EXPECT_TRUE(in_.open_file("sub/deep/file")->read_all(100));
  EXPECT_TRUE(in_.list("sub"));
  EXPECT_FALSE(in_.open_file("sub"));
  EXPECT_TRUE(in_.remove_tree("sub"));
  File moved;
  moved = *in_.open_file("file");
  File again = std::move(moved);
  EXPECT_TRUE(again.close());
  EXPECT_TRUE(again.close());
  EXPECT_EQ(open_now(), before);
}

// Answers what a kernel under load answers.
TEST_F(DirectoryTest, RepeatsInterruptedCallsButNotAFailedSync) {
  for (const int error : {EINTR, EAGAIN}) {
    for (int call = 0; call < 2; ++call) {
      FaultySyscalls calls(kernel_, FailAt{call, error}, Counted::kAll);
      EXPECT_EQ(Directory::open_root(calls, temp_.path().string()).has_value(), true);
    }
  }
  FaultySyscalls interrupted(kernel_, FailAt{1, EINTR});
  const auto root = temp_.open(interrupted);
  const auto file = root.create_file("written", 0600);
  EXPECT_TRUE(file->write_all("whole"));
  EXPECT_EQ(temp_.read("written"), "whole");

  FaultySyscalls failing(kernel_, FailAt{0, EIO});
  EXPECT_EQ(code_of(temp_.open(failing).sync()), ErrorCode::kIo);
  EXPECT_EQ(failing.calls(), 1);
}

TEST_F(DirectoryTest, ReadsAFileOfExactlyOneSize) {
  const File file = in_.open_file("file").value();
  std::string content;
  const auto keep = [&](std::string_view piece) -> Status {
    content += piece;
    return {};
  };
  EXPECT_TRUE(file.read_exactly(6, keep).value());
  EXPECT_EQ(content, "inside");
  EXPECT_FALSE(in_.open_file("file")->read_exactly(5, keep).value());
  EXPECT_FALSE(in_.open_file("file")->read_exactly(7, keep).value());
}

TEST_F(DirectoryTest, IsNotHeldByWhoeverAppendsToTheFileItReads) {
  const std::string piece(100'000, 'x');
  temp_.write("in/log", piece);
  const auto append = [&](std::string_view) -> Status {
    std::ofstream(temp_.path() / "in/log", std::ios::app) << piece;
    return {};
  };
  EXPECT_FALSE(in_.open_file("log")->read_exactly(piece.size(), append).value());
}

TEST_F(DirectoryTest, StopsReadingWhereItsReaderDoes) {
  const auto full = [](std::string_view) -> Status { return fail(ErrorCode::kNoSpace, "full"); };
  EXPECT_EQ(in_.open_file("file")->read_exactly(6, full).error().code, ErrorCode::kNoSpace);
}

}  // namespace
}  // namespace rollback
