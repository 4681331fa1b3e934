// SPDX-License-Identifier: Apache-2.0
#include "agent/store/scrub_mark.h"

#include "agent/store/keys.h"

namespace rollback {
namespace {

constexpr std::string_view kMarkKey = "scrub";
constexpr std::string_view kEndKey = "scrub-end";
// Depth and table, a byte each; objects and bytes, a number each; then the key.
constexpr std::size_t kHeaderSize = 2 + 8 + 8;

}  // namespace

std::optional<ScrubMark> ScrubMarks::interrupted() const {
  const auto stored = database_.get(Table::kMeta, kMarkKey);
  if (!stored || !*stored || (*stored)->size() < kHeaderSize) return std::nullopt;
  const std::string_view bytes(**stored);
  ScrubMark mark;
  mark.depth = static_cast<ScrubDepth>(bytes[0]);
  mark.table = static_cast<Table>(bytes[1]);
  mark.objects = key_number(bytes.substr(2, 8));
  mark.bytes = key_number(bytes.substr(10, 8));
  mark.after = bytes.substr(kHeaderSize);
  return mark;
}

Status ScrubMarks::keep(const ScrubMark& mark) {
  std::string bytes{static_cast<char>(mark.depth), static_cast<char>(mark.table)};
  bytes += number_key(mark.objects) + number_key(mark.bytes) + mark.after;
  return database_.write({{Table::kMeta, std::string(kMarkKey), std::move(bytes)}},
                         Durability::kBuffered);
}

Status ScrubMarks::finish(std::optional<WallTime> deep_end) {
  std::vector<Change> changes{{Table::kMeta, std::string(kMarkKey), std::nullopt}};
  if (deep_end)
    changes.push_back(
        {Table::kMeta, std::string(kEndKey), number_key(static_cast<std::uint64_t>(deep_end->ns))});
  return database_.write(changes, Durability::kBuffered);
}

WallTime ScrubMarks::last_deep() const {
  const auto stored = database_.get(Table::kMeta, kEndKey);
  if (!stored || !*stored || (*stored)->size() != 8) return {};
  return WallTime{static_cast<std::int64_t>(key_number(**stored))};
}

}  // namespace rollback
