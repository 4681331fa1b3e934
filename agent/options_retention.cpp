// SPDX-License-Identifier: Apache-2.0
#include "agent/options_parts.h"
#include "core/bytes.h"

namespace rollback::options {

namespace {

constexpr std::int64_t kMostKept = 100'000;
constexpr Duration kLeastAge = std::chrono::hours(1);
constexpr std::uint64_t kLeastSize = 1ULL << 20U;

}  // namespace

Result<RetentionRules> retention_of(const YamlNode& map) {
  ROLLBACK_TRY(map.expect_keys({"keep", "older_than", "max_size"}));
  RetentionRules rules;
  ROLLBACK_ASSIGN(const auto keep, map.find("keep"));
  if (keep) {
    ROLLBACK_ASSIGN(const auto count, keep->as_int(1, kMostKept));
    rules.keep = static_cast<std::uint32_t>(count);
  }
  ROLLBACK_ASSIGN(const auto older_than, map.find("older_than"));
  if (older_than) {
    ROLLBACK_ASSIGN(rules.older_than, older_than->as_duration());
    if (rules.older_than < kLeastAge)
      return older_than->invalid("an age of less than 1h is none; write 30d for thirty days");
  }
  ROLLBACK_ASSIGN(const auto max_size, map.find("max_size"));
  if (max_size) {
    ROLLBACK_ASSIGN(const auto text, max_size->as_string());
    const auto bytes = parse_bytes(text);
    if (!bytes) return max_size->invalid(bytes.error().message);
    if (*bytes < kLeastSize) return max_size->invalid("a store needs at least 1M");
    rules.max_size = *bytes;
  }
  if (!rules.any()) return map.invalid("retention needs keep, older_than or max_size");
  return rules;
}

}  // namespace rollback::options
