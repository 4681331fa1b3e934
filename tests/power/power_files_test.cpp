// SPDX-License-Identifier: Apache-2.0
// One file after a power cut: whole or as before when the engine writes it, and seen broken when it
// is written without care. Were it not, the proofs here would see nothing.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "core/fs/publish.h"
#include "tests/power/crash_rig.h"
#include "tests/power/jobs.h"

namespace rollback {
namespace {

constexpr CrashBudget kStates{30, 10, 5};

struct Written {
  std::string name;
  std::string before;    // "" when there was none
  std::size_t told = 0;  // events when its writer said that it is there
};

std::string content_of(const Written& file) { return std::string(700 * file.name.size(), 'n'); }

using Writer = void (*)(const std::filesystem::path& top, const Written& file);

void write_with_care(const std::filesystem::path& top, const Written& file) {
  KernelSyscalls calls;
  const auto root = Directory::open_root(calls, top.string());
  if (!root || !replace_file(*root, file.name, content_of(file), 0644))
    throw std::runtime_error("cannot replace " + file.name);
}

// The mistake of many: the name is on the disk before the content is.
void write_without(const std::filesystem::path& top, const Written& file) {
  std::ofstream(top / "temporary", std::ios::binary) << content_of(file);
  std::filesystem::rename(top / "temporary", top / file.name);
  const int fd = ::open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) throw std::runtime_error("cannot sync");
  ::close(fd);
}

// "" when the file is as it may be after a cut at `cut`.
std::string problem_with(const std::filesystem::path& top, const Written& file, std::size_t cut) {
  std::ifstream stream(top / file.name, std::ios::binary);
  const bool exists = stream.is_open();
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  if (exists && content == content_of(file)) return "";
  if (cut >= file.told) return fmt::format("{} is lost", file.name);
  if (exists ? content == file.before && !content.empty() : file.before.empty()) return "";
  return fmt::format("{} has {} bytes of neither", file.name, content.size());
}

std::vector<Written> write_all(CrashRig& rig, Writer write) {
  std::vector<Written> files = {{"old-one", "o", 0},  {"new", "", 0},       {"new-two", "", 0},
                                {"old-four", "o", 0}, {"new-three", "", 0}, {"new-at-last", "", 0}};
  if (!rig.mount()) throw std::runtime_error("cannot mount a new " + rig.kind().name);
  for (const auto& file : files)
    if (!file.before.empty()) std::ofstream(rig.top() / file.name) << file.before;
  rig.unmount();
  rig.disk().keep();
  if (!rig.mount()) throw std::runtime_error("cannot mount " + rig.kind().name);
  for (auto& file : files) {
    write(rig.top(), file);
    file.told = rig.disk().events();
  }
  return files;
}

// Counts "FS states" and "FS bad".
void try_writer(const FileSystem& kind, Writer write, Teller& teller) {
  CrashRig rig(kind);
  const auto files = write_all(rig, write);
  const auto events = rig.disk().events();
  auto log = rig.disk().take();
  log.resize(events);
  rig.unmount();
  rig.disk().set({});
  const CrashStates states(
      log, [&](std::uint64_t offset, std::uint64_t size) { return rig.disk().read(offset, size); });
  SeededRandom random;
  std::unordered_set<std::uint64_t> seen;
  for (const auto& [state, fingerprint] : states.choose(kStates, random, seen)) {
    rig.disk().set({{&log, &state}});
    if (!rig.mount()) continue;
    teller.count(kind.name + " states");
    std::string problem;
    for (const auto& file : files)
      if (problem.empty()) problem = problem_with(rig.top(), file, state.cut);
    rig.unmount();
    if (problem.empty()) continue;
    teller.count(kind.name + " bad");
    teller.count(fmt::format("{}: {} ({} after event {})", kind.name, problem,
                             to_string(state.kind), state.cut));
  }
}

Findings try_everywhere(Writer write) {
  const auto& kinds = every_file_system();
  const auto seed = seed_of_this_run();  // asked for once, here
  auto found = run_jobs(kinds.size(), [&](std::size_t number, Teller& teller) {
    try_writer(kinds[number], write, teller);
  });
  for (const auto& failure : found.failures) ADD_FAILURE() << failure << ", seed " << seed;
  return found;
}

TEST(PowerLossOfAFile, AReplacedFileIsWholeOrAsBeforeAndStaysOnceItIsTold) {
  const auto found = try_everywhere(write_with_care);
  for (const auto& kind : every_file_system()) {
    EXPECT_GE(found.count(kind.name + " states"), 12U) << kind.name;
    EXPECT_EQ(found.count(kind.name + " bad"), 0U);
  }
  for (const auto& [what, count] : found.counts)
    if (what.find(':') != std::string::npos) ADD_FAILURE() << what;
}

TEST(PowerLossOfAFile, IsSeenBrokenWhereItIsWrittenWithoutCare) {
  const auto found = try_everywhere(write_without);
  for (const auto& kind : every_file_system()) {
    fmt::print("{:<12} {} of {} states hold a broken file\n", kind.name,
               found.count(kind.name + " bad"), found.count(kind.name + " states"));
    EXPECT_GE(found.count(kind.name + " bad"), 3U) << kind.name;
  }
}

}  // namespace
}  // namespace rollback
