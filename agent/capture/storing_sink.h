// SPDX-License-Identifier: Apache-2.0
// Contents and trees of a capture into the store, not yet committed (SnapshotStore::record does
// it), and not swept while the sink lives; it goes in the thread that made it. What it saw is kept
// for the next one by remember(), which belongs behind the commit.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "agent/capture/capture.h"
#include "agent/store/snapshot_store.h"

namespace rollback {

class StoringSink final : public RememberingSink {
 public:
  // Of what a later release brings (ADR 0014).
  static constexpr std::int64_t kThoroughBytes = 32LL << 20;

  // `now`: when the capture begins. `thorough`: bytes of new contents to compress with more effort.
  StoringSink(BlobStore& blobs, SnapshotStore& snapshots, WallTime now, std::int64_t thorough = 0)
      : blobs_(blobs),
        snapshots_(snapshots),
        hold_(snapshots.hold()),
        sweeps_(snapshots.sweeps().value_or(kUnknown)),
        began_(now),
        budget_(thorough) {}

  std::unique_ptr<ContentWriter> begin_content() override {
    return std::make_unique<Writer>(blobs_, budget_);
  }
  Status put_tree(Tree, const Digest& id, std::string bytes) override {
    return snapshots_.put_tree(id, std::move(bytes));
  }
  std::optional<SeenDirectory> find_seen(const std::string& path) override {
    return snapshots_.scans().find(path, sweeps_);
  }
  std::optional<Tree> find_tree(const Digest& id) override {
    auto tree = snapshots_.load_tree(id);
    if (!tree) return std::nullopt;
    return *std::move(tree);
  }
  void saw(ScanCache::Row row) override { rows_.push_back(std::move(row)); }
  [[nodiscard]] WallTime began() const noexcept override { return began_; }

  // Once, after the snapshot was committed.
  Status remember() { return snapshots_.scans().keep(std::exchange(rows_, {}), sweeps_); }

 private:
  class Writer final : public ContentWriter {
   public:
    Writer(BlobStore& blobs, EffortBudget& budget) : blob_(blobs, &budget) {}
    Status add(std::string_view piece) override { return blob_.add(piece); }
    Result<Digest> finish() override { return blob_.finish(); }

   private:
    BlobWriter blob_;
  };

  BlobStore& blobs_;
  SnapshotStore& snapshots_;
  static constexpr std::uint64_t kUnknown = UINT64_MAX;  // then each content is looked up
  SnapshotStore::Hold hold_;
  std::uint64_t sweeps_;
  WallTime began_;
  EffortBudget budget_;
  std::vector<ScanCache::Row> rows_;
};

}  // namespace rollback
