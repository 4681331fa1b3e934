// SPDX-License-Identifier: Apache-2.0
// What stays in the store and what may be a target: pin, unpin, block, unblock, prune.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"
#include "core/bytes.h"

namespace rollback {

namespace {

void add_mark(CLI::App& app, Session& session, const std::string& name, MarkChange change,
              const std::string& help) {
  auto request = std::make_shared<MarkRequest>();
  request->change = change;
  auto* command = app.add_subcommand(name, help);
  command->add_option("release", request->revision, "v2.4.1, v2.4.1@2 or run:ID")->required();
  command->add_option("-m,--reason", session.reason, "Why; kept in the history")->type_name("WHY");
  command->callback([&session, request] {
    if (refuse_bad_releases(session, {request->revision})) return;
    ask_and_print(session, session.agent(), *request);
  });
}

void add_size(CLI::App& app, const std::string& name, std::uint64_t& value,
              const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&value, name](const std::string& text) {
           const auto parsed = parse_bytes(text);
           if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
           if (*parsed == 0) throw CLI::ValidationError(name, "a store has a size");
           value = *parsed;
         },
         help)
      ->type_name("SIZE");
}

// Shows what would go. False when nothing would, or that could not be told; the exit code says it.
bool would_remove(Session& session, PruneRequest request) {
  request.dry_run = true;
  const bool detailed = std::exchange(session.detailed_exit_code, true);
  ask_and_print(session, session.agent(), request);
  session.detailed_exit_code = detailed;
  if (session.exit == ExitCode::kNothingToDo && !detailed)
    session.exit = ExitCode::kDone;
  else if (session.exit == ExitCode::kDone || session.exit == ExitCode::kPartial)
    return true;
  return false;
}

void run_prune(Session& session, const PruneRequest& request) {
  const bool asks = !request.dry_run && !session.yes && session.terminal.in &&
                    session.terminal.out && session.format == Format::kTable;
  if (asks && !would_remove(session, request)) return;
  if (asks && !confirmed(session, "Remove it?")) {
    print_error(session, "not confirmed; nothing was removed");
    session.exit = ExitCode::kUsage;
    return;
  }
  ask_and_print(session, session.agent(), request);
}

void add_prune(CLI::App& app, Session& session) {
  auto request = std::make_shared<PruneRequest>();
  auto* command = app.add_subcommand(
      "prune", "Remove old releases from the store (default: as agent.yaml says)");
  command->add_option("--keep", request->keep, "Good releases that stay in any case")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  add_duration(*command, "--older-than", request->older_than,
               "Of the rest only what was not used for so long, such as 30d");
  add_size(*command, "--max-size", request->max_size,
           "Of the rest the oldest, until the store takes no more, such as 20G");
  command->add_flag("-n,--dry-run", request->dry_run, "Say what would go, remove nothing");
  command->add_option("-m,--reason", session.reason, "Why; kept in the history")->type_name("WHY");
  command->add_flag("-y,--yes", session.yes, "Do not ask");
  command->callback([&session, request] { run_prune(session, *request); });
}

}  // namespace

void add_retention(CLI::App& app, Session& session) {
  add_mark(app, session, "pin", MarkChange::kPin, "Mark a release as one to keep");
  add_mark(app, session, "unpin", MarkChange::kUnpin, "Take that mark off");
  add_mark(app, session, "block", MarkChange::kBlock, "No rollback may go to this release");
  add_mark(app, session, "unblock", MarkChange::kUnblock,
           "It may be a target again, also when a rollback left it");
  add_prune(app, session);
}

}  // namespace rollback
