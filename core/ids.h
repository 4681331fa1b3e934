// SPDX-License-Identifier: Apache-2.0
// Strong ids. Each has one way in: parse (text from people or disk) or make (from a source of
// randomness). All are values; comparing and printing them costs nothing surprising.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/random.h"
#include "core/result.h"

namespace rollback {

// A semver 2.0.0 release in canonical form "v2.4.1" or "v2.4.1-rc.1". "2.4.1" is accepted and
// canonicalised. Refused with kInvalid: build metadata, "latest", dates, "v2.4", leading zeros.
class ReleaseLabel {
 public:
  static Result<ReleaseLabel> parse(std::string_view text);
  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  // Semver precedence: v2.4.1-rc.1 < v2.4.1 < v2.4.2 < v2.10.0.
  static std::strong_ordering compare(const ReleaseLabel& a, const ReleaseLabel& b);
  // Byte order, for maps.
  auto operator<=>(const ReleaseLabel&) const = default;

 private:
  explicit ReleaseLabel(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// kInvalid: `text` is no id of `kind`, which has `digits`.
Failure refuse_id(std::string_view text, std::string_view kind, std::size_t digits);
Failure refuse_id_bytes(std::string_view kind);

// N random bytes shown as lower-case hex. Tag makes HostId, RunId and CommandId distinct types.
template <typename Tag, std::size_t N>
class RandomId {
 public:
  RandomId() = default;  // all zero: "none"
  static RandomId make(Random& random) {
    RandomId id;
    random.fill(id.bytes_.data(), N);
    return id;
  }
  static Result<RandomId> parse(std::string_view text) {
    RandomId id;
    if (!parse_hex(text, id.bytes_.data(), N)) return refuse_id(text, Tag::kName, 2 * N);
    return id;
  }
  // `bytes` must have exactly N bytes.
  static Result<RandomId> from_bytes(std::string_view bytes) {
    if (bytes.size() != N) return refuse_id_bytes(Tag::kName);
    RandomId id;
    for (std::size_t i = 0; i < N; ++i) id.bytes_[i] = static_cast<std::uint8_t>(bytes[i]);
    return id;
  }
  [[nodiscard]] std::string str() const { return to_hex(bytes_.data(), N); }
  [[nodiscard]] std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), N};
  }
  [[nodiscard]] bool is_none() const noexcept { return *this == RandomId(); }
  auto operator<=>(const RandomId&) const = default;

 private:
  std::array<std::uint8_t, N> bytes_{};
};

struct HostIdTag {
  static constexpr const char* kName = "host id";
};
struct RunIdTag {
  static constexpr const char* kName = "run id";
};
struct CommandIdTag {
  static constexpr const char* kName = "command id";
};
using HostId = RandomId<HostIdTag, 16>;
using RunId = RandomId<RunIdTag, 6>;
using CommandId = RandomId<CommandIdTag, 16>;

// SHA-256 of a snapshot's canonical bytes.
struct SnapshotId {
  Digest digest;
  [[nodiscard]] std::string str() const { return digest.hex(); }
  [[nodiscard]] std::string short_str() const { return digest.hex().substr(0, 12); }
  auto operator<=>(const SnapshotId&) const = default;
};

}  // namespace rollback
