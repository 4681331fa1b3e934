// SPDX-License-Identifier: Apache-2.0
#include "tests/power/scenario.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "agent/apply/undo.h"
#include "tests/support/child.h"
#include "tests/support/faulty_syscalls.h"
#include "tests/support/lacking_syscalls.h"

namespace rollback {

namespace {

namespace fs = std::filesystem;

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error("the engine failed: " + result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Contents that take blocks of their own, and more than one.
void grow_large(const TempDirectory& host, const TempDirectory& release) {
  const auto text = [](char letter, std::size_t size) { return std::string(size, letter); };
  host.write("etc/app/large-changed", text('o', 9000));
  release.write("etc/app/large-changed", text('n', 21000));
  host.write("etc/app/large-old", text('g', 5000));
  release.write("etc/app/large-new", text('f', 70000));
  host.write("etc/app/small-changed", text('s', 100));
  release.write("etc/app/small-changed", text('t', 3000));
  release.write("etc/app/deep/er/new", text('d', 6000));
}

struct Open {
  Directory root;
  Directory state;
};

Open open_host(const PowerScene& host, Syscalls& calls) {
  auto root = must(Directory::open_root(calls, host.scene().host().path()));
  auto state = must(root.open_directory("state"));
  return {std::move(root), std::move(state)};
}

std::string text_of(const fs::directory_entry& entry) {
  const auto status = entry.symlink_status();
  const auto mode = static_cast<unsigned>(status.permissions());
  if (fs::is_symlink(status)) return "l " + fs::read_symlink(entry.path()).string();
  if (!fs::is_regular_file(status)) return fmt::format("d {:o}", mode);
  std::ifstream file(entry.path(), std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw std::runtime_error("cannot read " + entry.path().string());
  return fmt::format("f {:o} {}", mode, content);
}

}  // namespace

const Promise& promise_at(const std::vector<Promise>& promises, std::size_t cut) {
  const Promise* last = &promises.front();
  for (const auto& promise : promises)
    if (promise.from <= cut) last = &promise;
  return *last;
}

std::string first_difference(const Seen& from, const Seen& to) {
  for (const auto& [path, node] : from.manifest) {
    const auto found = to.manifest.find(path);
    if (found == to.manifest.end()) return path + " is missing";
    if (found->second == node) continue;
    auto names = differences(node, found->second);
    if (node.kind == NodeKind::kDirectory) std::erase(names, "content");  // what is in it says more
    if (names.empty() && node.meta.mtime_ns == found->second.meta.mtime_ns) continue;
    return fmt::format("{}: {}", path, names.empty() ? "time" : fmt::format("{}", names.front()));
  }
  for (const auto& [path, node] : to.manifest)
    if (!from.manifest.contains(path)) return path + " is one too many";
  return from == to ? "" : "hard links";
}

PowerScene::PowerScene(CrashRig& rig, std::uint64_t seed, SyncPolicy policy)
    : rig_(rig), policy_(policy) {
  ::setenv("TMPDIR", rig.top().c_str(), 1);  // where the scene makes its host
  scene_ = std::make_unique<Scene>(seed, 1, policy, grow_large);
}

Seen PowerScene::seen() const {
  KernelSyscalls calls;
  HashingSink sink;
  auto state = capture_app(scene_->host().open(calls), sink);
  return {state.content_root, std::move(state.snapshot), std::move(state.manifest)};
}

Neighbours PowerScene::neighbours() const {
  const auto& host = scene_->host().path();
  Neighbours all;
  for (auto it = fs::recursive_directory_iterator(rig_.top()); it != fs::end(it); ++it) {
    const auto& path = it->path();
    const bool managed = path == host / "etc/app" || path.filename() == ".rollback";
    if (managed) it.disable_recursion_pending();
    if (managed || path == host / "state/journal" || path == host / "state/lock") continue;
    all[path.lexically_relative(rig_.top()).string()] = text_of(*it);
  }
  return all;
}

namespace {

// The end of a run, once its outcome is stored elsewhere.
void close_run(const Open& host, Journal& journal, RecordedDisk& disk,
               std::vector<Promise>& promises, Ends ends) {
  const auto content = must(Journal::find(host.state));
  auto stages = StageSet::of_journal(host.root, content->begin.stages);
  must(journal.append(JournalPhase{RunPhase::kDone, {}}));
  must(stages.remove());
  promises.push_back({disk.events() + 1, ends, JournalIs::kOpen});
  must(Journal::remove(host.state));
  promises.push_back({disk.events(), ends, JournalIs::kGone});
}

void commit(const PowerScene& host, Syscalls& calls, SeededRandom&, RecordedDisk& disk,
            std::vector<Promise>& promises) {
  const auto open = open_host(host, calls);
  auto journal = must(host.scene().change(calls));
  // The one record that decides: before it is written the run goes back, once it is told it stays.
  promises.push_back({disk.events(), Ends::kOrigin, JournalIs::kKept});
  promises.push_back({disk.events() + 1, Ends::kEither, JournalIs::kKept});
  must(journal.append(JournalPhase{RunPhase::kVerified, {}}));
  promises.push_back({disk.events(), Ends::kTarget, JournalIs::kKept});
  close_run(open, journal, disk, promises, Ends::kTarget);
}

void undo(const PowerScene& host, Syscalls& calls, SeededRandom&, RecordedDisk& disk,
          std::vector<Promise>& promises) {
  const auto open = open_host(host, calls);
  auto journal = must(host.scene().change(calls));
  promises.push_back({disk.events(), Ends::kOrigin, JournalIs::kKept});
  must(journal.append(JournalPhase{RunPhase::kUndoing, {}}));
  const auto content = must(Journal::find(open.state));
  const auto stages = StageSet::of_journal(open.root, content->begin.stages);
  const auto undone =
      undo_files(LiveFiles(open.root), stages, content->intent->files, host.policy());
  if (!undone.differs.empty()) throw std::runtime_error("undo: " + undone.differs.front());
  must(journal.append(JournalFilesUndone{}));
  close_run(open, journal, disk, promises, Ends::kOrigin);
}

// Killed at one of its renames; the disk then shows the next start, with nothing flushed between.
void recovery(const PowerScene& host, Syscalls& calls, SeededRandom& random, RecordedDisk& disk,
              std::vector<Promise>& promises) {
  const auto steps = must(host.scene().plan()).steps.size();
  auto left = 2 + random.below(steps / 2);  // the first one is the trial of the stage
  const bool killed = was_killed([&] {
    FaultySyscalls counted(calls);
    counted.answer = [&](std::string_view call) {
      if (call == "renameat2" && --left == 0) ::raise(SIGKILL);
      return 0;
    };
    must(host.scene().commit(counted));
  });
  if (!killed) throw std::runtime_error("the commit was not killed");
  const auto found = must(host.scene().recover(calls));
  if (found.decision == Recovery::Decision::kFinished)
    throw std::runtime_error("a recovery that ends on the target: " + found.message);
  promises.push_back({disk.events(), Ends::kOrigin, JournalIs::kKept});
  const auto open = open_host(host, calls);
  auto journal = must(Journal::reopen(open.state));
  close_run(open, journal, disk, promises, Ends::kOrigin);
}

// The same on a file system that knows no flags of rename.
template <auto run>
void by_links(const PowerScene& host, Syscalls& calls, SeededRandom& random, RecordedDisk& disk,
              std::vector<Promise>& promises) {
  LackingSyscalls lacking(calls, {.rename_flags = RENAME_EXCHANGE | RENAME_NOREPLACE});
  run(host, lacking, random, disk, promises);
}

}  // namespace

const std::vector<Scenario>& every_scenario() {
  // Of what is synced at once, both what the disk begins early and what it does not.
  constexpr SyncPolicy kMuch{1, 8192};
  static const std::vector<Scenario> all = {{"commit", {}, commit},
                                            {"commit-at-once", kMuch, commit},
                                            {"undo", {}, undo},
                                            {"undo-at-once", kMuch, undo},
                                            {"recovery", {}, recovery},
                                            {"recovery-at-once", kMuch, recovery},
                                            {"commit-by-links", {}, by_links<commit>},
                                            {"recovery-by-links", {}, by_links<recovery>}};
  return all;
}

const Scenario& scenario(const std::string& name) {
  for (const auto& one : every_scenario())
    if (one.name == name) return one;
  throw std::runtime_error("no scenario " + name);
}

namespace {

// Another program of the host. It writes what was there before, so that its file is no witness.
class Busy {
 public:
  Busy(const fs::path& file, std::uint64_t seed)
      : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), random_(seed) {
    if (fd_ < 0 || ::pwrite(fd_, "busy", 4, 0) != 4)
      throw std::runtime_error("cannot write " + file.string());
  }
  ~Busy() { ::close(fd_); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

  // After each fifth call it syncs its file, and now and then everything.
  void turn() {
    const auto drawn = random_.below(40);
    if (drawn >= 8) return;
    if (::pwrite(fd_, "busy", 4, 0) != 4 || (drawn == 0 ? ::syncfs(fd_) : ::fsync(fd_)) != 0)
      throw std::runtime_error("another program cannot sync");
  }

 private:
  const int fd_;
  SeededRandom random_;
};

void remount(CrashRig& rig) {
  rig.unmount();
  rig.disk().keep();
  if (!rig.mount()) throw std::runtime_error("cannot mount a new " + rig.kind().name);
}

}  // namespace

Recording record(CrashRig& rig, const PowerScene& host, const Scenario& what, std::uint64_t seed,
                 const RecordOrder& order) {
  const auto busy_file = rig.top() / "busy";
  { const Busy written(busy_file, 0); }
  Recording recording;
  remount(rig);
  recording.origin = host.seen();
  recording.neighbours = host.neighbours();
  remount(rig);
  KernelSyscalls kernel;
  SyncLayer calls(kernel, host.scene().host().path());
  calls.drops = order.drops;
  SeededRandom random(seed);
  recording.promises.push_back({0, Ends::kOrigin, JournalIs::kOpen});
  {
    Busy others(busy_file, seed);
    if (order.others == Others::kSync) calls.meanwhile = [&] { others.turn(); };
    what.run(host, calls, random, rig.disk(), recording.promises);
  }
  const auto events = rig.disk().events();
  recording.dropped = calls.dropped();
  const auto reached = host.seen();
  const bool forward = recording.promises.back().ends == Ends::kTarget;
  if (forward) recording.target = reached;
  if (forward && reached.content_root != host.scene().target())
    throw std::runtime_error("uncut, it does not end on its target");
  const auto difference = forward ? "" : first_difference(recording.origin, reached);
  if (!difference.empty())
    throw std::runtime_error("uncut, it does not end on its origin: " + difference);
  recording.log = rig.disk().take();
  recording.log.resize(events);
  rig.unmount();
  return recording;
}

}  // namespace rollback
