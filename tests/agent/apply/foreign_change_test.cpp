// SPDX-License-Identifier: Apache-2.0
// Somebody changes what a run is about to change: the run stops there and is taken back, and what
// they did stays.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/agent/apply/files_scene.h"
#include "tests/support/faulty_syscalls.h"
#include "tests/support/lacking_syscalls.h"
#include "tests/support/meddling_syscalls.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// What somebody does to one path, and how it is seen afterwards and repaired.
struct Change {
  std::string name;
  std::string path;  // below etc/app
  std::function<void(const fs::path&)> make;
  std::function<bool(const fs::path&)> stays;
  std::function<void(const fs::path&)> repair;
};

void write(const fs::path& path, const std::string& content) { std::ofstream(path) << content; }
std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// As an editor saves.
void replace(const fs::path& path, const std::string& content) {
  const auto beside = path.parent_path().parent_path() / "saved";
  write(beside, content);
  fs::rename(beside, path);
}

// The same size and mtime.
void write_quietly(const fs::path& path) {
  const auto time = fs::last_write_time(path);
  write(path, "OLD");
  fs::last_write_time(path, time);
}

void replace_by_directory(const fs::path& path) {
  fs::remove(path);
  fs::create_directory(path);
  write(path / "theirs", "1");
}

void replace_link(const fs::path& path, const std::string& target) {
  fs::remove(path);
  fs::create_symlink(target, path);
}

const auto kIsTheirs = [](const fs::path& path) { return read(path) == "theirs"; };
const auto kWasOld = [](const fs::path& path) { replace(path, "old"); };

std::vector<Change> changes() {
  const auto save = [](const fs::path& path) { replace(path, "theirs"); };
  const auto edit = [](const fs::path& path) { write(path, "theirs"); };
  const auto holds_theirs = [](const fs::path& path) { return read(path / "theirs") == "1"; };
  const auto was_file = [](const fs::path& path) {
    fs::remove_all(path);
    write(path, "old");
  };
  return {
      {"AFileThatIsEdited", "changed", edit, kIsTheirs, kWasOld},
      {"AFileThatIsSaved", "changed", save, kIsTheirs, kWasOld},
      {"AFileThatBecomesADirectory", "changed", replace_by_directory, holds_theirs, was_file},
      {"AFileThatGetsAnotherMode", "changed",
       [](const fs::path& path) { ::chmod(path.c_str(), 0600); },
       [](const fs::path& path) { return fs::status(path).permissions() == fs::perms(0600); },
       [](const fs::path& path) { ::chmod(path.c_str(), 0644); }},
      {"AFileToBeRemovedThatIsEdited", "gone", edit, kIsTheirs, kWasOld},
      {"AFileToBeRemovedThatIsSaved", "gone", save, kIsTheirs, kWasOld},
      {"ALinkThatIsTurned", "link", [](const fs::path& path) { replace_link(path, "theirs"); },
       [](const fs::path& path) { return fs::read_symlink(path) == "theirs"; },
       [](const fs::path& path) { replace_link(path, "old"); }},
      {"AFileThatIsMade", "new", edit, kIsTheirs, [](const fs::path& path) { fs::remove(path); }},
      {"ADirectoryThatIsMade", "new-directory",
       [](const fs::path& path) { fs::create_directory(path); },
       [](const fs::path& path) { return fs::is_directory(path); },
       [](const fs::path& path) { fs::remove(path); }},
  };
}

void plant(const TempDirectory& host, const TempDirectory& release) {
  host.write("etc/app/changed", "old");
  release.write("etc/app/changed", "new");
  host.write("etc/app/gone", "old");
  release.write("etc/app/new", "new");
  release.write("etc/app/new-directory/a", "new");
  fs::create_directory(host.path() / "etc/app/gone-directory");
  fs::create_directory(host.path() / "etc/app/mode");
  fs::create_directory(release.path() / "etc/app/mode");
  ::chmod((release.path() / "etc/app/mode").c_str(), 0700);
  fs::create_symlink("old", host.path() / "etc/app/link");
  fs::create_symlink("new", release.path() / "etc/app/link");
  // Two names of one file: the first one's rename is no change of the second.
  host.write("etc/app/pair-a", "old");
  fs::create_hard_link(host.path() / "etc/app/pair-a", host.path() / "etc/app/pair-b");
  release.write("etc/app/pair-a", "new");
}

void expect_stopped(Scene& scene, const Status& committed, const Change& change) {
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, ErrorCode::kConflict);
  EXPECT_THAT(committed.error().message, HasSubstr("/etc/app/" + change.path + " was "));
  const auto back = scene.take_back(scene.kernel());
  EXPECT_TRUE(back) << back.error().message;
  const auto path = scene.host().path() / "etc/app" / change.path;
  EXPECT_TRUE(change.stays(path)) << "what somebody did is lost";
  change.repair(path);
  EXPECT_EQ(scene.live(), scene.origin());
}

// The last record before the first change is synced.
Status commit_while(Scene& scene, const std::function<void()>& somebody, Lacking disk = {}) {
  LackingSyscalls below(scene.kernel(), disk);
  FaultySyscalls calls(below);
  calls.answer = [&, records = 0](std::string_view call) mutable {
    if (call == "fdatasync" && ++records == 4) somebody();
    return 0;
  };
  return scene.commit(calls);
}

class ChangeAtWorkOf : public ::testing::TestWithParam<Change> {};
INSTANTIATE_TEST_SUITE_P(Each, ChangeAtWorkOf, ::testing::ValuesIn(changes()),
                         [](const auto& tested) { return tested.param.name; });

TEST_P(ChangeAtWorkOf, BeforeTheCommitStopsIt) {
  Scene scene(plant, {});
  const auto committed = commit_while(
      scene, [&] { GetParam().make(scene.host().path() / "etc/app" / GetParam().path); });
  expect_stopped(scene, committed, GetParam());
}

TEST_P(ChangeAtWorkOf, StopsItWhereFilesCannotBeExchanged) {
  for (const unsigned lacking : {RENAME_EXCHANGE, RENAME_EXCHANGE | RENAME_NOREPLACE}) {
    Scene scene(plant, {});
    const auto path = scene.host().path() / "etc/app" / GetParam().path;
    const auto committed =
        commit_while(scene, [&] { GetParam().make(path); }, {.rename_flags = lacking});
    expect_stopped(scene, committed, GetParam());
  }
}

// Between the look at the path and its rename.
TEST_P(ChangeAtWorkOf, AtTheLastMomentStopsIt) {
  Scene scene(plant, {});
  MeddlingSyscalls calls(scene.kernel(), GetParam().path, [&] {
    GetParam().make(scene.host().path() / "etc/app" / GetParam().path);
  });
  expect_stopped(scene, scene.commit(calls), GetParam());
}

TEST(ChangeAtWork, OfContentAloneIsSeenByItsChangeTime) {
  Scene scene(plant, {});
  const auto path = scene.host().path() / "etc/app/changed";
  const auto committed = commit_while(scene, [&] { write_quietly(path); });
  expect_stopped(
      scene, committed,
      {"", "changed", {}, [](const fs::path& it) { return read(it) == "OLD"; }, kWasOld});
}

TEST(ChangeAtWork, AFileThatIsDeletedStopsIt) {
  Scene scene(plant, {});
  const auto path = scene.host().path() / "etc/app/changed";
  const auto committed = commit_while(scene, [&] { fs::remove(path); });
  expect_stopped(scene, committed,
                 {"",
                  "changed",
                  {},
                  [](const fs::path& it) { return !fs::exists(it); },
                  [](const fs::path& it) { write(it, "old"); }});
}

TEST(ChangeAtWork, OfADirectoryStopsIt) {
  for (const std::string name : {"gone-directory", "mode"}) {
    Scene scene(plant, {});
    const auto path = scene.host().path() / "etc/app" / name;
    const auto committed = commit_while(scene, [&] { ::chmod(path.c_str(), 0711); });
    ASSERT_FALSE(committed) << name;
    EXPECT_THAT(committed.error().message, HasSubstr("/etc/app/" + name + " was changed"));
    EXPECT_TRUE(scene.take_back(scene.kernel()));
    EXPECT_TRUE(fs::is_directory(path));
  }
}

TEST(ChangeAtWork, NoneIsSeenWhereThereIsNone) {
  Scene scene(plant, {});
  const auto committed = scene.commit(scene.kernel());
  ASSERT_TRUE(committed) << committed.error().message;
  EXPECT_EQ(scene.live(), scene.target());
}

}  // namespace
}  // namespace rollback
