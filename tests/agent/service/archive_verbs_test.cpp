// SPDX-License-Identifier: Apache-2.0
// export and import through the agent's loop and its real socket.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include "protocol/unix_channel.h"
#include "tests/agent/service/door_fixture.h"
#include "tests/agent/store/archive_fixture.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

constexpr Duration kSoon = std::chrono::seconds(20);

class ArchiveVerbs : public DoorTest {
 protected:
  void SetUp() override {
    old_ = ::signal(SIGPIPE, SIG_IGN);  // as the agent does
    options_.fleet.clear();
    tree_.write("etc/app/large", std::string(2'000'000, 'x') + "end");
    Link::Deps link{context_, poller_, clock_, random_, {}, {}, {}, {}};
    agent_ = std::make_unique<Agent>(
        Agent::Deps{*host_, poller_, answers_, clock_, [] {}, [this] { return stopping_.load(); },
                    [](const std::string&) {}},
        std::vector<LinkTarget>{}, std::move(link));
    DoorOptions door{socket_, 0600, std::nullopt, {}};
    door.takes_descriptors = true;
    ASSERT_TRUE(agent_->listen(door));
    loop_ = std::thread([this] { EXPECT_TRUE(agent_->run()); });
  }
  void TearDown() override {
    stopping_ = true;
    poller_.wake();
    loop_.join();
    agent_.reset();
    ::signal(SIGPIPE, old_);
  }

  UnixClient sent(const CommandBody& body, int descriptor) {
    auto client = UnixClient::connect(socket_).value();
    const auto frame = encode_envelope(seal(command(body)).value()).value();
    EXPECT_TRUE(client.send(frame, descriptor));
    return client;
  }
  // The End; what came before it in `replies`.
  static End end_of(UnixClient& client, std::vector<Reply>* replies = nullptr) {
    for (;;) {
      auto reply = decode_reply(client.receive(kSoon).value()).value();
      if (const auto* end = std::get_if<End>(&reply.body)) return *end;
      if (replies != nullptr) replies->push_back(std::move(reply));
    }
  }
  End ask(const CommandBody& body, int descriptor = -1, std::vector<Reply>* replies = nullptr) {
    auto client = sent(body, descriptor);
    return end_of(client, replies);
  }
  Descriptor file(const std::string& name, int flags) {
    return Descriptor(::open((store_.path() / name).c_str(), flags | O_CLOEXEC, 0600));
  }
  void export_to(const std::string& name) {
    ASSERT_EQ(ask(SnapshotRequest{"v1.0.0", false, "", false}).exit_code, ExitCode::kDone);
    const auto to = file(name, O_CREAT | O_WRONLY);
    const End end = ask(ExportRequest{"v1.0.0"}, to.get());
    ASSERT_EQ(end.exit_code, ExitCode::kDone) << (end.error ? end.error->message : "");
  }

  std::string socket_ = store_.path() / "agent.sock";
  Poller poller_;
  Outbox answers_{[this] { poller_.wake(); }};
  ZmqContext context_;
  std::atomic<bool> stopping_ = false;
  std::unique_ptr<Agent> agent_;
  std::thread loop_;
  sighandler_t old_ = SIG_DFL;
};

TEST_F(ArchiveVerbs, BringAReleaseToAFileAndBack) {
  export_to("archive");
  // Other content under the same label: the archive's becomes the next number.
  ASSERT_TRUE(std::filesystem::remove(tree_.path() / "etc/app/large"));
  ASSERT_EQ(ask(SnapshotRequest{"v1.0.0", false, "", false}).exit_code, ExitCode::kDone);
  std::vector<Reply> replies;
  const auto from = file("archive", O_RDONLY);
  const End end = ask(ImportRequest{}, from.get(), &replies);
  ASSERT_EQ(end.exit_code, ExitCode::kDone) << (end.error ? end.error->message : "");
  EXPECT_TRUE(end.changed);
  ASSERT_EQ(replies.size(), 2U);
  const auto& revision = std::get<RevisionItem>(replies[0].body);
  EXPECT_EQ(revision.status.revision.name.str(), "v1.0.0@3");
  EXPECT_EQ(revision.status.status, ReleaseStatus::kAvailable);
  EXPECT_FALSE(revision.current);
  const auto& archive = std::get<ArchiveItem>(replies[1].body);
  EXPECT_EQ(archive.revision, "v1.0.0@3");
  EXPECT_EQ(archive.bytes, std::filesystem::file_size(store_.path() / "archive"));
  const auto entry = snapshots_.history().value().back();
  EXPECT_EQ(entry.action, HistoryAction::kImport);
  EXPECT_THAT(entry.actor, HasSubstr("uid 0"));
  EXPECT_THAT(entry.reason, HasSubstr("exported by web1"));
}

TEST_F(ArchiveVerbs, TakeTheSameReleaseForWhatItIs) {
  export_to("archive");
  const auto from = file("archive", O_RDONLY);
  const End end = ask(ImportRequest{}, from.get());
  EXPECT_EQ(end.exit_code, ExitCode::kDone);
  EXPECT_FALSE(end.changed);
}

TEST_F(ArchiveVerbs, WriteToAPipeThatIsReadSlowly) {
  export_to("archive");
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Descriptor read(ends[0]);
  auto client = [&] {
    const Descriptor write(ends[1]);
    return sent(ExportRequest{"v1.0.0"}, write.get());
  }();
  std::string got;
  std::array<char, 300> piece{};
  for (ssize_t size = 0; (size = ::read(read.get(), piece.data(), piece.size())) > 0;)
    got.append(piece.data(), static_cast<std::size_t>(size));
  EXPECT_EQ(end_of(client).exit_code, ExitCode::kDone);
  const auto written = file("archive", O_RDONLY);
  std::string expected(got.size() + 1, '\0');
  EXPECT_EQ(::read(written.get(), expected.data(), expected.size()),
            static_cast<ssize_t>(got.size()));
  expected.pop_back();
  EXPECT_EQ(got, expected);
}

TEST_F(ArchiveVerbs, GoOnAfterAReaderThatLeavesAndAClientThatDoes) {
  tree_.write("etc/app/noise", [&] {
    std::string bytes(500'000, '\0');
    random_.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    return bytes;
  }());
  export_to("archive");
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  {
    Descriptor read(ends[0]);
    const Descriptor write(ends[1]);
    auto left = sent(ExportRequest{"v1.0.0"}, write.get());
    read.reset();
    EXPECT_EQ(end_of(left).exit_code, ExitCode::kRefused);
  }
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor read(ends[0]);
  const Descriptor write(ends[1]);
  { const auto gone = sent(ExportRequest{"v1.0.0"}, write.get()); }  // nobody reads the pipe
  const auto to = file("again", O_CREAT | O_WRONLY);
  EXPECT_EQ(ask(ExportRequest{"v1.0.0"}, to.get()).exit_code, ExitCode::kDone);
}

TEST_F(ArchiveVerbs, RefuseADamagedFileBeforeAnythingIsStored) {
  export_to("archive");
  std::filesystem::resize_file(store_.path() / "archive",
                               std::filesystem::file_size(store_.path() / "archive") - 1);
  const auto from = file("archive", O_RDONLY);
  const End end = ask(ImportRequest{}, from.get());
  EXPECT_EQ(end.exit_code, ExitCode::kRefused);
  EXPECT_THAT(end.error->message, HasSubstr("damaged"));
  EXPECT_EQ(snapshots_.history().value().size(), 1U);
}

TEST_F(ArchiveVerbs, TakeASetuidFileOnlyWhereTheConfigurationNamesIt) {
  StoreOfHost other(store_.path() / "other");
  Sample sample;
  sample.files = {{"su", "program"}};
  sample.outer.entries.push_back({"su", sample_file("program")});
  sample.outer.entries[0].node.meta.mode = 04755;
  sample.state.snapshot.resources.push_back(
      {ResourceKind::kFiles, "app", {{"/etc/app", sample_directory(sample.outer)}}, {}, {}});
  sample.state.id = snapshot_id(encode_snapshot(sample.state.snapshot).value());
  store_.write("archive", other.exported(other.record(sample, "v1.0.0").value()).value());
  const End refused = ask(ImportRequest{}, file("archive", O_RDONLY).get());
  EXPECT_EQ(refused.exit_code, ExitCode::kRefused);
  EXPECT_THAT(refused.error->message, HasSubstr("/etc/app/su is setuid"));
  EXPECT_TRUE(snapshots_.revisions().value().empty());
  options_.resources[0].allow_setuid = {"/etc/app/su"};
  EXPECT_EQ(ask(ImportRequest{}, file("archive", O_RDONLY).get()).exit_code, ExitCode::kDone);
  // What the configuration no longer names is not restored either.
  options_.resources[0].allow_setuid.clear();
  RollbackRequest back;
  back.to = "v1.0.0";
  back.dry_run = true;
  EXPECT_THAT(ask(back).error->message, HasSubstr("/etc/app/su is setuid"));
}

TEST_F(ArchiveVerbs, NeedADescriptorAndNothingElseTakesOne) {
  ASSERT_EQ(ask(SnapshotRequest{"v1.0.0", false, "", false}).exit_code, ExitCode::kDone);
  EXPECT_EQ(ask(ExportRequest{"v1.0.0"}).exit_code, ExitCode::kUsage);
  EXPECT_EQ(ask(ImportRequest{}).exit_code, ExitCode::kUsage);
  const auto null = Descriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(ask(StatusRequest{}, null.get()).exit_code, ExitCode::kUsage);
  EXPECT_EQ(ask(ExportRequest{"v1.0.0"}, null.get()).exit_code, ExitCode::kRefused);
  EXPECT_EQ(ask(ExportRequest{"v9.0.0"}, file("x", O_CREAT | O_WRONLY).get()).exit_code,
            ExitCode::kRefused);
}

}  // namespace
}  // namespace rollback
