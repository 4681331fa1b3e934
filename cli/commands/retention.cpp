// SPDX-License-Identifier: Apache-2.0
// Marks of releases, which one to keep and which may be a target: pin, unpin, block, unblock.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"

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

}  // namespace

void add_retention(CLI::App& app, Session& session) {
  add_mark(app, session, "pin", MarkChange::kPin, "Mark a release as one to keep");
  add_mark(app, session, "unpin", MarkChange::kUnpin, "Take that mark off");
  add_mark(app, session, "block", MarkChange::kBlock, "No rollback may go to this release");
  add_mark(app, session, "unblock", MarkChange::kUnblock,
           "It may be a target again, also when a rollback left it");
}

}  // namespace rollback
