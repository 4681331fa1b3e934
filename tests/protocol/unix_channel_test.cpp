// SPDX-License-Identifier: Apache-2.0
#include "protocol/unix_channel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "protocol/codec.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kSoon = 10s;
constexpr std::uint32_t kOperators = 4242;

// A client that writes what it likes.
class RawPeer {
 public:
  explicit RawPeer(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawPeer() { ::close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  bool send(const std::string& bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  void stop_sending() { ::shutdown(fd_, SHUT_WR); }

  bool connected = false;

 private:
  int fd_;
};

// What a process of another user and group sends to the socket; true when it could connect.
bool knock_as(std::uint32_t id, const std::vector<gid_t>& groups, const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::setgroups(groups.size(), groups.data()) == 0 &&
                         ::setresgid(id, id, id) == 0 && ::setresuid(id, id, id) == 0;
    RawPeer peer(path);
    ::_exit(dropped && peer.connected && peer.send({'\2', '\0', '\0', '\0', 'h', 'i'}) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class Door : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::chmod(temp.path().c_str(), 0755), 0); }

  Result<std::unique_ptr<UnixDoor>> listen(DoorLimits limits = {}) {
    return UnixDoor::listen(
        poller, clock, {path, 0666, kOperators, limits},
        [this](ConnectionId id, const Principal& principal, std::string frame) {
          ids.push_back(id);
          principals.push_back(principal);
          frames.push_back(std::move(frame));
          if (on_frame) on_frame(id);
        },
        [this](ConnectionId id) { closed.push_back(id); });
  }
  void open(DoorLimits limits = {}) {
    auto opened = listen(limits);
    ASSERT_TRUE(opened) << opened.error().message;
    door = *std::move(opened);
  }
  // Turns the loop until `done`; false at the deadline.
  template <typename Done>
  bool turn_until(Done done) {
    const SystemClock real;
    const BootTime end = real.boot() + kSoon;
    while (!done()) {
      const Duration left = end - real.boot();
      if (left <= Duration::zero() || !poller.poll(std::min<Duration>(left, 20ms))) return false;
    }
    return true;
  }
  bool turn_until_frames(std::size_t count) {
    return turn_until([&] { return frames.size() >= count; });
  }
  bool turn_until_closed(std::size_t count) {
    return turn_until([&] { return closed.size() >= count; });
  }
  UnixClient client() {
    auto connected = UnixClient::connect(path);
    if (!connected) throw std::runtime_error(connected.error().message);
    return *std::move(connected);
  }

  TempDirectory temp;
  std::string path = temp.path() / "door.sock";
  FakeClock clock;
  Poller poller;
  std::unique_ptr<UnixDoor> door;
  std::vector<ConnectionId> ids;
  std::vector<Principal> principals;
  std::vector<std::string> frames;
  std::vector<ConnectionId> closed;
  std::function<void(ConnectionId)> on_frame;
};

TEST_F(Door, CarriesFramesBothWays) {
  open();
  auto peer = client();
  ASSERT_TRUE(peer.send("question"));
  ASSERT_TRUE(turn_until_frames(1));
  ASSERT_TRUE(door->send(ids[0], "answer 1"));
  ASSERT_TRUE(door->send(ids[0], ""));

  EXPECT_THAT(frames, ElementsAre("question"));
  EXPECT_EQ(peer.receive(kSoon), "answer 1");
  EXPECT_EQ(peer.receive(kSoon), "");
  EXPECT_EQ(peer.receive(10ms).error().code, ErrorCode::kTimeout);
}

TEST_F(Door, CarriesAnswersLargerThanTheSocketsBuffer) {
  open();
  auto peer = client();
  ASSERT_TRUE(peer.send("all of it"));
  ASSERT_TRUE(turn_until_frames(1));
  const std::string large(WireLimits::kMaxFrame, 'x');
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(door->send(ids[0], large));
  door->close_after_sending(ids[0]);
  EXPECT_EQ(door->send(ids[0], "late").error().code, ErrorCode::kNotFound);

  std::vector<std::size_t> sizes;
  std::thread reader([&] {
    for (auto frame = peer.receive(kSoon); frame; frame = peer.receive(kSoon))
      sizes.push_back(frame->size());
  });
  EXPECT_TRUE(turn_until_closed(1));
  reader.join();

  EXPECT_THAT(sizes, ElementsAre(large.size(), large.size(), large.size(), large.size()));
}

TEST_F(Door, KnowsRootAsAnOperator) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  open();
  auto peer = client();
  ASSERT_TRUE(peer.send("hi"));
  ASSERT_TRUE(turn_until_frames(1));

  EXPECT_EQ(principals[0].role, Role::kOperator);
  EXPECT_EQ(principals[0].name, "root (uid 0)");
}

TEST_F(Door, KnowsAnotherUserAsAStranger) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  open();
  ASSERT_TRUE(knock_as(65534, {65534}, path));
  ASSERT_TRUE(turn_until_frames(1));

  EXPECT_EQ(principals[0].role, Role::kStranger);
  EXPECT_EQ(principals[0].uid, 65534U);
}

TEST_F(Door, KnowsMembersOfTheOperatorsGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  open();
  std::vector<gid_t> many;  // more than the first guess of how many there are
  for (gid_t gid = 5000; gid < 5060; ++gid) many.push_back(gid);
  many.push_back(kOperators);
  ASSERT_TRUE(knock_as(65534, {kOperators}, path));
  ASSERT_TRUE(knock_as(kOperators, {}, path));  // as their primary group
  ASSERT_TRUE(knock_as(65534, many, path));
  ASSERT_TRUE(turn_until_frames(3));

  for (const Principal& principal : principals) EXPECT_EQ(principal.role, Role::kOperator);
}

TEST_F(Door, GivesItsFileModeAndGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  open();
  struct stat stat {};
  ASSERT_EQ(::stat(path.c_str(), &stat), 0);

  EXPECT_EQ(stat.st_mode & 07777, 0666U);
  EXPECT_EQ(stat.st_gid, kOperators);
}

TEST_F(Door, IsNotTakenFromADaemonThatListens) {
  open();

  const auto second = listen();

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_TRUE(UnixClient::connect(path));
}

TEST_F(Door, ReplacesAFileLeftBehind) {
  {
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(dead);
  }
  EXPECT_EQ(UnixClient::connect(path).error().code, ErrorCode::kNotFound);

  open();

  EXPECT_TRUE(UnixClient::connect(path));
}

TEST_F(Door, DoesNotReplaceWhatIsNotASocket) {
  temp.write("door.sock", "precious");

  EXPECT_EQ(listen().error().code, ErrorCode::kExists);
  EXPECT_EQ(temp.read("door.sock"), "precious");
}

TEST_F(Door, RemovesItsFileAndNobodyElses) {
  open();
  door.reset();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);

  open();
  ASSERT_EQ(::unlink(path.c_str()), 0);
  temp.write("door.sock", "somebody else's");
  door.reset();
  EXPECT_EQ(temp.read("door.sock"), "somebody else's");
}

TEST_F(Door, ClosesAndCountsFramesAboveTheLimit) {
  open();
  RawPeer peer(path);
  ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\n\r\n"));

  EXPECT_TRUE(turn_until_closed(1));
  EXPECT_EQ(door->counters().malformed, 1U);
  EXPECT_THAT(frames, IsEmpty());
}

TEST_F(Door, CountsFramesCutShort) {
  open();
  {
    RawPeer peer(path);
    ASSERT_TRUE(peer.send({'\4', '\0', '\0', '\0', 'h', 'i'}));
  }

  EXPECT_TRUE(turn_until_closed(1));
  EXPECT_EQ(door->counters().malformed, 1U);
}

TEST_F(Door, JoinsFramesThatArriveInPieces) {
  open();
  RawPeer peer(path);
  for (const char byte : std::string("\3\0\0\0one\3\0\0\0two", 14)) {
    ASSERT_TRUE(peer.send(std::string(1, byte)));
    ASSERT_TRUE(poller.poll(kSoon));
  }

  EXPECT_TRUE(turn_until_frames(2));
  EXPECT_THAT(frames, ElementsAre("one", "two"));
}

TEST_F(Door, DropsAReaderThatIsTooSlow) {
  DoorLimits limits;
  limits.max_queued_bytes = 2 * WireLimits::kMaxFrame;
  open(limits);
  auto slow = client();
  auto other = client();
  ASSERT_TRUE(slow.send("all"));
  ASSERT_TRUE(turn_until_frames(1));
  ASSERT_TRUE(other.send("me too"));
  ASSERT_TRUE(turn_until_frames(2));

  Status sent;
  int taken = 0;
  while ((sent = door->send(ids[0], std::string(WireLimits::kMaxFrame / 2, 'x')))) ++taken;

  EXPECT_EQ(sent.error().code, ErrorCode::kBusy);
  EXPECT_LE(taken, 5);
  EXPECT_THAT(closed, IsEmpty()) << "send() must not call back";
  EXPECT_TRUE(turn_until_closed(1));
  EXPECT_THAT(closed, ElementsAre(ids[0]));
  ASSERT_TRUE(door->send(ids[1], "still here"));
  EXPECT_EQ(other.receive(kSoon), "still here");
}

TEST_F(Door, SurvivesAPeerThatLeavesBeforeItsAnswer) {
  open();
  {
    auto peer = client();
    ASSERT_TRUE(peer.send("bye"));
    ASSERT_TRUE(turn_until_frames(1));
  }

  EXPECT_EQ(door->send(ids[0], "too late").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(turn_until_closed(1));
}

TEST_F(Door, ServesNoFrameAfterTheOneThatClosed) {
  open();
  on_frame = [&](ConnectionId id) { door->close_after_sending(id); };
  RawPeer peer(path);
  ASSERT_TRUE(peer.send(std::string("\3\0\0\0one\3\0\0\0two", 14)));

  EXPECT_TRUE(turn_until_closed(1));
  EXPECT_THAT(frames, ElementsAre("one"));
  EXPECT_EQ(door->counters().malformed, 0U);
}

TEST_F(Door, DropsConnectionsWithoutARequest) {
  open();
  auto silent = client();
  auto asking = client();
  ASSERT_TRUE(asking.send("long work"));
  ASSERT_TRUE(turn_until_frames(1));
  ASSERT_TRUE(turn_until([&] { return door->counters().accepted == 2; }));

  clock.advance(29s);
  door->drop_idle();
  EXPECT_THAT(closed, IsEmpty());
  clock.advance(1s);
  door->drop_idle();

  EXPECT_EQ(closed.size(), 1U);
  EXPECT_TRUE(door->send(ids[0], "done"));
}

TEST_F(Door, RefusesMoreConnectionsThanItHasRoomFor) {
  DoorLimits limits;
  limits.max_connections = 2;
  open(limits);
  const auto first = client();
  const auto second = client();
  auto third = client();
  ASSERT_TRUE(turn_until([&] { return door->counters().refused == 1; }));

  EXPECT_EQ(door->counters().accepted, 2U);
  EXPECT_EQ(third.receive(kSoon).error().code, ErrorCode::kNotFound);
}

TEST_F(Door, KeepsRoomForOperatorsFromStrangers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  DoorLimits limits;
  limits.max_strangers = 0;
  open(limits);
  ASSERT_TRUE(knock_as(65534, {65534}, path));
  ASSERT_TRUE(turn_until([&] { return door->counters().refused == 1; }));

  auto peer = client();
  ASSERT_TRUE(peer.send("hi"));
  EXPECT_TRUE(turn_until_frames(1));
}

TEST(UnixClient, SaysThatNobodyListens) {
  EXPECT_EQ(UnixClient::connect("/nonexistent/door.sock").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(UnixClient::connect("relative.sock").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(UnixClient::connect("/" + std::string(200, 'x')).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace rollback
