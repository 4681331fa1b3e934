// SPDX-License-Identifier: Apache-2.0
// A commit and its undo on a real file system that cannot exchange two files.
#include "tests/power/fuse_mirror.h"

#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "agent/apply/undo.h"
#include "tests/agent/apply/files_scene.h"

namespace rollback {
namespace {

// Where temporary directories are made, while it lives.
class TemporaryIn {
 public:
  explicit TemporaryIn(const std::string& where) {
    if (const char* given = std::getenv("TMPDIR")) before_ = given;
    ::setenv("TMPDIR", where.c_str(), 1);
  }
  ~TemporaryIn() { ::setenv("TMPDIR", before_.c_str(), 1); }
  TemporaryIn(const TemporaryIn&) = delete;
  TemporaryIn& operator=(const TemporaryIn&) = delete;

 private:
  std::string before_ = "/tmp";
};

class WithoutExchange : public ::testing::TestWithParam<unsigned> {
 protected:
  // Of random trees; then back.
  static void commit_and_undo(std::uint64_t seed) {
    SCOPED_TRACE("tree seed " + std::to_string(seed));
    Scene scene(seed);
    const auto committed = scene.commit(scene.kernel());
    ASSERT_TRUE(committed) << committed.error().message;
    EXPECT_EQ(scene.live(), scene.target());
    const auto root = scene.host().open(scene.kernel());
    const auto journal = Journal::find(*root.open_directory("state"));
    ASSERT_TRUE(journal && *journal);
    const auto& ops = (*journal)->intent->files;
    EXPECT_TRUE(std::any_of(ops.begin(), ops.end(),
                            [](const auto& op) { return op.kind == FileOpKind::kReplace; }));
    const auto undone =
        undo_files(LiveFiles(root), StageSet::of_journal(root, (*journal)->begin.stages), ops);
    EXPECT_TRUE(undone.differs.empty()) << undone.differs.front();
    EXPECT_EQ(scene.live(), scene.origin());
  }
};
INSTANTIATE_TEST_SUITE_P(OnFuse, WithoutExchange, ::testing::Values(0U, RENAME_NOREPLACE));

TEST_P(WithoutExchange, RandomTreesBecomeOthersAndComeBack) {
  const TempDirectory source, where;
  const FuseMirror mirror(source.path(), where.path(), GetParam());
  const TemporaryIn below(where.path());
  SeededRandom random;
  for (int round = 0; round < 5; ++round) commit_and_undo(random.below(1ULL << 60U));
}

}  // namespace
}  // namespace rollback
