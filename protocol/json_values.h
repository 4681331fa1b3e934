// SPDX-License-Identifier: Apache-2.0
// Private to json*.cpp: how single values look in JSON. Times are RFC 3339 in UTC or null,
// durations numbers of seconds, digests and ids hex or null.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/messages.h"

namespace rollback::json {

using Json = nlohmann::ordered_json;  // keys as written, so that lines read alike

// Valid UTF-8 as it is; every other byte as the four characters "\xNN".
std::string escape_bytes(std::string_view bytes);
inline Json text(std::string_view bytes) { return escape_bytes(bytes); }
Json texts(const std::vector<std::string>& items);
Json time(WallTime time);
Json seconds(Duration duration);
Json digest(const Digest& digest);
template <typename Id>
Json id(const Id& value) {
  return value.is_none() ? Json(nullptr) : Json(value.str());
}
Json phases(const std::vector<PhaseTime>& times);
Json labels(const std::vector<std::pair<std::string, std::string>>& labels);

// json_items.cpp: the fields of each item, without schema and host.
Json item(const Line& line);
Json item(const RevisionItem& revision);
Json item(const HistoryEntry& entry);
Json item(const ResourceItem& resource);
Json item(const PathItem& path);
Json item(const DiffItem& diff);
Json item(const PlanItem& plan);
Json item(const PlanStep& step);
Json item(const EventItem& event);
Json item(const RunRecord& run);
Json item(const Prepared& prepared);
Json item(const HealthItem& health);
Json item(const StatusItem& status);
Json item(const HostItem& host);
Json item(const RolloutRecord& rollout);
Json item(const RolloutHost& host);
Json item(const End& end);

// json_store.cpp: the same for answers about the store.
Json item(const ProgressItem& item);
Json item(const PruneItem& item);
Json item(const PruneSummary& item);
Json item(const DamageItem& item);
Json item(const VerifySummary& item);
Json item(const ReleaseStats& item);
Json item(const StoreStats& item);
Json item(const ArchiveItem& item);

}  // namespace rollback::json
