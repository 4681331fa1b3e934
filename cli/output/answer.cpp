// SPDX-License-Identifier: Apache-2.0
#include "cli/output/answer.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/output/rows.h"
#include "cli/output/structured.h"
#include "protocol/json.h"

namespace rollback {

void print_error(const Session& session, const std::string& sentence) {
  fmt::print(stderr, "{} {}\n", toned(session.terminal, Tone::kBad, "rollbackctl:"),
             printable(sentence));
}

void Answer::take(const Reply& reply) {
  const auto* const progress = std::get_if<ProgressItem>(&reply.body);
  if (progress != nullptr && session_.format != Format::kJsonl)
    return progress_.take(*progress, reply.host);
  switch (session_.format) {
    case Format::kTable:
      return take_for_people(reply);
    case Format::kJsonl:
      fmt::print("{}\n", to_json(reply));
      std::fflush(stdout);
      return;
    case Format::kJson:
    case Format::kYaml:
      json_.push_back(to_json(reply));
      return;
  }
}

void Answer::take_for_people(const Reply& reply) {
  const auto* const diff = std::get_if<DiffItem>(&reply.body);
  if (diff != nullptr && diffs_ == Diffs::kStat) return add(stat_.row(reply, *diff));
  if (const auto line = line_of(session_, reply)) {
    flush();
    std::FILE* const to = line->talk ? stderr : stdout;
    fmt::print(to, "{}", line->text);
    std::fflush(to);
    progress_.draw();
    return;
  }
  add(row_of(session_, reply));
  for (const auto& row : further_rows_of(reply)) add(row);
}

void Answer::add(const Row& row) { table(row.table, row.head).add(row.cells); }

Table& Answer::table(const std::string& name, const std::vector<std::string>& head) {
  for (auto& [known, rows] : tables_)
    if (known == name) return rows;
  tables_.emplace_back(name, Table(head));
  return tables_.back().second;
}

void Answer::flush() {
  progress_.clear();
  bool first = true;
  for (const auto& [name, rows] : tables_) {
    if (rows.empty()) continue;
    fmt::print("{}{}", first ? "" : "\n", rows.str(session_.terminal));
    first = false;
  }
  tables_.clear();
  std::fflush(stdout);
}

void Answer::print_structured(const End& end) {
  const std::string last = to_json(Reply{{}, 0, {}, end});
  if (session_.format == Format::kJsonl) return fmt::print("{}\n", last);
  json_.push_back(last);
  fmt::print("{}", session_.format == Format::kJson ? json_document(json_) : yaml_document(json_));
}

void Answer::finish(const End& end) {
  progress_.clear();
  if (session_.format != Format::kTable) {
    print_structured(end);
  } else {
    flush();
    if (diffs_ == Diffs::kStat && !end.error) fmt::print("{}", stat_.str());
  }
  std::fflush(stdout);
  if (end.error) print_error(session_, end.error->message);
  session_.exit = end.exit_code;
  if (session_.detailed_exit_code && end.exit_code == ExitCode::kDone && !end.changed)
    session_.exit = ExitCode::kNothingToDo;
}

std::optional<End> ask_and_print(Session& session, Client client, const CommandBody& body) {
  const auto* const diff = std::get_if<DiffRequest>(&body);
  Answer answer(session,
                diff != nullptr && diff->stat ? Answer::Diffs::kStat : Answer::Diffs::kText);
  const auto end = client.ask(body, [&](const Reply& reply) { answer.take(reply); });
  if (end) {
    answer.finish(*end);
    return *end;
  }
  answer.flush();
  const bool detached = end.error().code == ErrorCode::kTimeout && session.interrupted();
  if (detached) {
    if (session.own_agent) session.own_agent->leave();
    fmt::print(stderr,
               "\nDetached; what was begun goes on. 'rollbackctl run watch' (or 'rollbackctl fleet "
               "run watch') shows it, 'run abort' ends it.\n");
    session.exit = ExitCode::kDetached;
    return std::nullopt;
  }
  print_error(session, end.error().message);
  session.exit = end.error().code == ErrorCode::kDenied ? ExitCode::kDenied : ExitCode::kUsage;
  return std::nullopt;
}

}  // namespace rollback
