// SPDX-License-Identifier: Apache-2.0
// rollback and undo of this host.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <set>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"
#include "cli/plan_file.h"

namespace rollback {

namespace {

void refuse(Session& session, const std::string& sentence) {
  print_error(session, sentence);
  session.exit = ExitCode::kUsage;
}

// Without a target there is nothing to guess at: show what there is.
void show_candidates(Session& session) {
  refuse(session, "say where to: --to RELEASE, or --previous for the last good one. There are:");
  ask_and_print(session, session.agent(), HistoryRequest{1});
  session.exit = ExitCode::kUsage;
}

struct HowToTarget {
  bool previous = false;
  bool diff = false;      // show the plan with its diffs first
  std::string plan_file;  // --plan
};

std::string text_of(const PlanStep& step) {
  return fmt::format("{} {} ({})", to_string(step.action), step.subject, step.why);
}

// What is otherwise than in the plan of the file, for people.
void show_what_changed(Session& session, const PlanFile& file) {
  constexpr std::size_t kNamed = 5;
  std::vector<PlanStep> now;
  const auto end =
      session.agent().ask(PlanRequest{file.plan.to, false, file.drift}, [&](const Reply& reply) {
        if (const auto* step = std::get_if<PlanStep>(&reply.body)) now.push_back(*step);
      });
  if (!end || end->exit_code != ExitCode::kDone) return;
  std::size_t left = kNamed;
  const auto show = [&](const char* what, const std::vector<PlanStep>& steps,
                        const std::vector<PlanStep>& others) {
    const std::set<std::string> known = [&] {
      std::set<std::string> texts;
      for (const auto& step : others) texts.insert(text_of(step));
      return texts;
    }();
    for (const auto& step : steps)
      if (!known.contains(text_of(step)) && left > 0 && left-- > 0)
        fmt::print(stderr, "  {}: {}\n", what, printable(text_of(step)));
  };
  show("now also", now, file.plan.steps);
  show("no more", file.plan.steps, now);
}

// --plan FILE: exactly that, or nothing.
void run_plan_file(Session& session, RollbackRequest request, const HowToTarget& how) {
  if (how.plan_file == "-" && session.terminal.in)
    return refuse(session, "--plan - reads a plan from standard input, which is a terminal here");
  const auto file = load_plan_file(how.plan_file, std::cin);
  if (!file) return refuse(session, file.error().message);
  request.to = file->plan.to;
  request.plan = file->digest;
  request.drift = file->drift;
  const auto question =
      fmt::format("Carry out the {} steps of plan {} and take this host to {}?",
                  file->plan.steps.size(), file->digest.hex().substr(0, 12), file->plan.to);
  if (!request.dry_run && !confirmed(session, question))
    return refuse(session, "not confirmed; nothing was changed");
  const auto end = ask_and_print(session, session.agent(), request);
  const bool refused = end && end->exit_code == ExitCode::kRefused && end->error;
  if (refused && end->error->code == ErrorCode::kConflict && session.format == Format::kTable)
    show_what_changed(session, *file);
}

void add_accepted_facts(CLI::App& command, std::vector<std::string>& facts) {
  command.add_option("--accept-fact", facts, "Go on although this fact differs from the release's")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

// False after saying why: then nothing may be changed.
bool plan_shown(Session& session, const std::string& to, DriftPolicy drift) {
  if (session.format == Format::kJson || session.format == Format::kYaml) {
    refuse(session,
           "-D shows the plan to people; for a program there is 'rollbackctl plan -D -o json'");
    return false;
  }
  ask_and_print(session, session.agent(), PlanRequest{to, true, drift});
  return session.exit == ExitCode::kDone || session.exit == ExitCode::kNothingToDo;
}

void run_rollback(Session& session, const RollbackRequest& request, const HowToTarget& how) {
  const bool previous = how.previous;
  session.budget = request.timeout;
  if (!how.plan_file.empty()) {
    if (!request.to.empty() || previous || how.diff || request.drift != DriftPolicy::kOverwrite)
      return refuse(session,
                    "--plan says where to and what to do: it excludes --to, --previous, -D "
                    "and --drift");
    return run_plan_file(session, request, how);
  }
  if (request.to.empty() && !previous) return show_candidates(session);
  if (!request.to.empty() && previous)
    return refuse(session, "--to and --previous exclude each other");
  if (const auto name = RevisionName::parse(request.to); !request.to.empty() && !name)
    return refuse(session, name.error().message);
  if (how.diff && !plan_shown(session, request.to, request.drift)) return;
  const std::string target = request.to.empty() ? "the previous good release" : request.to;
  if (!request.dry_run && !confirmed(session, "Take this host back to " + target + "?"))
    return refuse(session, "not confirmed; nothing was changed");
  ask_and_print(session, session.agent(), request);
}

}  // namespace

void add_rollback(CLI::App& app, Session& session) {
  auto request = std::make_shared<RollbackRequest>();
  auto how = std::make_shared<HowToTarget>();
  auto* command = app.add_subcommand("rollback", "Take this host back to a release");
  command->add_option("--to", request->to, "v2.4.1, v2.4.1@2 or run:ID")->type_name("RELEASE");
  command->add_flag("--previous", how->previous, "To the previous good release");
  command
      ->add_option("--plan", how->plan_file,
                   "Exactly what 'plan -o json' printed to FILE (-: standard input), or nothing")
      ->type_name("FILE");
  command->add_flag("-n,--dry-run", request->dry_run, "Plan and check everything, change nothing");
  command->add_flag("-D,--diff", how->diff, "Show the plan with the text of every change first");
  command->add_flag("--accept-removals", request->accept_removals,
                    "Remove many files that no release recorded");
  add_drift(*command, request->drift);
  add_accepted_facts(*command, request->accept_facts);
  add_duration(*command, "--timeout", request->timeout, "Budget of the run (default 5m)");
  add_duration(*command, "--confirm-timeout", request->confirm,
               "Go back again unless 'run confirm' comes within this time");
  command->add_option("-m,--reason", session.reason, "Why; kept in the history")->type_name("WHY");
  command->add_flag("-y,--yes", session.yes, "Do not ask");
  command->callback([&session, request, how] { run_rollback(session, *request, *how); });

  auto undo = std::make_shared<UndoRequest>();
  command = app.add_subcommand("undo", "Take back what a run changed on this host");
  command->add_option("run", undo->run, "Its id (default: the last run that changed something)");
  command->add_flag("-n,--dry-run", undo->dry_run, "Plan and check everything, change nothing");
  add_drift(*command, undo->drift);
  add_accepted_facts(*command, undo->accept_facts);
  add_duration(*command, "--timeout", undo->timeout, "Budget of the run (default 5m)");
  command->add_option("-m,--reason", session.reason, "Why; kept in the history")->type_name("WHY");
  command->add_flag("-y,--yes", session.yes, "Do not ask");
  command->callback([&session, undo] {
    session.budget = undo->timeout;
    const std::string which = undo->run.empty() ? "the last run" : "run " + undo->run;
    if (!undo->dry_run && !confirmed(session, "Undo " + which + " on this host?"))
      return refuse(session, "not confirmed; nothing was changed");
    ask_and_print(session, session.agent(), *undo);
  });
}

void add_runs(CLI::App& app, Session& session) {
  auto* run = app.add_subcommand("run", "Runs of this host");
  run->require_subcommand(1);
  auto list = std::make_shared<RunListRequest>();
  auto* command = run->add_subcommand("list", "Newest first");
  command->add_option("-n,--max", list->limit, "How many (default 20; 0: all)")->type_name("N");
  command->callback([&session, list] { ask_and_print(session, session.agent(), *list); });

  auto show = std::make_shared<RunShowRequest>();
  command = run->add_subcommand("show", "Everything that happened in a run");
  command->add_option("run", show->run, "Its id, or the beginning of it")->required();
  command->callback([&session, show] { ask_and_print(session, session.agent(), *show); });

  auto watch = std::make_shared<RunWatchRequest>();
  command = run->add_subcommand("watch", "Follow a run to its end");
  command->add_option("run", watch->run, "Its id (default: the running one)");
  command->add_option("--from", watch->from, "Number of the first event to show")->type_name("N");
  command->callback([&session, watch] { ask_and_print(session, session.agent(), *watch); });

  auto confirm = std::make_shared<RunConfirmRequest>();
  command = run->add_subcommand("confirm", "Keep a run that waits for it (--confirm-timeout)");
  command->add_option("run", confirm->run, "Its id (default: the one that waits)");
  command->callback([&session, confirm] { ask_and_print(session, session.agent(), *confirm); });

  auto resume = std::make_shared<RunResumeRequest>();
  command = run->add_subcommand("resume", "Finish a run that was interrupted");
  command->add_option("run", resume->run, "Its id (default: the one that holds the host)");
  command->callback([&session, resume] { ask_and_print(session, session.agent(), *resume); });

  auto abort = std::make_shared<RunAbortRequest>();
  command = run->add_subcommand("abort", "End a run; it takes back what it changed");
  command->add_option("run", abort->run, "Its id")->required();
  command->callback([&session, abort] { ask_and_print(session, session.agent(), *abort); });
}

void add_lock(CLI::App& app, Session& session) {
  auto* lock = app.add_subcommand("lock", "What holds this host");
  lock->require_subcommand(1);
  auto* command = lock->add_subcommand("status", "The run or deploy that does");
  command->callback([&session] { ask_and_print(session, session.agent(), LockRequest{}); });
  command = lock->add_subcommand("break", "Let go of a host that a prepared run holds");
  command->add_option("-m,--reason", session.reason, "Why; kept in the run's record")
      ->type_name("WHY")
      ->required();
  command->callback([&session] { ask_and_print(session, session.agent(), LockRequest{true}); });
}

}  // namespace rollback
