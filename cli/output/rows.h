// SPDX-License-Identifier: Apache-2.0
// One answer as a line that is printed at once, or as a row of a table. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/output/text.h"
#include "protocol/messages.h"

namespace rollback {

struct Printed {
  std::string text;   // with its newline
  bool talk = false;  // stderr
};

// nullopt for what belongs into a table.
std::optional<Printed> line_of(const Session& session, const Reply& reply);

struct Row {
  std::string table;  // rows of one table share their head
  std::vector<std::string> head;
  std::vector<Table::Cell> cells;
};
Row row_of(const Session& session, const Reply& reply);
// Rows of further tables, below the one of row_of(): what a host's phases took, a column each;
// units and facts of a resource.
std::vector<Row> further_rows_of(const Reply& reply);

Tone tone_of(Verdict verdict) noexcept;
Tone tone_of(RunOutcome outcome) noexcept;
Tone tone_of(HostPhase phase) noexcept;
// "preflight 0.12 s, commit 3 ms, ..."; "" without times.
std::string times_text(const std::vector<PhaseTime>& times);

}  // namespace rollback
