// SPDX-License-Identifier: Apache-2.0
// A daemon's answers as people or scripts read them: results on stdout, talk on stderr. As a table,
// lists are held back until the End, because their columns are as wide as their longest cell.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/output/progress_line.h"
#include "cli/output/release_text.h"
#include "cli/output/text.h"
#include "cli/session.h"
#include "protocol/messages.h"

namespace rollback {

class Answer {
 public:
  // How people are shown what differs: with the text of it, or counted (--stat).
  enum class Diffs { kText, kStat };
  // In jsonl how far it is comes among the answers, so that there is no line for it.
  explicit Answer(Session& session, Diffs diffs = Diffs::kText)
      : session_(session),
        diffs_(diffs),
        progress_(session.terminal.err && session.format != Format::kJsonl,
                  session.terminal.width) {}

  void take(const Reply& reply);
  // Prints what was held back, and the error on stderr in one sentence.
  void finish(const End& end);
  // Prints tables held back so far (between two parts of a long answer).
  void flush();

 private:
  void take_for_people(const Reply& reply);
  void add(const Row& row);
  Table& table(const std::string& name, const std::vector<std::string>& head);
  void print_structured(const End& end);

  Session& session_;
  const Diffs diffs_;
  ProgressLine progress_;
  DiffStat stat_;
  std::vector<std::pair<std::string, Table>> tables_;
  std::vector<std::string> json_;
};

// Runs `body` against a client and prints its answer; the session's exit code is the End's, which
// is given back when there is one.
std::optional<End> ask_and_print(Session& session, Client client, const CommandBody& body);
// "rollbackctl: sentence" on stderr.
void print_error(const Session& session, const std::string& sentence);

}  // namespace rollback
