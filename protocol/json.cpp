// SPDX-License-Identifier: Apache-2.0
#include "protocol/json.h"

#include <cmath>

#include "protocol/json_values.h"

namespace rollback {

namespace json {

namespace {

// Length of the well-formed sequence at the start of `bytes`, 0 if there is none. Source: table 3-7
// of the Unicode standard (no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                             : lead >= 0xe0 && lead <= 0xef ? 3
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                            : 0;
  if (length == 0 || bytes.size() < length) return 0;
  const unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < lowest || at(1) > highest) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  return length;
}

}  // namespace

std::string escape_bytes(std::string_view bytes) {
  std::string escaped;
  escaped.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    if (length > 0) {
      escaped += bytes.substr(0, length);
    } else {
      const auto byte = static_cast<std::uint8_t>(bytes.front());
      escaped += "\\x" + to_hex(&byte, 1);
    }
    bytes.remove_prefix(length > 0 ? length : 1);
  }
  return escaped;
}

Json texts(const std::vector<std::string>& items) {
  Json list = Json::array();
  for (const auto& it : items) list.push_back(text(it));
  return list;
}

Json time(WallTime time) { return time.ns == 0 ? Json(nullptr) : Json(format_utc(time)); }

// Microseconds: what is measured here is no finer.
Json seconds(Duration duration) {
  return std::round(static_cast<double>(duration.count()) / 1e3) / 1e6;
}

Json digest(const Digest& digest) { return digest.is_none() ? Json(nullptr) : Json(digest.hex()); }

Json phases(const std::vector<PhaseTime>& times) {
  Json list = Json::array();
  for (const auto& it : times)
    list.push_back({{"phase", to_string(it.phase)}, {"took_s", seconds(it.took)}});
  return list;
}

Json labels(const std::vector<std::pair<std::string, std::string>>& labels) {
  Json map = Json::object();
  for (const auto& [name, value] : labels) map[escape_bytes(name)] = text(value);
  return map;
}

namespace {

struct KindOf {
  std::string_view operator()(const Line&) const { return "line"; }
  std::string_view operator()(const RevisionItem&) const { return "revision"; }
  std::string_view operator()(const HistoryEntry&) const { return "history"; }
  std::string_view operator()(const ResourceItem&) const { return "resource"; }
  std::string_view operator()(const PathItem&) const { return "path"; }
  std::string_view operator()(const DiffItem&) const { return "diff"; }
  std::string_view operator()(const PlanItem&) const { return "plan"; }
  std::string_view operator()(const PlanStep&) const { return "step"; }
  std::string_view operator()(const EventItem&) const { return "event"; }
  std::string_view operator()(const RunRecord&) const { return "run"; }
  std::string_view operator()(const Prepared&) const { return "prepared"; }
  std::string_view operator()(const HealthItem&) const { return "health"; }
  std::string_view operator()(const StatusItem&) const { return "status"; }
  std::string_view operator()(const HostItem&) const { return "host"; }
  std::string_view operator()(const RolloutRecord&) const { return "rollout"; }
  std::string_view operator()(const RolloutHost&) const { return "rollout-host"; }
  std::string_view operator()(const End&) const { return "end"; }
  std::string_view operator()(const ProgressItem&) const { return "progress"; }
  std::string_view operator()(const PruneItem&) const { return "prune"; }
  std::string_view operator()(const PruneSummary&) const { return "prune-summary"; }
  std::string_view operator()(const DamageItem&) const { return "damage"; }
  std::string_view operator()(const VerifySummary&) const { return "verify-summary"; }
  std::string_view operator()(const ReleaseStats&) const { return "release-stats"; }
  std::string_view operator()(const StoreStats&) const { return "store-stats"; }
  std::string_view operator()(const ArchiveItem&) const { return "archive"; }
};

}  // namespace

}  // namespace json

std::string_view kind_of(const ReplyBody& body) noexcept {
  return std::visit(json::KindOf{}, body);
}

std::string to_json(const Reply& reply) {
  json::Json object;
  object["schema"] = "rollbackctl/v1/" + std::string(kind_of(reply.body));
  if (!reply.host.empty()) object["host"] = json::text(reply.host);
  object.update(std::visit([](const auto& it) { return json::item(it); }, reply.body));
  // ASCII only: control characters, also those above U+007F, must not reach a terminal.
  return object.dump(-1, ' ', true);
}

}  // namespace rollback
