// SPDX-License-Identifier: Apache-2.0
// What only looks: history, show, diff, plan, verify, health, status.
#include <poll.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"

namespace rollback {

namespace {

// What a request names as releases; "" and "live" are no names.
std::vector<std::string> releases_of(const ShowRequest& it) { return {it.revision}; }
std::vector<std::string> releases_of(const DiffRequest& it) { return {it.from, it.to}; }
std::vector<std::string> releases_of(const PlanRequest& it) { return {it.to}; }
template <typename Request>
std::vector<std::string> releases_of(const Request&) {
  return {};
}

template <typename Request>
void ask_when_chosen(CLI::App* command, Session& session, std::shared_ptr<Request> request) {
  command->callback([&session, request] {
    if (refuse_bad_releases(session, releases_of(*request))) return;
    ask_and_print(session, session.agent(), CommandBody(*request));
  });
}

constexpr Duration kWatchEvery = std::chrono::seconds(2);

// False when Ctrl-C ended the wait.
bool wait_for_next(const Session& session) {
  const BootTime until = session.clock.boot() + kWatchEvery;
  while (!session.interrupted() && session.clock.boot() < until)
    (void)poll(nullptr, 0, 100);  // a signal ends it earlier
  return !session.interrupted();
}

// Not where nobody answers or lets us in, nor after Ctrl-C.
bool may_answer_again(ExitCode exit) {
  return exit != ExitCode::kUsage && exit != ExitCode::kDenied && exit != ExitCode::kDetached;
}

void add_health(CLI::App& app, Session& session) {
  auto watch = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("health", "Ask every probe now");
  command->add_flag("-w,--watch", *watch, "Again every 2 s, until Ctrl-C");
  command->callback([&session, watch] {
    do ask_and_print(session, session.agent(), HealthRequest{});
    while (*watch && may_answer_again(session.exit) && wait_for_next(session));
  });
}

}  // namespace

void add_readers(CLI::App& app, Session& session) {
  auto history = std::make_shared<HistoryRequest>();
  auto* command = app.add_subcommand("history", "Releases of this host and what happened to them");
  command->add_option("-n,--max", history->limit, "Newest entries only")->type_name("N");
  ask_when_chosen(command, session, history);

  auto show = std::make_shared<ShowRequest>();
  command = app.add_subcommand("show", "What a release is made of");
  command->add_option("release", show->revision, "v2.4.1, v2.4.1@2 or run:ID")->required();
  command->add_flag("--tree", show->tree, "Every path with mode, owner, size and time");
  ask_when_chosen(command, session, show);

  auto diff = std::make_shared<DiffRequest>();
  diff->to = "live";
  command = app.add_subcommand("diff", "What differs between two releases, or a release and now");
  command->add_option("from", diff->from, "A release, or live")->required();
  command->add_option("to", diff->to, "A release, or live (the default)");
  command->add_flag("--stat", diff->stat, "Counts of lines instead of their text");
  ask_when_chosen(command, session, diff);

  auto plan = std::make_shared<PlanRequest>();
  command =
      app.add_subcommand("plan", "The steps of a rollback, each with why and how to reverse it");
  command->add_option("--to", plan->to, "A release (default: the previous good one)")
      ->type_name("RELEASE");
  command->add_flag("-D,--diff", plan->diff, "With the text of every change");
  add_drift(*command, plan->drift);
  ask_when_chosen(command, session, plan);

  add_verify(app, session);

  command = app.add_subcommand("stats", "What each release takes of the store");
  ask_when_chosen(command, session, std::make_shared<StatsRequest>());

  add_health(app, session);
  command = app.add_subcommand("status", "Release, health, running run, store and coordinator");
  ask_when_chosen(command, session, std::make_shared<StatusRequest>());
}

void add_config(CLI::App& app, Session& session) {
  auto* config = app.add_subcommand("config", "The agent's configuration");
  config->require_subcommand(1);
  auto* check = config->add_subcommand("check", "Could this host be rolled back? What is missing?");
  ask_when_chosen(check, session, std::make_shared<ConfigCheckRequest>());
}

void add_snapshot(CLI::App& app, Session& session) {
  auto request = std::make_shared<SnapshotRequest>();
  auto* command = app.add_subcommand("snapshot", "Record what this host is now as a release");
  command->add_option("release", request->label, "A version such as v2.4.1")->required();
  command->add_flag("--unhealthy-ok", request->unhealthy_ok, "Record a red host, as failed");
  command->add_flag("-n,--dry-run", request->dry_run, "Say what would be recorded, store nothing");
  command
      ->add_option("--git-ref", request->git_ref, "Commit or tag it was built from; kept with it")
      ->type_name("REF");
  command->add_option("-m,--reason", session.reason, "Why; kept in the history")->type_name("WHY");
  command->callback([&session, request] {
    if (refuse_bad_snapshot(session, request->label, request->git_ref)) return;
    ask_and_print(session, session.agent(), *request);
  });
}

}  // namespace rollback
