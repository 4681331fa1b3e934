// SPDX-License-Identifier: Apache-2.0
// The store after the death of its process while it prunes: at system calls of the pruning thread,
// and at moments at which RocksDB's own threads are at work.
#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "tests/agent/store/retention_support.h"
#include "tests/agent/store/traced_child.h"
#include "tests/support/child.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFirstPoints = 12;  // the commit is among them
constexpr std::uint64_t kMorePoints = 6;
constexpr int kMoments = 6;

std::string noise(SeededRandom& random, std::size_t size) {
  std::string bytes(size, '\0');
  random.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
  return bytes;
}

void expect(bool held, const std::string& what) {
  if (!held) throw std::runtime_error(what + ", seed " + std::to_string(seed_of_this_run()));
}

// What must be true whenever the process died; then what was left to do is done.
void look(const std::string& path) {
  PrunedStore store(path);
  const auto names = store.names();
  expect(names.contains("v2.0.0") && names.contains("v3.0.0"), "a kept release is gone");
  expect(store.fault().empty(), "not whole: " + store.fault());
  const bool removed = !names.contains("v1.0.0");
  expect(store.snapshots.history().value().size() == (removed ? 4U : 3U), "half a commit");
  const auto before = store.count(Table::kBlobs);
  const auto swept = store.sweep();
  expect(swept.has_value(), "the sweep did not go on");
  expect(removed || store.count(Table::kBlobs) == before, "something was lost");
  expect(store.retention.is_open() == false, "the sweep has no end");
  expect(store.plan(3).value().bytes == 0, "waste is left");
  expect(store.fault().empty(), "not whole after the sweep: " + store.fault());
}

// Sends SIGKILL to this process after `delay`.
void die_after(std::chrono::nanoseconds delay) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  itimerspec when{};
  when.it_value.tv_sec = delay.count() / 1'000'000'000;
  when.it_value.tv_nsec = delay.count() % 1'000'000'000 + 1;
  expect(::timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "no timer");
  expect(::timer_settime(timer, 0, &when, nullptr) == 0, "no timer");
}

class Killer {
 public:
  explicit Killer(std::string directory) : directory_(std::move(directory)) {}

  void fill() {
    std::cerr << "seed " << seed_of_this_run() << '\n';
    expect(!was_killed([&] {
      PrunedStore store(original_);
      const std::string common = noise(random_, 300'000);
      for (int i = 1; i <= 3; ++i)
        expect(store
                   .record(make_sample({{"common", common},
                                        {"own", noise(random_, 1'500'000)},
                                        {"small", noise(random_, 5'000)}}),
                           "v" + std::to_string(i) + ".0.0")
                   .has_value(),
               "not recorded");
    }),
           "killed");
  }

  void at_calls() {
    const Trace all = die_before(SIZE_MAX);
    expect(all.finished && all.calls.size() > kFirstPoints, "nothing to kill");
    for (std::size_t point = 0; point < kFirstPoints; ++point) die_before(point);
    for (std::uint64_t i = 0; i < kMorePoints; ++i)
      die_before(kFirstPoints + random_.below(all.calls.size() - kFirstPoints));
  }

  void at_moments() {
    const auto began = std::chrono::steady_clock::now();
    die_within(std::chrono::hours(1));
    const auto whole = std::chrono::steady_clock::now() - began;
    for (int i = 0; i < kMoments; ++i)
      die_within(std::chrono::nanoseconds(
          random_.below(static_cast<std::uint64_t>(std::chrono::nanoseconds(whole).count()))));
  }

 private:
  void renew() {
    fs::remove_all(copy_);
    fs::copy(original_, copy_, fs::copy_options::recursive);
  }
  Trace die_before(std::size_t point) {
    renew();
    std::optional<PrunedStore> store;
    const Trace trace =
        run_and_kill([&] { store.emplace(copy_); }, [&] { (void)store->prune(1); }, point);
    expect(!was_killed([&] { look(copy_); }), "killed");
    return trace;
  }
  void die_within(std::chrono::nanoseconds delay) {
    renew();
    (void)was_killed([&] {
      PrunedStore store(copy_);
      die_after(delay);
      (void)store.prune(1);
    });
    expect(!was_killed([&] { look(copy_); }), "killed");
  }

  std::string directory_;
  std::string original_ = directory_ + "/original";
  std::string copy_ = directory_ + "/copy";
  SeededRandom random_;
};

// In a program of its own, which never opens a store itself: its children need RocksDB's threads,
// and a fork loses those that were begun before.
void run(const std::string& directory, void (Killer::*kill)()) {
  try {
    Killer killer(directory);
    killer.fill();
    (killer.*kill)();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    std::_Exit(1);
  }
  std::_Exit(0);
}

void run_in_a_program_of_its_own(void (Killer::*kill)()) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const TempDirectory directory;
  EXPECT_EXIT(run(directory.path(), kill), testing::ExitedWithCode(0), "");
}

TEST(RetentionCrash, LeavesEveryKeptReleaseWholeAtCallsOfThePruningThread) {
  run_in_a_program_of_its_own(&Killer::at_calls);
}

TEST(RetentionCrash, LeavesEveryKeptReleaseWholeAtRandomMoments) {
  run_in_a_program_of_its_own(&Killer::at_moments);
}

}  // namespace
}  // namespace rollback
