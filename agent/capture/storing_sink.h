// SPDX-License-Identifier: Apache-2.0
// Contents and trees of a capture into the store, not yet committed (SnapshotStore::record does
// it). They are not swept while the sink lives; it goes in the thread that made it.
#pragma once

#include <memory>

#include "agent/capture/capture.h"
#include "agent/store/snapshot_store.h"

namespace rollback {

class StoringSink final : public ContentSink {
 public:
  StoringSink(BlobStore& blobs, SnapshotStore& snapshots)
      : blobs_(blobs), snapshots_(snapshots), hold_(snapshots.hold()) {}

  std::unique_ptr<ContentWriter> begin_content() override {
    return std::make_unique<Writer>(blobs_);
  }
  Status put_tree(const Tree& tree) override { return snapshots_.put_tree(tree); }

 private:
  class Writer final : public ContentWriter {
   public:
    explicit Writer(BlobStore& blobs) : blob_(blobs) {}
    Status add(std::string_view piece) override { return blob_.add(piece); }
    Result<Digest> finish() override { return blob_.finish(); }

   private:
    BlobWriter blob_;
  };

  BlobStore& blobs_;
  SnapshotStore& snapshots_;
  SnapshotStore::Hold hold_;
};

}  // namespace rollback
