// SPDX-License-Identifier: Apache-2.0
// Descriptors beside the frames of the local door.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "protocol/unix_channel.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using namespace std::chrono_literals;

// Sends `bytes` with as many descriptors as it likes.
void send_raw(int socket, std::string bytes, const std::vector<int>& descriptors) {
  iovec piece{bytes.data(), bytes.size()};
  std::vector<char> control(CMSG_SPACE(descriptors.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size() * sizeof(int));
  ASSERT_EQ(::sendmsg(socket, &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

std::string frame(const std::string& payload) {
  return std::string(1, static_cast<char>(payload.size())) + std::string(3, '\0') + payload;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class Rights : public testing::Test {
 protected:
  void open(bool takes) {
    DoorOptions options{path_, 0600, std::nullopt, {}};
    options.takes_descriptors = takes;
    door_ = UnixDoor::listen(
                poller_, clock_, options,
                [this](ConnectionId, const Principal&, std::string text) {
                  frames_.push_back(std::move(text));
                  taken_.push_back(door_->take_descriptor());
                  EXPECT_FALSE(door_->take_descriptor());
                },
                [this](ConnectionId) { ++closed_; })
                .value();
  }
  void turn_until(const std::function<bool()>& done) {
    const SystemClock real;
    const BootTime end = real.boot() + 10s;
    while (!done() && real.boot() < end) ASSERT_TRUE(poller_.poll(20ms));
    EXPECT_TRUE(done());
  }

  TempDirectory temp_;
  std::string path_ = temp_.path() / "door.sock";
  FakeClock clock_;
  Poller poller_;
  std::unique_ptr<UnixDoor> door_;
  std::vector<std::string> frames_;
  std::vector<Descriptor> taken_;
  int closed_ = 0;
};

TEST_F(Rights, ComeWithTheFrameTheyWereSentWith) {
  open(true);
  temp_.write("file", "bytes");
  const Descriptor file(::open((temp_.path() / "file").c_str(), O_RDONLY | O_CLOEXEC));
  auto client = UnixClient::connect(path_).value();
  ASSERT_TRUE(client.send("without"));
  turn_until([&] { return frames_.size() == 1; });
  ASSERT_TRUE(client.send("with", file.get()));
  turn_until([&] { return frames_.size() == 2; });
  EXPECT_FALSE(taken_[0]);
  ASSERT_TRUE(taken_[1]);
  struct stat sent {};
  struct stat got {};
  ASSERT_EQ(::fstat(file.get(), &sent), 0);
  ASSERT_EQ(::fstat(taken_[1].get(), &got), 0);
  EXPECT_EQ(sent.st_ino, got.st_ino);
  EXPECT_NE(::fcntl(taken_[1].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Rights, ComeWithALongFrameToo) {
  open(true);
  const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto client = UnixClient::connect(path_).value();
  ASSERT_TRUE(client.send(std::string(150'000, 'x'), file.get()));
  turn_until([&] { return frames_.size() == 1; });
  EXPECT_TRUE(taken_[0]);
}

TEST_F(Rights, AreClosedAndTheirSenderDroppedWhereNoneAreTaken) {
  open(false);
  const auto before = open_descriptors();
  {
    auto client = UnixClient::connect(path_).value();
    ASSERT_TRUE(client.send("with", STDIN_FILENO));
    turn_until([&] { return closed_ == 1; });
  }
  EXPECT_TRUE(frames_.empty());
  EXPECT_EQ(door_->counters().malformed, 1U);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Rights, AreClosedWhenThereAreTooMany) {
  open(true);
  const auto before = open_descriptors();
  for (const std::size_t count : {2U, 3U, 100U}) {
    auto client = UnixClient::connect(path_).value();
    send_raw(client.fd(), frame("hi"), std::vector<int>(count, STDIN_FILENO));
    turn_until([&] { return closed_ == 1; });
    closed_ = 0;
  }
  {  // one after the other, before the frame is whole
    auto client = UnixClient::connect(path_).value();
    send_raw(client.fd(), std::string(1, '\x10'), {STDIN_FILENO});
    turn_until([&] { return open_descriptors() > before + 1; });
    send_raw(client.fd(), std::string(1, '\0'), {STDIN_FILENO});
    turn_until([&] { return closed_ == 1; });
  }
  EXPECT_TRUE(frames_.empty());
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Rights, AreClosedWithTheirConnection) {
  open(true);
  const auto before = open_descriptors();
  {
    auto client = UnixClient::connect(path_).value();
    send_raw(client.fd(), std::string(1, '\x10'), {STDIN_FILENO});
    turn_until([&] { return open_descriptors() == before + 3; });  // client, connection, ours
  }
  turn_until([&] { return closed_ == 1; });
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace rollback
