// SPDX-License-Identifier: Apache-2.0
// The command tree, one function per branch. Each adds its subcommand and its flags to `app`; when
// it is chosen it runs against the session and sets the exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/session.h"

namespace rollback {

void add_snapshot(CLI::App& app, Session& session);
void add_readers(CLI::App& app, Session& session);   // history show diff plan verify health status
void add_rollback(CLI::App& app, Session& session);  // rollback undo
void add_runs(CLI::App& app, Session& session);      // run list show watch abort
void add_config(CLI::App& app, Session& session);    // config check
void add_fleet(CLI::App& app, Session& session);     // fleet --to and what is below it
void add_hosts(CLI::App& fleet, Session& session);   // fleet hosts

// Options that take a value refuse one that begins with '-': CLI11 alone would read `--to
// --dry-run` as a release and make a dry run real. kInvalid names the option; `--to=--x` is let
// through.
Status check_option_values(const CLI::App& app, int argc, const char* const* argv);

// True: go on. Without a terminal there is nobody to ask; -y answers yes.
bool confirmed(const Session& session, const std::string& question);
// "5m"; a validator that fills a Duration.
void add_duration(CLI::App& app, const std::string& name, Duration& value, const std::string& help);

}  // namespace rollback
