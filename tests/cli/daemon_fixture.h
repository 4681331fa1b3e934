// SPDX-License-Identifier: Apache-2.0
// A daemon of the test on a real socket, for the real program.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/unix_channel.h"
#include "tests/support/temp_directory.h"

namespace rollback::testing {

// Answers every request with the same replies; without an End among them it stays silent.
class Daemon {
 public:
  explicit Daemon(std::vector<ReplyBody> answers) : answers_(std::move(answers)) {
    DoorOptions options;
    options.path = path();
    auto door = UnixDoor::listen(
        poller_, clock_, options,
        [this](ConnectionId from, const Principal&, const std::string& frame) {
          answer(from, frame);
        },
        [](ConnectionId) {});
    EXPECT_TRUE(door) << door.error().message;
    door_ = *std::move(door);
    thread_ = std::thread([this] {
      while (!stopping_) (void)poller_.poll(std::chrono::seconds(1));
    });
  }
  ~Daemon() {
    stopping_ = true;
    poller_.wake();
    thread_.join();
  }
  [[nodiscard]] std::string path() const { return (directory_.path() / "door.sock").string(); }

 private:
  void answer(ConnectionId to, const std::string& frame) {
    const auto envelope = decode_envelope(frame);
    ASSERT_TRUE(envelope);
    const auto command = decode_command(envelope->payload);
    ASSERT_TRUE(command);
    std::uint64_t index = 0;
    for (const auto& body : answers_)
      ASSERT_TRUE(door_->send(to, *encode_reply(Reply{command->id, ++index, "", body})));
  }

  TempDirectory directory_;
  SystemClock clock_;
  Poller poller_;
  const std::vector<ReplyBody> answers_;
  std::unique_ptr<UnixDoor> door_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace rollback::testing
