// SPDX-License-Identifier: Apache-2.0
// deploy RELEASE -- CMD..., and its parts for tools that run elsewhere: begin, end, abort.
#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/held_command.h"
#include "cli/output/answer.h"

namespace rollback {

namespace {

// An agent that is restarted in the middle is back by then; systemd gives it two seconds.
constexpr Duration kAgentComesBack = std::chrono::seconds(60);
constexpr int kBetweenTries = 1000;  // milliseconds

struct HowToDeploy {
  DeployBeginRequest begin;
  bool no_undo = false;
  std::vector<std::string> command;
};

bool refuse(Session& session, const std::string& sentence) {
  print_error(session, sentence);
  session.exit = ExitCode::kUsage;
  return false;
}

DeployBeginRequest request_of(const HowToDeploy& how) {
  DeployBeginRequest request = how.begin;
  request.undo = !how.no_undo;
  return request;
}

// The run, once the agent holds the host for it; what it says before goes to stderr.
std::optional<RunId> begin(Session& session, const DeployBeginRequest& request) {
  std::optional<RunId> run;
  Answer answer(session);
  const auto end = session.agent().ask(request, [&](const Reply& reply) {
    if (const auto* const record = std::get_if<RunRecord>(&reply.body))
      run = record->id;
    else if (session.format == Format::kTable)
      answer.take(reply);
  });
  if (end && !end->error && end->exit_code == ExitCode::kDone) return run;
  if (end) {
    answer.finish(*end);
  } else {
    print_error(session, end.error().message + "; nothing was started");
    session.exit = end.error().code == ErrorCode::kDenied ? ExitCode::kDenied : ExitCode::kUsage;
  }
  return std::nullopt;
}

bool agent_answers(Session& session) {
  return session.agent().ask(StatusRequest{}, [](const Reply&) {}).has_value();
}

// What the command came to is not lost when the agent is being restarted.
void tell_end(Session& session, const DeployEndRequest& request) {
  const BootTime until = session.clock.boot() + kAgentComesBack;
  bool said = false;
  while (!agent_answers(session) && session.clock.boot() < until && !session.interrupted()) {
    if (!said) fmt::print(stderr, "the agent does not answer; trying again for a minute\n");
    said = true;
    (void)::poll(nullptr, 0, kBetweenTries);
  }
  ask_and_print(session, session.agent(), request);
}

void run_deploy(Session& session, const HowToDeploy& how) {
  if (how.begin.label.empty()) {
    (void)refuse(session,
                 "say which release is being deployed: 'rollbackctl deploy v2.5.0 -- "
                 "COMMAND', or 'rollbackctl deploy begin v2.5.0'");
    return;
  }
  if (refuse_bad_snapshot(session, how.begin.label, how.begin.git_ref)) return;
  if (how.command.empty()) {
    (void)refuse(session, "say what deploys it, behind '--': 'rollbackctl deploy " +
                              how.begin.label + " -- ansible-playbook site.yml'");
    return;
  }
  auto command = HeldCommand::start(how.command);
  if (!command) {
    (void)refuse(session, command.error().message + "; nothing was changed");
    return;
  }
  if (how.begin.dry_run) {  // the command ends with `command`, which was never told to go
    ask_and_print(session, session.agent(), request_of(how));
    return;
  }
  DeployBeginRequest request = request_of(how);
  request.pid = static_cast<std::uint32_t>(command->pid());
  const auto run = begin(session, request);
  if (!run) return;
  if (const auto gone = command->go(); !gone) print_error(session, gone.error().message);
  const int code = command->wait();
  tell_end(session, {run->str(), false, code});
}

void run_begin(Session& session, const HowToDeploy& how) {
  if (refuse_bad_snapshot(session, how.begin.label, how.begin.git_ref)) return;
  ask_and_print(session, session.agent(), request_of(how));
  if (session.exit == ExitCode::kDone && session.format == Format::kTable && !how.begin.dry_run)
    fmt::print(stderr,
               "this host is held; deploy {}, then 'rollbackctl deploy end', or 'rollbackctl "
               "deploy abort' to go back\n",
               how.begin.label);
}

void add_begin_options(CLI::App& command, Session& session, HowToDeploy& how) {
  command.add_option("--git-ref", how.begin.git_ref, "Commit, tag or branch it was built from")
      ->type_name("REF");
  command.add_flag("--no-undo", how.no_undo, "Leave a deploy that fails as it is");
  command.add_flag("-n,--dry-run", how.begin.dry_run,
                   "Check and say what would happen, run nothing");
  add_duration(command, "--timeout", how.begin.timeout, "For the command (default 1h)");
  command.add_option("-m,--reason", session.reason, "Why; kept in the history")->type_name("WHY");
}

}  // namespace

void add_deploy(CLI::App& app, Session& session) {
  auto how = std::make_shared<HowToDeploy>();
  auto* deploy = app.add_subcommand(
      "deploy",
      "Record this host, run the command that deploys a release, and go back if it fails");
  deploy->add_option("release", how->begin.label, "What is being deployed: v2.5.0");
  deploy->add_option("command", how->command, "What deploys it, behind '--'");
  add_begin_options(*deploy, session, *how);
  deploy->require_subcommand(0, 1);

  auto begun = std::make_shared<HowToDeploy>();
  auto* command = deploy->add_subcommand("begin", "Record this host and hold it for a deploy");
  command->add_option("release", begun->begin.label, "What is being deployed")->required();
  add_begin_options(*command, session, *begun);
  command->callback([&session, begun] { run_begin(session, *begun); });

  auto ended = std::make_shared<DeployEndRequest>();
  command = deploy->add_subcommand("end", "The deploy is done: look at the probes, record it");
  command->add_option("run", ended->run, "Its run (default: the one that is open)");
  command->add_option("--exit-code", ended->exit_code, "Of what deployed it; not 0: it failed")
      ->type_name("N");
  command->callback([&session, ended] { ask_and_print(session, session.agent(), *ended); });

  auto aborted = std::make_shared<DeployEndRequest>();
  aborted->aborted = true;
  command = deploy->add_subcommand("abort", "End the open deploy and take this host back");
  command->add_option("run", aborted->run, "Its run (default: the one that is open)");
  command->callback([&session, aborted] { ask_and_print(session, session.agent(), *aborted); });

  deploy->callback([&session, deploy, how] {
    if (deploy->get_subcommands().empty()) run_deploy(session, *how);
  });
}

}  // namespace rollback
