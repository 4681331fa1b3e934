// SPDX-License-Identifier: Apache-2.0
// The door with a real engine, real stores and a real socket; only units and probes are fakes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/service/agent.h"
#include "agent/service/door.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "tests/agent/apply/apply_support.h"
#include "tests/support/fake_scopes.h"

namespace rollback {

class GreenProber final : public Prober {
 public:
  std::vector<ProbeResult> round(const std::vector<ProbeSpec>&) override { return {}; }
};

inline const Principal kRoot{Role::kOperator, "root (uid 0)", 0, 0, ""};
inline const Principal kNobody{Role::kStranger, "uid 65534", 65534, 0, ""};
inline const Principal kCoordinator{Role::kCoordinator, "coordinator", 0, 0, "key"};

class DoorTest : public ::testing::Test {
 protected:
  // `arrange` makes the store at this path before it is opened; without it there is a new one.
  explicit DoorTest(const std::function<void(const std::string&)>& arrange = {})
      : database_([&] {
          const std::string path = store_.path() / "db";
          if (arrange) arrange(path);
          return Database::open_or_degrade(path).value();
        }()) {
    tree_.write("etc/app/app.conf", "one");
    tree_.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    tree_.write("etc/group", "root:x:0:\n");
    std::filesystem::create_directories(tree_.path() / "state");
    root_ = tree_.open(kernel_);
    state_ = root_.open_directory("state").value();
    auto app = std::make_unique<AppResource>();
    app->root = tree_.path();
    resources_.push_back(std::move(app));
    options_.resources = app_specs();
    options_.fleet = "shop";
    host_ =
        std::make_unique<Host>(Host{{HostId::make(random_), "web1", "1", clock_.boot()},
                                    {root_, state_, options_, resources_, snapshots_, blobs_, runs_,
                                     readers_, services_, programs_, prober_, clock_, random_},
                                    {root_, services_, programs_},
                                    *engine_(),
                                    *deploys_,
                                    hub_,
                                    health_,
                                    run_worker_,
                                    query_worker_,
                                    transfer_worker_,
                                    *database_,
                                    scrubs_,
                                    [this] {
                                      return ConfigurationOnDisk{options_, true};
                                    },
                                    pruner_});
    door_ = std::make_unique<Door>(*host_, outbox_, [] { return std::string("none"); });
  }

  RollbackEngine* engine_() {
    const RunDeps deps{root_,    state_,    options_,  resources_, snapshots_, blobs_, runs_,
                       readers_, services_, programs_, prober_,    clock_,     random_};
    const Live live{LiveFiles(root_), services_, programs_};
    engine_object_ = std::make_unique<RollbackEngine>(deps, live);
    deploys_ = std::make_unique<DeployEngine>(deps, live, *engine_object_, scopes_);
    return engine_object_.get();
  }

  Command command(CommandBody body) {
    Command made;
    made.fleet = "shop";
    made.id = CommandId::make(random_);
    made.host = host_->identity.id;
    made.epoch = 7;
    made.seq = ++seq_;
    made.body = std::move(body);
    return made;
  }
  bool send(const Principal& who, const Command& asked) {
    return door_->handle(who, encode_envelope(seal(asked).value()).value(), ConnectionId{1});
  }
  // The End of the only stream; waits for the thread that answers.
  End end(std::string* texts = nullptr, std::vector<ReplyBody>* all = nullptr) {
    std::unique_lock lock(mutex_);
    End found;
    const auto ended = [&] {
      for (auto& outgoing : outbox_.drain()) {
        if (auto* const item = std::get_if<DiffItem>(&outgoing.reply.body); item && texts)
          *texts += item->text;
        if (all) all->push_back(outgoing.reply.body);
        if (auto* const last = std::get_if<End>(&outgoing.reply.body)) {
          found = *last;
          return true;
        }
      }
      return false;
    };
    EXPECT_TRUE(woken_.wait_for(lock, std::chrono::seconds(20), ended)) << "no answer";
    return found;
  }
  End asked_by(const Principal& who, const Command& what) {
    EXPECT_TRUE(send(who, what));
    return end();
  }

  std::mutex mutex_;
  std::condition_variable woken_;
  std::uint64_t seq_ = 0;
  SystemClock clock_;
  SystemRandom random_;
  KernelSyscalls kernel_;
  TempDirectory tree_;
  TempDirectory store_;
  Directory root_;
  Directory state_;
  AgentOptions options_;
  std::vector<std::unique_ptr<Resource>> resources_;
  std::unique_ptr<Database> database_;
  BlobStore blobs_{*database_};
  SnapshotStore snapshots_{*database_, blobs_};
  RunStore runs_{*database_};
  Retention retention_{*database_, snapshots_, blobs_};
  ReadPool readers_{2};
  FakeServices services_;
  NoPrograms programs_;
  GreenProber prober_;
  RunHub hub_{runs_, clock_};
  Outbox outbox_{[this] {
    const std::lock_guard lock(mutex_);
    woken_.notify_all();
  }};
  std::unique_ptr<RollbackEngine> engine_object_;
  FakeScopes scopes_;
  std::unique_ptr<DeployEngine> deploys_;
  Worker probe_worker_{"probes", clock_};
  HealthMonitor health_{{}, prober_, probe_worker_, clock_};
  Pruner pruner_{retention_, clock_, [](const std::string&) {}};
  std::unique_ptr<Host> host_;
  std::unique_ptr<Door> door_;
  Worker query_worker_{"queries", clock_};
  Worker transfer_worker_{"transfers", clock_};
  ScrubDesk scrubs_{*database_, clock_};
  Worker run_worker_{"runs", clock_};  // joined first: its jobs use everything above
};

}  // namespace rollback
