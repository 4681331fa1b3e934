// SPDX-License-Identifier: Apache-2.0
#include "agent/store/scrub_contents.h"

#include <algorithm>

#include "agent/store/keys.h"

namespace rollback {
namespace {

// More of them are asked for again.
constexpr std::size_t kMaxAsked = 200'000;
constexpr std::size_t kMaxMissing = 10'000;

std::uint64_t short_of(std::string_view key) { return key_number(key.substr(0, 8)); }

}  // namespace

void ScrubContents::see(std::string_view key, std::string_view value) {
  pace_.count(key.size() + value.size());
  const auto digest = Digest::from_bytes(key);
  if (!digest) return;  // no content has such a key, so none is lost with it
  // Its writer may have replaced it since: what counts is what is read now.
  if (depth_ == ScrubDepth::kDeep && !is_sound_blob(*digest, value) &&
      !blobs_.check_stored(*digest))
    return;
  seen_.push_back(short_of(key));
}

void ScrubContents::need(const Digest& content, std::uint64_t size) {
  if (size < kChunkedSize) return need_one(content);
  if (!is_new(content)) return;
  const auto chunks = blobs_.chunks(content);
  if (!chunks) {
    if (chunks.error().code == ErrorCode::kNotFound)
      missing_.push_back({Table::kBlobs, std::string(content.view()), chunks.error().message});
    return;  // what is damaged is noted
  }
  if (chunks->empty()) need_one(content);
  for (const auto& chunk : *chunks) need_one(chunk.digest);
}

bool ScrubContents::is_new(const Digest& digest) {
  if (asked_.size() >= kMaxAsked) asked_.clear();
  return asked_.insert(short_of(digest.view())).second;
}

void ScrubContents::need_one(const Digest& digest) {
  if (std::ranges::binary_search(seen_, short_of(digest.view()))) return;
  if (!is_new(digest)) return;
  const bool deep = depth_ == ScrubDepth::kDeep && digest.view() > before_;
  const auto size = deep ? blobs_.check_stored(digest) : blobs_.stored_size(digest);
  pace_.count(size.value_or(0));
  if (size || size.error().code != ErrorCode::kNotFound || missing_.size() >= kMaxMissing) return;
  missing_.push_back({Table::kBlobs, std::string(digest.view()), size.error().message});
}

}  // namespace rollback
