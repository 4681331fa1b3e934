// SPDX-License-Identifier: Apache-2.0
// The command tree, one function per branch. Each adds its subcommand and its flags to `app`; when
// it is chosen it runs against the session and sets the exit code.
#pragma once

#include <string>

#include "cli/session.h"

namespace CLI {
class App;  // CLI11 is in the headers: only what adds a command includes it
}

namespace rollback {

void add_snapshot(CLI::App& app, Session& session);
void add_readers(CLI::App& app, Session& session);    // what only looks, as listed in readers.cpp
void add_verify(CLI::App& app, Session& session);     // verify; called by add_readers
void add_rollback(CLI::App& app, Session& session);   // rollback undo
void add_deploy(CLI::App& app, Session& session);     // deploy, deploy begin end abort
void add_runs(CLI::App& app, Session& session);       // run list show watch abort confirm resume
void add_lock(CLI::App& app, Session& session);       // lock status break
void add_retention(CLI::App& app, Session& session);  // pin unpin block unblock prune
void add_archives(CLI::App& app, Session& session);   // export import
void add_config(CLI::App& app, Session& session);     // config check
void add_fleet(CLI::App& app, Session& session);      // fleet --to and what is below it
void add_hosts(CLI::App& fleet, Session& session);    // fleet hosts

// What CLI11 would let through or tell badly; kInvalid is one sentence:
// * An option that takes a value refuses one that begins with '-': `--to --dry-run` would be read
//   as a release and make a dry run real. `--to=--x` is let through.
// * A command that is not there; the nearest is named.
// * An option of `fleet` itself together with a command below it, before or after it: `fleet -n
//   snapshot v1` would make a snapshot.
Status check_arguments(const CLI::App& app, int argc, const char* const* argv);

// Asks who is selected, then the operator; above a bound of hosts their number must be typed.
// False: not confirmed, or nobody could be asked; it has been said and the exit code is set.
bool fleet_confirmed(Session& session, const HostSelection& hosts, const std::string& to);

// True after saying on stderr which of `names` names no release ("" and "live" are let through).
bool refuse_bad_releases(Session& session, const std::vector<std::string>& names);
// The same for what a snapshot is to be called: no version, or no git reference.
bool refuse_bad_snapshot(Session& session, const std::string& label, const std::string& git_ref);

// True: go on. Without a terminal there is nobody to ask; -y answers yes.
bool confirmed(const Session& session, const std::string& question);
// --drift overwrite|keep|abort
void add_drift(CLI::App& app, DriftPolicy& drift);
// "5m"; a validator that fills a Duration.
void add_duration(CLI::App& app, const std::string& name, Duration& value, const std::string& help);

}  // namespace rollback
