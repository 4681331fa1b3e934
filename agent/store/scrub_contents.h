// SPDX-License-Identifier: Apache-2.0
// Which contents a check knows to be there, so that each is read once however many directories name
// it. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/store/scrub_pace.h"

namespace rollback {

class ScrubContents {
 public:
  ScrubContents(const BlobStore& blobs, ScrubDepth depth, ScrubPace& pace)
      : blobs_(blobs), depth_(depth), pace_(pace) {}

  // A stored value, met in key order; damage is noted.
  void see(std::string_view key, std::string_view value);
  // Contents up to this key were checked before: now it is only asked whether they are there.
  void resume_behind(std::string key) { before_ = std::move(key); }
  // What a directory names; `size` is the file's.
  void need(const Digest& content, std::uint64_t size);
  [[nodiscard]] const std::vector<Database::Damaged>& missing() const noexcept { return missing_; }

 private:
  void need_one(const Digest& digest);
  bool is_new(const Digest& digest);

  const BlobStore& blobs_;
  ScrubDepth depth_;
  ScrubPace& pace_;
  std::string before_;
  std::vector<std::uint64_t> seen_;          // first 8 bytes of each, ascending as the keys are
  std::unordered_set<std::uint64_t> asked_;  // the same of others; bounded
  std::vector<Database::Damaged> missing_;
};

}  // namespace rollback
