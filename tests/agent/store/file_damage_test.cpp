// SPDX-License-Identifier: Apache-2.0
// Every kind of file of a store, with a byte turned, cut short, and gone. Whatever happened to it:
// a release comes back byte for byte or is refused, what is missing is said, and a store that is
// not whole loses no file. ROLLBACK_FLIPS sets how many bytes of each file are turned.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/agent/store/sample_state.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int kReleases = 2;
constexpr std::size_t kFlips = 4;  // of each file

std::string label_of(int release) { return "v" + std::to_string(release) + ".0.0"; }

Sample sample_of(int release) {
  SeededRandom noise(static_cast<std::uint64_t>(release));
  std::string binary(9000, '\0');  // goes to a blob file
  noise.fill(reinterpret_cast<std::uint8_t*>(binary.data()), binary.size());
  return make_sample(
      {{"app.bin", binary}, {"app.conf", label_of(release)}, {"same.conf", "in both"}});
}

class FileDamageTest : public testing::Test {
 protected:
  // Two releases in a store: the first is in table and blob files, the second in the log.
  static void SetUpTestSuite() {
    shared_ = std::make_unique<TempDirectory>();
    for (int release = 1; release <= kReleases; ++release) {
      const auto database = Database::open(shared_->path() / "whole").value();
      BlobStore blobs(*database);
      SnapshotStore snapshots(*database, blobs);
      const Sample sample = sample_of(release);
      EXPECT_TRUE(put_contents(sample, snapshots, blobs));
      HistoryEntry entry;
      entry.action = HistoryAction::kSnapshot;
      EXPECT_TRUE(snapshots.record(sample.state, sample_release(label_of(release)), true,
                                   WallTime{release}, entry));
    }
  }
  static void TearDownTestSuite() { shared_.reset(); }

  using Sizes = std::map<std::string, std::uintmax_t>;
  // RocksDB's own diary is no part of the store.
  static Sizes files_of(const fs::path& path) {
    Sizes sizes;
    for (const auto& file : fs::directory_iterator(path))
      if (const auto name = file.path().filename().string(); !name.starts_with("LOG"))
        sizes[name] = file.file_size();
    return sizes;
  }
  void copy() {
    fs::remove_all(copy_);
    fs::copy(whole_, copy_);
  }
  // Not the highest bit of a table's byte: one of those, where its properties end, is read before
  // its checksum, and RocksDB 7.8 as Debian builds it ends by an assertion there.
  void flip(const std::string& name, std::uintmax_t offset) {
    copy();
    std::fstream file(copy_ / name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ (1 << random_.below(name.ends_with(".sst") ? 7 : 8))));
    ASSERT_TRUE(file.good());
  }

  // One release, and whether it came back. Wrong bytes fail the test.
  static bool comes_back(const SnapshotStore& snapshots, const BlobStore& blobs,
                         const std::vector<RevisionStatus>& known, int release) {
    const Sample sample = sample_of(release);
    for (const auto& status : known) {
      if (status.revision.name.str() != label_of(release)) continue;
      const auto state = snapshots.load_state(status.revision.snapshot);
      if (!state) return false;
      EXPECT_EQ(state->id, sample.state.id);
      EXPECT_EQ(state->manifest, sample.state.manifest);
      for (const auto& [name, content] : sample.files) {
        const auto bytes = blobs.get(sha256(content));
        if (!bytes) return false;
        EXPECT_EQ(*bytes, content);
      }
      return true;
    }
    return false;
  }

  // What the agent would make of the damaged copy.
  void look(const std::string& what) {
    const Sizes before = files_of(copy_);
    {
      auto database = Database::open_or_degrade(copy_.string());
      ASSERT_TRUE(database) << what << ": " << database.error().message;
      (*database)->rest();
      BlobStore blobs(**database);
      const SnapshotStore snapshots(**database, blobs);
      int back = 0;
      if (const auto known = snapshots.statuses())
        for (int release = 1; release <= kReleases; ++release)
          back += comes_back(snapshots, blobs, *known, release) ? 1 : 0;
      restored_ += static_cast<std::size_t>(back);
      EXPECT_TRUE(back == kReleases || (*database)->damage() != "") << what;
      if ((*database)->takes_writes()) return;  // sound: RocksDB tidies up as always
      ++degraded_;
      EXPECT_FALSE(snapshots_write(**database, blobs)) << what;
    }
    EXPECT_EQ(files_of(copy_), before) << what;
  }
  static bool snapshots_write(Database& database, BlobStore& blobs) {
    return database.write({{Table::kMeta, "k", "v"}}, Durability::kSynced) || blobs.put("new");
  }

  inline static std::unique_ptr<TempDirectory> shared_;
  const fs::path whole_ = shared_->path() / "whole";
  const fs::path copy_ = shared_->path() / "copy";
  SeededRandom random_;
  std::size_t degraded_ = 0;
  std::size_t restored_ = 0;
};

TEST_F(FileDamageTest, ATurnedByteIsFoundOrHarmless) {
  const char* const given = std::getenv("ROLLBACK_FLIPS");
  const std::size_t flips = given == nullptr ? kFlips : std::strtoul(given, nullptr, 10);
  for (const auto& [name, size] : files_of(whole_))
    for (std::size_t i = 0; size > 0 && i < flips; ++i) {
      const auto offset = random_.below(size);
      flip(name, offset);
      look(name + ", byte " + std::to_string(offset));
    }
  EXPECT_GT(degraded_, 0U);
  EXPECT_GT(restored_, 0U);
}

TEST_F(FileDamageTest, AFileThatWasCutOrIsGoneIsFound) {
  for (const auto& [name, size] : files_of(whole_)) {
    std::vector<std::uintmax_t> lengths{0};
    if (size > 1)
      lengths.insert(lengths.end(), {size - 1, random_.below(size), random_.below(size)});
    for (const auto length : lengths) {
      copy();
      fs::resize_file(copy_ / name, length);
      look(name + ", cut to " + std::to_string(length));
    }
    copy();
    fs::remove(copy_ / name);
    look(name + ", gone");
  }
  EXPECT_GT(degraded_, 0U);
  EXPECT_GT(restored_, 0U);
}

// RocksDB would open with the files that the rest of the list names, and delete the others.
TEST_F(FileDamageTest, AListOfFilesThatWasCutIsNotBelieved) {
  for (const auto& [name, size] : files_of(whole_)) {
    if (!name.starts_with("MANIFEST")) continue;
    for (std::uintmax_t length = 0; length < size; length += 97) {
      copy();
      fs::resize_file(copy_ / name, length);
      const Sizes before = files_of(copy_);
      const auto opened = Database::open(copy_.string());
      ASSERT_FALSE(opened) << length;
      EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
      EXPECT_THAT(opened.error().message, HasSubstr(name));
      EXPECT_EQ(files_of(copy_), before);
    }
  }
}

TEST_F(FileDamageTest, AStoreOfNothingButSyncedIsNotAFreshOne) {
  copy();
  for (const auto& [name, size] : files_of(copy_))
    if (name != "SYNCED") fs::remove(copy_ / name);

  const auto opened = Database::open(copy_.string());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
}

TEST_F(FileDamageTest, WithoutAnythingReadableEveryCallSaysWhy) {
  copy();
  for (const auto& [name, size] : files_of(copy_))
    if (name.starts_with("MANIFEST") || name == "CURRENT") fs::resize_file(copy_ / name, 0);

  const auto database = Database::open_or_degrade(copy_.string()).value();
  EXPECT_FALSE(database->takes_writes());
  database->rest();
  for (const auto& error : {database->get(Table::kMeta, "format").error(),
                            database->scan(Table::kHistory, {}, {}, {}).error(),
                            database->write({}, Durability::kSynced).error()})
    EXPECT_THAT(error.message, HasSubstr(copy_.string()));
  EXPECT_THAT(database->damage(), HasSubstr("cannot be read"));
}

TEST_F(FileDamageTest, ADamagedStoreHasOneReader) {
  copy();
  fs::remove(copy_ / "CURRENT");
  const auto first = Database::open_or_degrade(copy_.string());
  ASSERT_TRUE(first);
  EXPECT_EQ(Database::open_or_degrade(copy_.string()).error().code, ErrorCode::kBusy);
}

}  // namespace
}  // namespace rollback
