// SPDX-License-Identifier: Apache-2.0
// What the journal says about a run, as values, and their bytes (docs/formats/journal.md). Decoding
// is strict: a record that is not exactly as described is kCorrupt.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/apply/file_op.h"
#include "agent/options.h"
#include "core/clock.h"
#include "core/digest.h"
#include "model/run.h"

namespace rollback {

// First record of every journal: who holds the host, and where its stages are.
struct JournalBegin {
  RunId run;
  RunKind kind = RunKind::kRollback;
  std::string actor;
  std::string reason;
  std::string from;
  std::string to;
  WallTime started;
  std::vector<std::string> stages;  // absolute paths of directories, ".../.rollback/<run>"
  bool operator==(const JournalBegin&) const = default;
};

enum class UnitDuty { kRestart = 1, kStop = 2, kStart = 3, kReload = 4 };

// A unit the run acts on, and how it was before. In plan order.
struct JournalUnit {
  std::string name;
  UnitDuty duty = UnitDuty::kRestart;
  bool was_active = false;
  std::string enablement;
  std::string invocation;
  bool operator==(const JournalUnit&) const = default;
};

// A compose project the run acts on: its services that ran before, and those that shall.
struct JournalProject {
  std::string directory;
  std::string name;  // that compose gave it; "" when it has no containers
  std::vector<std::string> before;
  std::vector<std::string> after;
  bool starts = false;  // compose up, with the target's files
  bool operator==(const JournalProject&) const = default;
};

// Everything that undoing needs; synced before anything live is touched.
struct JournalIntent {
  Digest plan_digest;
  Digest fingerprint;
  std::vector<FileOp> files;
  std::vector<JournalUnit> units;
  bool daemon_reload = false;
  std::vector<std::string> red_before;  // required probes that were red in the baseline
  HookOptions hooks{};                  // that this run runs; none when it interrupts nothing
  std::vector<JournalProject> projects{};
  std::uint32_t units_first = 0;  // so many of the units start before the projects do
  bool operator==(const JournalIntent&) const = default;
};

struct JournalPhase {
  RunPhase phase = RunPhase::kPlanned;
  WallTime time;
  bool operator==(const JournalPhase&) const = default;
};

// Files were taken back to the origin after a crash; what could not be is listed.
struct JournalFilesUndone {
  std::vector<std::string> differs;
  bool operator==(const JournalFilesUndone&) const = default;
};

// Until when the run waits to be confirmed. A reboot begins the time anew, once.
struct JournalConfirm {
  Duration window{};
  BootTime until;  // of the boot `boot_id`
  std::string boot_id;
  bool rebooted = false;
  bool by_contact = false;  // a coordinator or witness that is reached confirms it
  bool operator==(const JournalConfirm&) const = default;
};

// Of what is written. Format 1 has no operations that set times of directories, 2 no hooks and no
// compose projects.
inline constexpr std::uint32_t kJournalFormat = 3;

using JournalRecord =
    std::variant<JournalBegin, JournalIntent, JournalPhase, JournalFilesUndone, JournalConfirm>;

// The bytes of a record, in order and in pieces: those of a large run are not held at once.
using UsePiece = std::function<void(std::string_view)>;
void encode_journal_record(const JournalBegin& begin, const UsePiece& use);
void encode_journal_record(const JournalIntent& intent, const UsePiece& use);
void encode_journal_record(const JournalPhase& phase, const UsePiece& use);
void encode_journal_record(const JournalFilesUndone& undone, const UsePiece& use);
void encode_journal_record(const JournalConfirm& confirm, const UsePiece& use);
Result<JournalRecord> decode_journal_record(std::string_view bytes,
                                            std::uint32_t format = kJournalFormat);

}  // namespace rollback
