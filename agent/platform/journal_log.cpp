// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/journal_log.h"

#include <systemd/sd-journal.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "agent/platform/printable.h"
#include "agent/platform/sd_bus.h"

namespace rollback {

namespace {

constexpr std::size_t kLineBytes = 512;
constexpr std::size_t kMostLines = 1000;
using JournalPtr = std::unique_ptr<sd_journal, Releaser<sd_journal_close>>;

// What the unit's processes wrote, or what PID 1 wrote about the unit.
int match_unit(sd_journal* journal, const std::string& unit) {
  const std::string written = "_SYSTEMD_UNIT=" + unit;
  const std::string about = "UNIT=" + unit;
  int done = sd_journal_add_match(journal, written.data(), written.size());
  if (done >= 0) done = sd_journal_add_disjunction(journal);
  if (done >= 0) done = sd_journal_add_match(journal, "_PID=1", 0);
  if (done >= 0) done = sd_journal_add_match(journal, about.data(), about.size());
  return done;
}

std::string message_of(sd_journal* journal) {
  constexpr std::string_view kField = "MESSAGE=";
  const void* data = nullptr;
  std::size_t size = 0;
  if (sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0 || size < kField.size()) return "";
  std::string_view text(static_cast<const char*>(data), size);
  text.remove_prefix(kField.size());
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return printable_line(text, kLineBytes);
}

}  // namespace

Result<std::vector<std::string>> journal_tail(const std::string& unit, std::size_t lines) {
  sd_journal* raw = nullptr;
  int step = sd_journal_open(&raw, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
  const JournalPtr journal(raw);
  // The longest line that is shown, and a little more to see that it was cut.
  if (step >= 0) step = sd_journal_set_data_threshold(raw, kLineBytes + 64);
  if (step >= 0) step = match_unit(raw, unit);
  if (step >= 0) step = sd_journal_seek_tail(raw);
  std::vector<std::string> tail;
  const std::size_t wanted = std::min(lines, kMostLines);
  while (step >= 0 && tail.size() < wanted && (step = sd_journal_previous(raw)) > 0)
    tail.push_back(message_of(raw));
  if (step < 0) return fail_errno(-step, "read the journal of " + unit);
  std::reverse(tail.begin(), tail.end());
  return tail;
}

}  // namespace rollback
