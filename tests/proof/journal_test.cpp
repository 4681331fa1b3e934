// SPDX-License-Identifier: Apache-2.0
// A journal that was torn while it was written, and one that is damaged: recovery over real files
// decides from what is whole, or says that it cannot and changes nothing.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "tests/proof/disturb.h"
#include "tests/proof/files_subject.h"
#include "tests/support/tree_copy.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;

class DamagedJournal : public ::testing::Test {
 protected:
  DamagedJournal() {
    copy_tree(scene_.host().path(), pristine_.path());
    origin_ = look();
    begin(Until::kVerified);
    target_ = look();
    whole_ = bytes();
    for (std::size_t at = 20; at < whole_.size(); at += 40 + payload_at(whole_, at))
      starts_.push_back(at);
  }
  // A run that went so far, and died.
  void begin(Until until) {
    empty_tree(scene_.host().path());
    copy_tree(pristine_.path(), scene_.host().path());
    const auto done = scene_.commit(scene_.kernel(), 0, until);
    if (!done) throw std::runtime_error(done.error().message);
  }
  [[nodiscard]] SeenTree look() const { return look_at(scene_.host().path(), {"/etc"}); }
  [[nodiscard]] std::string bytes() const { return scene_.host().read("state/journal"); }
  void set(const std::string& bytes) const { scene_.host().write("state/journal", bytes); }
  // Its length is where the record begins.
  static std::size_t payload_at(const std::string& bytes, std::size_t at) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i)
      size |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    return size;
  }
  // Where the last but `more` records begin.
  [[nodiscard]] std::size_t last(std::size_t more) const {
    return starts_[starts_.size() - 1 - more];
  }

  Scene scene_{type_changes().plant, {}};
  TempDirectory pristine_;
  SeenTree origin_, target_;
  std::string whole_;                // of a run that is verified
  std::vector<std::size_t> starts_;  // of its records: begin, intent, staged, committing, verified
};

TEST_F(DamagedJournal, ThatIsTornIsDecidedFromWhatIsWhole) {
  ASSERT_EQ(starts_.size(), 5U);
  // Written before anything live is touched, then before and after the commit.
  const struct {
    Until until;
    std::size_t from, to;
  } parts[] = {{Until::kStaged, 0, last(1)},
               {Until::kCommitted, last(1), last(0)},
               {Until::kVerified, last(0), whole_.size()}};
  int cuts = 0;
  const std::size_t step = covers_all() ? 1 : 29;
  for (const auto& part : parts)
    for (auto size = part.from; size < part.to;
         size += part.until == Until::kStaged ? step : std::size_t{1}) {
      begin(part.until);
      set(bytes().substr(0, size));
      const auto recovered = scene_.recover(scene_.kernel());
      ASSERT_TRUE(recovered) << "cut after " << size << ": " << recovered.error().message;
      ASSERT_EQ(first_difference(look(), origin_), "") << "cut after " << size;
      ASSERT_TRUE(scene_.clean_up(scene_.kernel())) << "cut after " << size;
      ++cuts;
    }
  std::printf("covered: a journal of %zu bytes cut at %d of them: the origin each time\n",
              whole_.size(), cuts);
}

TEST_F(DamagedJournal, ThatIsFlippedIsRefusedOrCutAndNothingElse) {
  int refused = 0;
  int taken_back = 0;
  begin(Until::kVerified);
  for (std::size_t bit = 8 * last(2); bit < 8 * whole_.size(); ++bit) {
    const auto at = bit / 8;
    const bool of_last = at >= last(0);
    if (of_last && !covers_all() && bit % 5 != 0) continue;
    auto flipped = bytes();
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit % 8));
    set(flipped);
    const auto recovered = scene_.recover(scene_.kernel());
    if (of_last) {
      ASSERT_TRUE(recovered) << "bit " << bit << ": " << recovered.error().message;
      ASSERT_EQ(first_difference(look(), origin_), "") << "bit " << bit;
      ++taken_back;
      begin(Until::kVerified);
      continue;
    }
    ASSERT_FALSE(recovered) << "bit " << bit << ": " << recovered->message;
    ASSERT_EQ(recovered.error().code, ErrorCode::kCorrupt) << "bit " << bit;
    ASSERT_EQ(bytes(), flipped) << "bit " << bit;
    ++refused;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit % 8));
    set(flipped);
  }
  ASSERT_TRUE(scene_.recover(scene_.kernel()));
  ASSERT_EQ(first_difference(look(), target_), "");
  std::printf("covered: the last three records with a bit flipped: %d refused, %d taken back\n",
              refused, taken_back);
}

}  // namespace
}  // namespace rollback
