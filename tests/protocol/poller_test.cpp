// SPDX-License-Identifier: Apache-2.0
#include "protocol/poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "tests/protocol/link_fixture.h"

namespace rollback {
namespace {

class SocketPair {
 public:
  SocketPair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_.data()) != 0) std::abort();
  }
  ~SocketPair() {
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;

  [[nodiscard]] int fd() const { return fds_[0]; }
  void make_readable() const { EXPECT_EQ(::write(fds_[1], "x", 1), 1); }

 private:
  std::array<int, 2> fds_{};
};

TEST(Poller, CallsWhatIsReadyOnly) {
  Poller poller;
  const SocketPair quiet;
  const SocketPair ready;
  ready.make_readable();
  int quiet_calls = 0;
  int ready_calls = 0;
  poller.watch(quiet.fd(), Poller::Interest::kRead, [&] { ++quiet_calls; });
  poller.watch(ready.fd(), Poller::Interest::kRead, [&] { ++ready_calls; });

  ASSERT_TRUE(poller.poll(kSoon));

  EXPECT_EQ(quiet_calls, 0);
  EXPECT_EQ(ready_calls, 1);
}

TEST(Poller, ReportsRoomForWritingOnlyWhereAsked) {
  Poller poller;
  const SocketPair reader;
  const SocketPair writer;
  int reader_calls = 0;
  int writer_calls = 0;
  poller.watch(reader.fd(), Poller::Interest::kRead, [&] { ++reader_calls; });
  poller.watch(writer.fd(), Poller::Interest::kReadWrite, [&] { ++writer_calls; });

  ASSERT_TRUE(poller.poll(kSoon));

  EXPECT_EQ(reader_calls, 0);
  EXPECT_EQ(writer_calls, 1);
}

TEST(Poller, DoesNotCallWhatAnotherCallbackOfTheRoundForgot) {
  Poller poller;
  const SocketPair first;
  const SocketPair second;
  first.make_readable();
  second.make_readable();
  int calls = 0;
  const auto forget_both = [&] {
    ++calls;
    poller.forget(first.fd());
    poller.forget(second.fd());
  };
  poller.watch(first.fd(), Poller::Interest::kRead, forget_both);
  poller.watch(second.fd(), Poller::Interest::kRead, forget_both);

  ASSERT_TRUE(poller.poll(kSoon));
  ASSERT_TRUE(poller.poll(Duration::zero()));

  EXPECT_EQ(calls, 1);
}

TEST(Poller, DoesNotCallANewWatchForWhatTheOldOneSaw) {
  Poller poller;
  const SocketPair first;
  const SocketPair second;
  first.make_readable();
  second.make_readable();
  int stale_calls = 0;
  const auto replace = [&] {
    poller.forget(first.fd());
    poller.watch(second.fd(), Poller::Interest::kRead, [&] { ++stale_calls; });
  };
  poller.watch(first.fd(), Poller::Interest::kRead, replace);
  poller.watch(second.fd(), Poller::Interest::kRead, [&] { ++stale_calls; });

  ASSERT_TRUE(poller.poll(kSoon));

  EXPECT_EQ(stale_calls, 0);
}

TEST(Poller, ReplacesAWatch) {
  Poller poller;
  const SocketPair pair;
  pair.make_readable();
  int old_calls = 0;
  int new_calls = 0;
  poller.watch(pair.fd(), Poller::Interest::kRead, [&] { ++old_calls; });
  poller.watch(pair.fd(), Poller::Interest::kRead, [&] { ++new_calls; });

  ASSERT_TRUE(poller.poll(kSoon));

  EXPECT_EQ(old_calls, 0);
  EXPECT_EQ(new_calls, 1);
}

TEST(Poller, ReturnsAtItsTimeout) {
  Poller poller;
  const SystemClock clock;
  const BootTime start = clock.boot();

  ASSERT_TRUE(poller.poll(30ms));

  EXPECT_GE(clock.boot() - start, Duration(30ms));
}

TEST(Poller, IsWokenByAnotherThread) {
  Poller poller;
  const SystemClock clock;
  const BootTime start = clock.boot();
  std::thread other([&] { poller.wake(); });

  ASSERT_TRUE(poller.poll(kSoon));

  other.join();
  EXPECT_LT(clock.boot() - start, kSoon);
}

TEST(Poller, RemembersAWakeFromBefore) {
  Poller poller;
  const SystemClock clock;
  const BootTime start = clock.boot();
  poller.wake();
  poller.wake();

  ASSERT_TRUE(poller.poll(kSoon));
  EXPECT_LT(clock.boot() - start, kSoon);
  // Both were one.
  const BootTime again = clock.boot();
  ASSERT_TRUE(poller.poll(20ms));
  EXPECT_GE(clock.boot() - again, Duration(20ms));
}

class PollerOfLink : public LinkTest {};

// The descriptor of a ZeroMQ socket is edge-triggered; what is left unread must be told again.
TEST_F(PollerOfLink, TellsOfEveryMessageLeftUnread) {
  const auto zap = must(ZapAuthenticator::start(context));
  zap->admit({web1.public_key});
  const auto router = open_router("agents");
  const auto agent = connected_dealer(web1, *router);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(agent->send("one of ten"));

  Poller poller;
  int messages = 0;
  poller.watch(*router, [&] { messages += must(router->receive()).has_value() ? 1 : 0; });
  const SystemClock clock;
  const BootTime end = clock.boot() + kSoon;
  while (messages < 10 && clock.boot() < end) ASSERT_TRUE(poller.poll(kSoon));

  EXPECT_EQ(messages, 10);
}

}  // namespace
}  // namespace rollback
