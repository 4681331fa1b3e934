// SPDX-License-Identifier: Apache-2.0
// export and import of the real program, against a daemon of this test that gets the descriptor.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/archive_file.h"
#include "core/process.h"
#include "protocol/codec.h"
#include "protocol/unix_channel.h"
#include "tests/support/temp_directory.h"

namespace rollback::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Writes "an archive" into the descriptor, or reads what is in it, and answers with `end`.
class Archivist {
 public:
  explicit Archivist(End end) : end_(std::move(end)) {
    DoorOptions options;
    options.path = path();
    options.takes_descriptors = true;
    door_ = UnixDoor::listen(
                poller_, clock_, options,
                [this](ConnectionId from, const Principal&, const std::string& frame) {
                  answer(from, frame);
                },
                [](ConnectionId) {})
                .value();
    thread_ = std::thread([this] {
      while (!stopping_) (void)poller_.poll(std::chrono::seconds(1));
    });
  }
  ~Archivist() {
    stopping_ = true;
    poller_.wake();
    thread_.join();
  }
  [[nodiscard]] std::string path() const { return (directory_.path() / "door.sock").string(); }

  std::string got;     // what an import's descriptor held
  std::string reason;  // of the command

 private:
  void answer(ConnectionId to, const std::string& frame) {
    const auto command = decode_command(decode_envelope(frame).value().payload).value();
    reason = command.reason;
    const Descriptor descriptor = door_->take_descriptor();
    ASSERT_TRUE(descriptor);
    std::array<char, 100> bytes{};
    if (std::holds_alternative<ExportRequest>(command.body))
      ASSERT_EQ(::write(descriptor.get(), "an archive", 10), 10);
    else
      got.assign(bytes.data(),
                 static_cast<std::size_t>(::read(descriptor.get(), bytes.data(), bytes.size())));
    const ArchiveItem item{"v2.4.1", 6, 10, sha256("an archive")};
    ASSERT_TRUE(door_->send(to, *encode_reply(Reply{command.id, 1, "", item})));
    ASSERT_TRUE(door_->send(to, *encode_reply(Reply{command.id, 2, "", end_})));
  }

  const End end_;
  TempDirectory directory_;
  SystemClock clock_;
  Poller poller_;
  std::unique_ptr<UnixDoor> door_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

const End kFine{ExitCode::kDone, false, std::nullopt};
const End kBroken{ExitCode::kRefused, false, Error{ErrorCode::kCorrupt, "content 3f2a is damaged"}};

ProcessOutcome rollbackctl(const std::string& socket, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {ROLLBACKCTL, "--agent-socket=" + socket});
  return run_process({arguments}).value();
}

// With standard output and standard error apart.
int run_apart(const std::string& socket, std::vector<std::string> arguments, const std::string& out,
              const std::string& err) {
  arguments.insert(arguments.begin(), {ROLLBACKCTL, "--agent-socket=" + socket});
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_CREAT | O_WRONLY, 0600);
  ::posix_spawn_file_actions_addopen(&files, 2, err.c_str(), O_CREAT | O_WRONLY, 0600);
  pid_t child = 0;
  EXPECT_EQ(::posix_spawn(&child, ROLLBACKCTL, &files, nullptr, argv.data(), environ), 0);
  ::posix_spawn_file_actions_destroy(&files);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

class ArchiveFile : public ::testing::Test {
 protected:
  [[nodiscard]] std::size_t files() const {
    const std::filesystem::directory_iterator all(directory_.path());
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  TempDirectory directory_;
  std::string path_ = directory_.path() / "v2.4.1.archive";
};

TEST_F(ArchiveFile, IsThereWholeAndForItsOwnerOnly) {
  const Archivist daemon(kFine);
  EXPECT_EQ(rollbackctl(daemon.path(), {"export", "v2.4.1", path_}).exit_code, 0);
  EXPECT_EQ(directory_.read("v2.4.1.archive"), "an archive");
  struct stat about {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(ArchiveFile, IsNotThereWhenTheExportFailed) {
  const Archivist daemon(kBroken);
  const auto outcome = rollbackctl(daemon.path(), {"export", "v2.4.1", path_});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("content 3f2a is damaged"));
  EXPECT_EQ(files(), 0U);
}

TEST_F(ArchiveFile, StaysWhatItWasUntilTheNewOneIsWhole) {
  directory_.write("v2.4.1.archive", "yesterday's");
  {
    const Archivist daemon(kBroken);
    EXPECT_EQ(rollbackctl(daemon.path(), {"export", "v2.4.1", path_}).exit_code, 2);
    EXPECT_EQ(directory_.read("v2.4.1.archive"), "yesterday's");
  }
  const Archivist daemon(kFine);
  EXPECT_EQ(rollbackctl(daemon.path(), {"export", "v2.4.1", path_}).exit_code, 0);
  EXPECT_EQ(directory_.read("v2.4.1.archive"), "an archive");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ArchiveFile, ReplacesNothingButAFile) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(NewFile::create(path_).error().code, ErrorCode::kExists);
  std::filesystem::remove(path_);
  std::filesystem::create_symlink("/etc/passwd", path_);
  EXPECT_EQ(NewFile::create(path_).error().code, ErrorCode::kExists);
  EXPECT_FALSE(NewFile::create(path_ + "/none/here"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(ArchiveFile, OnStandardOutputIsAloneThere) {
  const Archivist daemon(kFine);
  const std::string out = directory_.path() / "out";
  const std::string err = directory_.path() / "err";
  EXPECT_EQ(run_apart(daemon.path(), {"export", "v2.4.1", "-o", "json"}, out, err), 0);
  EXPECT_EQ(directory_.read("out"), "an archive");
  const auto answer = nlohmann::json::parse(directory_.read("err"));
  EXPECT_EQ(answer["items"].size(), 2U);
}

TEST_F(ArchiveFile, IsHandedOverAsItIs) {
  directory_.write("v2.4.1.archive", "an archive");
  const Archivist daemon(kFine);
  EXPECT_EQ(rollbackctl(daemon.path(), {"import", path_}).exit_code, 0);
  EXPECT_EQ(daemon.got, "an archive");
  EXPECT_EQ(daemon.reason, "from " + path_);
  EXPECT_EQ(rollbackctl(daemon.path(), {"import", path_, "-m", "a new disk"}).exit_code, 0);
  EXPECT_EQ(daemon.reason, "a new disk");
}

TEST_F(ArchiveFile, MustBeThere) {
  const Archivist daemon(kFine);
  const auto outcome = rollbackctl(daemon.path(), {"import", path_});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr(path_));
}

}  // namespace
}  // namespace rollback::testing
