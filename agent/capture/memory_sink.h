// SPDX-License-Identifier: Apache-2.0
// What one capture of a host saw, in memory, for a later one of the same run: that one reads only
// what changed since, as a snapshot does with the store's scan cache (ADR 21).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "agent/capture/capture.h"

namespace rollback {

struct CaptureMemory {
  std::map<Digest, std::string> trees;      // canonical bytes
  std::map<std::string, std::string> seen;  // rows of the scan cache by path, encoded

  bool closed = false;  // later captures only look

  // Lets all of it go when it is more than `most` bytes: then a later capture reads more, that is
  // all. The default is that of 100,000 files.
  void bound(std::size_t most = 24U << 20U);
};

// Contents are only hashed.
class MemorySink final : public RememberingSink {
 public:
  // `now`: when the capture begins.
  MemorySink(CaptureMemory& memory, WallTime now) : memory_(memory), began_(now) {}

  std::unique_ptr<ContentWriter> begin_content() override { return hashing_.begin_content(); }
  Status put_tree(Tree tree, const Digest& id, std::string bytes) override;
  std::optional<SeenDirectory> find_seen(const std::string& path) override;
  std::optional<Tree> find_tree(const Digest& id) override;
  void saw(ScanCache::Row row) override;
  [[nodiscard]] WallTime began() const noexcept override { return began_; }

 private:
  CaptureMemory& memory_;
  WallTime began_;
  HashingSink hashing_;
};

}  // namespace rollback
