// SPDX-License-Identifier: Apache-2.0
// Descriptors of others: files, pipes and sockets, slow ones and those that go away.
#include "agent/service/passed_stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using namespace std::chrono_literals;
using Use = PassedStream::Use;

struct Ends {
  Descriptor read;
  Descriptor write;
};

Ends make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Ends make_socket() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0)
    throw std::runtime_error("no socket");
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

std::string read_all(const Descriptor& from, std::size_t step) {
  std::string all;
  std::string piece(step, '\0');
  for (ssize_t got = 0; (got = ::read(from.get(), piece.data(), step)) > 0;)
    all.append(piece, 0, static_cast<std::size_t>(got));
  return all;
}

class PassedStreamTest : public testing::TestWithParam<Ends (*)()> {
 protected:
  void SetUp() override { old_ = ::signal(SIGPIPE, SIG_IGN); }  // as the agent does
  void TearDown() override { ::signal(SIGPIPE, old_); }

  Result<PassedStream> open(Descriptor descriptor, Use use, PassedLimits limits = {}) {
    passed_ = std::make_shared<Passed>(std::move(descriptor));
    return PassedStream::open(passed_, use, clock_, limits);
  }

  SystemClock clock_;
  PassedPtr passed_;
  std::string bytes_ = std::string(300'000, 'a') + std::string(300'000, 'b');

 private:
  sighandler_t old_ = SIG_DFL;
};

TEST_P(PassedStreamTest, BringsEverythingToASlowReader) {
  Ends ends = GetParam()();
  std::string got;
  std::thread reader([&] { got = read_all(ends.read, 777); });
  {
    auto stream = open(std::move(ends.write), Use::kWrite).value();
    EXPECT_TRUE(stream.write(bytes_));
    passed_.reset();
  }
  reader.join();
  EXPECT_EQ(got, bytes_);
}

TEST_P(PassedStreamTest, ReadsToTheEnd) {
  Ends ends = GetParam()();
  std::thread writer([&] {
    for (std::size_t at = 0; at < bytes_.size(); at += 997)
      EXPECT_GT(::write(ends.write.get(), bytes_.data() + at,
                        std::min<std::size_t>(997, bytes_.size() - at)),
                0);
    ends.write.reset();
  });
  auto stream = open(std::move(ends.read), Use::kRead).value();
  std::string got;
  std::array<char, 10'000> piece{};
  for (std::size_t size = 1; size > 0;) {
    size = stream.read(piece.data(), piece.size()).value();
    got.append(piece.data(), size);
  }
  writer.join();
  EXPECT_EQ(got, bytes_);
}

TEST_P(PassedStreamTest, EndsWhenNobodyReadsOrWrites) {
  Ends ends = GetParam()();
  auto writing = open(std::move(ends.write), Use::kWrite, {20ms, 1h}).value();
  EXPECT_EQ(writing.write(std::string(2'000'000, 'x')).error().code, ErrorCode::kTimeout);
  Ends others = GetParam()();
  auto reading = open(std::move(others.read), Use::kRead, {20ms, 1h}).value();
  char byte = 0;
  EXPECT_EQ(reading.read(&byte, 1).error().code, ErrorCode::kTimeout);
}

TEST_P(PassedStreamTest, EndsWhenItTakesTooLongAltogether) {
  Ends ends = GetParam()();
  auto stream = open(std::move(ends.write), Use::kWrite, {1h, 20ms}).value();
  EXPECT_EQ(stream.write(std::string(2'000'000, 'x')).error().code, ErrorCode::kTimeout);
}

TEST_P(PassedStreamTest, EndsWhenTheReaderGoesAway) {
  Ends ends = GetParam()();
  auto stream = open(std::move(ends.write), Use::kWrite).value();
  std::thread reader([&] {
    char byte = 0;
    EXPECT_EQ(::read(ends.read.get(), &byte, 1), 1);
    ends.read.reset();
  });
  EXPECT_EQ(stream.write(std::string(2'000'000, 'x')).error().code, ErrorCode::kConflict);
  reader.join();
}

TEST_P(PassedStreamTest, EndsWhenWhoAskedGoesAway) {
  Ends ends = GetParam()();
  auto stream = open(std::move(ends.write), Use::kWrite).value();
  std::thread client([&] { passed_->gone = true; });
  EXPECT_EQ(stream.write(std::string(2'000'000, 'x')).error().code, ErrorCode::kConflict);
  client.join();
}

TEST_P(PassedStreamTest, LeavesTheFlagsThatOthersShare) {
  Ends ends = GetParam()();
  const int before = ::fcntl(ends.write.get(), F_GETFL);
  const Descriptor shared(::fcntl(ends.write.get(), F_DUPFD_CLOEXEC, 0));
  auto stream = open(std::move(ends.write), Use::kWrite).value();
  ASSERT_TRUE(stream.write("bytes"));
  EXPECT_EQ(::fcntl(shared.get(), F_GETFL), before);
}

INSTANTIATE_TEST_SUITE_P(Kinds, PassedStreamTest, testing::Values(make_pipe, make_socket),
                         [](const auto& kind) { return kind.index == 0 ? "Pipe" : "Socket"; });

TEST_F(PassedStreamTest, WritesAndReadsAFile) {
  const TempDirectory directory;
  const std::string path = directory.path() / "archive";
  auto to =
      open(Descriptor(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), Use::kWrite)
          .value();
  EXPECT_TRUE(to.write(bytes_));
  auto from = open(Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), Use::kRead).value();
  EXPECT_EQ(from.file_size(), bytes_.size());
  EXPECT_EQ(from.read_at(299'999, 2).value(), "ab");
  EXPECT_EQ(from.read_at(bytes_.size() - 1, 2).value(), "b");
  char byte = 0;
  EXPECT_EQ(from.read(&byte, 1).value(), 1U);
  EXPECT_EQ(byte, 'a');
  EXPECT_FALSE(from.file_size());  // it is not at its beginning any more
}

TEST_F(PassedStreamTest, RefusesWhatIsNoFilePipeOrSocketOrNotOpenForIt) {
  const TempDirectory directory;
  const auto refused = [&](const char* path, int flags, Use use) {
    const auto stream = open(Descriptor(::open(path, flags | O_CLOEXEC)), use);
    return !stream && stream.error().code == ErrorCode::kInvalid;
  };
  EXPECT_TRUE(refused("/dev/zero", O_RDONLY, Use::kRead));
  EXPECT_TRUE(refused("/dev/null", O_WRONLY, Use::kWrite));
  EXPECT_TRUE(refused(directory.path().c_str(), O_RDONLY, Use::kRead));
  EXPECT_TRUE(refused(directory.path().c_str(), O_PATH, Use::kRead));
  directory.write("file", "bytes");
  const std::string file = directory.path() / "file";
  EXPECT_TRUE(refused(file.c_str(), O_RDONLY, Use::kWrite));
  EXPECT_TRUE(refused(file.c_str(), O_WRONLY, Use::kRead));
  EXPECT_TRUE(refused(file.c_str(), O_PATH, Use::kRead));
}

}  // namespace
}  // namespace rollback
