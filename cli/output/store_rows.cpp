// SPDX-License-Identifier: Apache-2.0
#include "cli/output/store_rows.h"

#include <fmt/format.h>

#include "core/overloaded.h"

namespace rollback {

namespace {

std::string counted(std::uint64_t number, const char* noun) {
  return fmt::format("{} {}{}", count_text(number), noun, number == 1 ? "" : "s");
}

std::string listed(const char* title, const std::vector<std::string>& texts) {
  if (texts.empty()) return "";
  return printable(fmt::format("  {}: {}", title, fmt::join(texts, ", "))) + '\n';
}

double ratio(std::uint64_t all, std::uint64_t part) {
  return part == 0 ? 1.0 : static_cast<double>(all) / static_cast<double>(part);
}

std::string stats_text(const StoreStats& item) {
  return fmt::format(
      "\n{:<17}  {:>9}  in files\n"
      "each content once  {:>9}  {:.1f} times less\n"
      "compressed         {:>9}  {:.1f} times less\n"
      "on disk            {:>9}  {}, {}\n",
      counted(item.revisions, "revision"), size_text(item.logical), size_text(item.distinct),
      ratio(item.logical, item.distinct), size_text(item.stored), ratio(item.distinct, item.stored),
      size_text(item.disk), counted(item.contents, "content"),
      item.trees == 1 ? "1 directory" : count_text(item.trees) + " directories");
}

std::string prune_text(const PruneSummary& item) {
  if (item.dry_run)
    return fmt::format("would remove {} and keep {}; {} of the {} on disk would be free\n",
                       counted(item.removed, "revision"), item.kept, size_text(item.bytes),
                       size_text(item.disk_before));
  return fmt::format("removed {}, kept {}; {} freed, the store takes {} (before: {})\n",
                     counted(item.removed, "revision"), item.kept, size_text(item.bytes),
                     size_text(item.disk_after), size_text(item.disk_before));
}

std::string damage_text(const Session& session, const DamageItem& item) {
  const std::string head =
      fmt::format("{} {}: {}", item.repaired ? "repaired" : "damaged", item.object, item.what);
  return toned(session.terminal, item.repaired ? Tone::kWarn : Tone::kBad, printable(head)) + '\n' +
         listed("releases", item.releases) + listed("paths", item.paths);
}

std::string verify_text(const Session& session, const VerifySummary& item) {
  std::string found = "all intact";
  if (item.damaged > 0) found = fmt::format("{} damaged, {} repaired", item.damaged, item.repaired);
  const Tone tone = item.damaged == 0               ? Tone::kGood
                    : item.damaged == item.repaired ? Tone::kWarn
                                                    : Tone::kBad;
  return fmt::format("{}{}{}: {}\n", counted(item.objects, "object"),
                     item.deep ? ", " + size_text(item.bytes) + " read and hashed"
                               : " looked at, contents not read",
                     item.resumed ? ", those of the interrupted verification included" : "",
                     toned(session.terminal, tone, found));
}

}  // namespace

std::optional<Printed> store_line_of(const Session& session, const Reply& reply) {
  const std::string host = reply.host.empty() ? "" : printable(reply.host) + ": ";
  return std::visit(
      Overloaded{
          [&](const PruneSummary& item) -> std::optional<Printed> {
            return Printed{host + prune_text(item), false};
          },
          [&](const StoreStats& item) -> std::optional<Printed> {
            return Printed{host + stats_text(item), false};
          },
          [&](const DamageItem& item) -> std::optional<Printed> {
            return Printed{host + damage_text(session, item), false};
          },
          [&](const VerifySummary& item) -> std::optional<Printed> {
            return Printed{host + verify_text(session, item), false};
          },
          [&](const ArchiveItem& item) -> std::optional<Printed> {  // stdout may be the archive
            return Printed{fmt::format("{}{}: {}, {}, sha256 {}\n", host, printable(item.revision),
                                       counted(item.records, "record"), size_text(item.bytes),
                                       item.digest.hex()),
                           true};
          },
          [](const auto&) -> std::optional<Printed> { return std::nullopt; },
      },
      reply.body);
}

std::optional<Row> store_row_of(const Reply& reply) {
  return std::visit(
      Overloaded{
          [&](const PruneItem& item) -> std::optional<Row> {
            return Row{
                "prune",
                {"HOST", "RELEASE", "DECISION", "FREES", "WHY"},
                {{printable(reply.host)},
                 {printable(item.revision)},
                 {item.removed ? "remove" : "keep", item.removed ? Tone::kWarn : Tone::kGood},
                 {item.removed ? size_text(item.bytes) : "-"},
                 {printable(item.why)}}};
          },
          [&](const ReleaseStats& item) -> std::optional<Row> {
            return Row{"stats",
                       {"HOST", "RELEASE", "FILES", "SIZE", "STORED", "UNIQUE", "STAYS"},
                       {{printable(reply.host)},
                        {printable(item.revision)},
                        {count_text(item.files)},
                        {size_text(item.logical)},
                        {size_text(item.stored)},
                        {size_text(item.unique)},
                        {printable(item.stays)}}};
          },
          [](const auto&) -> std::optional<Row> { return std::nullopt; },
      },
      reply.body);
}

}  // namespace rollback
