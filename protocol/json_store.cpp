// SPDX-License-Identifier: Apache-2.0
#include "protocol/json_values.h"
#include "protocol/progress.h"

namespace rollback::json {

namespace {

Json total(std::uint64_t number) { return number == 0 ? Json(nullptr) : Json(number); }

}  // namespace

Json item(const ProgressItem& item) {
  const auto rate = bytes_per_second(item);
  const auto left = time_left(item);
  return {{"work", text(item.work)},
          {"files", item.files},
          {"bytes", item.bytes},
          {"total_files", total(item.total_files)},
          {"total_bytes", total(item.total_bytes)},
          {"elapsed_s", seconds(item.elapsed)},
          {"bytes_per_s", rate ? Json(*rate) : Json(nullptr)},
          {"eta_s", left ? seconds(*left) : Json(nullptr)}};
}

Json item(const PruneItem& item) {
  return {{"revision", text(item.revision)},
          {"removed", item.removed},
          {"why", text(item.why)},
          {"bytes", item.bytes}};
}

Json item(const PruneSummary& item) {
  return {{"dry_run", item.dry_run},
          {"removed", item.removed},
          {"kept", item.kept},
          {"bytes", item.bytes},
          {"disk_before", item.disk_before},
          {"disk_after", item.disk_after}};
}

Json item(const DamageItem& item) {
  return {{"object", text(item.object)},
          {"what", text(item.what)},
          {"releases", texts(item.releases)},
          {"paths", texts(item.paths)},
          {"repaired", item.repaired}};
}

Json item(const VerifySummary& item) {
  return {{"deep", item.deep},       {"objects", item.objects},   {"bytes", item.bytes},
          {"damaged", item.damaged}, {"repaired", item.repaired}, {"resumed", item.resumed}};
}

Json item(const ReleaseStats& item) {
  return {{"revision", text(item.revision)}, {"files", item.files},   {"logical", item.logical},
          {"stored", item.stored},           {"unique", item.unique}, {"stays", text(item.stays)}};
}

Json item(const StoreStats& item) {
  return {{"revisions", item.revisions}, {"logical", item.logical}, {"distinct", item.distinct},
          {"stored", item.stored},       {"disk", item.disk},       {"contents", item.contents},
          {"trees", item.trees}};
}

Json item(const ArchiveItem& item) {
  return {{"revision", text(item.revision)},
          {"records", item.records},
          {"bytes", item.bytes},
          {"sha256", digest(item.digest)}};
}

}  // namespace rollback::json
