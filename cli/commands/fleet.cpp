// SPDX-License-Identifier: Apache-2.0
// fleet: the same verbs over many hosts, through the coordinator.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"
#include "cli/output/live.h"

namespace rollback {

namespace {

void refuse(Session& session, const std::string& sentence) {
  print_error(session, sentence);
  session.exit = ExitCode::kUsage;
}

void add_selection(CLI::App& command, HostSelection& hosts) {
  command
      .add_option("-l,--limit", hosts.limit,
                  "Hosts: names, globs, key=value, !host; comma is and, repeated is or")
      ->type_name("EXPR")
      ->allow_extra_args(false);
  command.add_option("--exclude", hosts.exclude, "Hosts to leave out")
      ->type_name("EXPR")
      ->allow_extra_args(false);
}

// A value with its own parser, as a CLI11 option.
template <typename Value, typename Parse>
void add_parsed(CLI::App& command, const std::string& name, Value& value, Parse parse,
                const std::string& type, const std::string& help) {
  command
      .add_option_function<std::string>(
          name,
          [&value, parse, name](const std::string& text) {
            auto parsed = parse(text);
            if (!parsed)
              throw CLI::ValidationError(name.substr(0, name.find(',')), parsed.error().message);
            value = *std::move(parsed);
          },
          help)
      ->type_name(type);
}

Result<std::vector<Amount>> parse_batches(const std::string& text) {
  std::vector<Amount> batches;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    ROLLBACK_ASSIGN(const auto amount, Amount::parse(text.substr(begin, end - begin)));
    if (amount.value == 0) return fail(ErrorCode::kInvalid, "a batch of 0 hosts would never end");
    batches.push_back(amount);
    begin = end + 1;
  }
  return batches;
}

Result<ShortfallPolicy> parse_shortfall(const std::string& text) {
  if (text == "fail") return ShortfallPolicy::kFail;
  if (text == "skip") return ShortfallPolicy::kSkip;
  return fail(ErrorCode::kInvalid, "'" + text + "' is neither fail nor skip");
}

void add_policy(CLI::App& command, RolloutPolicy& policy) {
  add_parsed(command, "-b,--batch-size", policy.batches, parse_batches, "N|%,...",
             "Waves, the last repeats (default 1,10%,50%,100%)");
  add_duration(command, "--batch-wait", policy.batch_wait, "Pause between waves (default 0s)");
  add_parsed(
      command, "--max-fail", policy.max_fail, [](const std::string& t) { return Amount::parse(t); },
      "N|%", "Stop when more than this many hosts failed (default 0)");
  add_parsed(
      command, "--on-failure", policy.on_failure,
      [](const std::string& t) { return parse_on_failure(t); }, "pause|stop|undo|continue",
      "What then (default pause)");
  add_parsed(command, "--unready", policy.unready, parse_shortfall, "fail|skip",
             "Hosts whose checks refuse (default fail)");
  add_parsed(command, "--missing", policy.missing, parse_shortfall, "fail|skip",
             "Hosts without the release (default fail)");
  add_parsed(command, "--offline", policy.offline, parse_shortfall, "fail|skip",
             "Hosts that do not answer (default fail)");
  add_duration(command, "--timeout", policy.timeout, "Budget of the whole run (default 5m)");
  add_duration(command, "--confirm-timeout", policy.confirm,
               "A host that reaches no coordinator or witness for so long goes back again");
}

void run_fleet_rollback(Session& session, const FleetRollbackRequest& request) {
  if (request.to.empty())
    return refuse(session,
                  "say where to: 'rollbackctl fleet --to v2.4.1'; 'rollbackctl fleet history' "
                  "lists the releases");
  if (const auto name = RevisionName::parse(request.to); !name)
    return refuse(session, name.error().message);
  if (!request.dry_run && !fleet_confirmed(session, request.hosts, request.to)) return;
  watch_rollout(session, request);
}

void add_relay(CLI::App& fleet, Session& session, const char* name, const char* help,
               RelayVerb verb) {
  auto request = std::make_shared<FleetRelayRequest>();
  request->verb = verb;
  auto* command = fleet.add_subcommand(name, help);
  if (verb == RelayVerb::kPlan)
    command->add_option("--to", request->revision, "A release (default: the previous good one)")
        ->type_name("RELEASE");
  if (verb == RelayVerb::kVerify)
    command->add_option("release", request->revision, "Default: the deployed one");
  if (verb == RelayVerb::kDiff) {
    request->to = "live";
    command->add_option("from", request->revision, "A release, or live")->required();
    command->add_option("to", request->to, "A release, or live (the default)");
  }
  add_selection(*command, request->hosts);
  command->callback([&session, request] {
    if (refuse_bad_releases(session, {request->revision, request->to})) return;
    ask_and_print(session, session.coordinator(), *request);
  });
}

void add_fleet_runs(CLI::App& fleet, Session& session) {
  auto* run = fleet.add_subcommand("run", "Runs of the fleet");
  run->require_subcommand(1);
  auto list = std::make_shared<RunListRequest>();
  auto* command = run->add_subcommand("list", "Newest first");
  command->callback([&session, list] { ask_and_print(session, session.coordinator(), *list); });
  const auto with_run = [&](const char* name, const char* help, const char* without, auto request,
                            bool live) {
    auto* chosen = run->add_subcommand(name, help);
    chosen->add_option("run", request->run, fmt::format("Its id (default: {})", without));
    chosen->callback([&session, request, live] {
      if (live)
        watch_rollout(session, *request);
      else
        ask_and_print(session, session.coordinator(), *request);
    });
  };
  with_run("show", "Every host of a run and why it is where it is", "the newest",
           std::make_shared<RunShowRequest>(), false);
  with_run("watch", "Follow a run to its end", "the newest", std::make_shared<RunWatchRequest>(),
           true);
  with_run("resume", "A paused run goes on with the next wave", "the one that is paused",
           std::make_shared<RunResumeRequest>(), true);
  with_run("abort", "No new wave; hosts that were begun finish", "the one at work or paused",
           std::make_shared<RunAbortRequest>(), false);
  auto undo = std::make_shared<RunUndoRequest>();
  command = run->add_subcommand("undo", "Take back the hosts that a run changed");
  command->add_option("run", undo->run, "Its id (default: the newest that changed a host)");
  command->add_option("-m,--reason", session.reason, "Why; kept in every history")
      ->type_name("WHY");
  command->add_flag("-y,--yes", session.yes, "Do not ask");
  command->callback([&session, undo] {
    const std::string which = undo->run.empty() ? "the newest run" : "run " + undo->run;
    if (!confirmed(session, "Take back every host that " + which + " changed?"))
      return refuse(session, "not confirmed; nothing was changed");
    watch_rollout(session, *undo);
  });
}

}  // namespace

void add_fleet(CLI::App& app, Session& session) {
  auto request = std::make_shared<FleetRollbackRequest>();
  auto* fleet = app.add_subcommand("fleet", "Many hosts: fleet --to RELEASE takes them back");
  fleet->add_option("--to", request->to, "The release to go back to")->type_name("RELEASE");
  add_selection(*fleet, request->hosts);
  add_policy(*fleet, request->policy);
  fleet->add_flag("-n,--dry-run", request->dry_run, "Prepare and check every host, change none");
  fleet->add_option("-m,--reason", session.reason, "Why; kept in every history")->type_name("WHY");
  fleet->add_flag("-y,--yes", session.yes, "Do not ask");

  auto snapshot = std::make_shared<FleetSnapshotRequest>();
  auto* command = fleet->add_subcommand("snapshot", "Record what every host is now as a release");
  command->add_option("release", snapshot->label, "A version such as v2.4.1")->required();
  command->add_flag("--unhealthy-ok", snapshot->unhealthy_ok, "Record red hosts, as failed");
  command
      ->add_option("--git-ref", snapshot->git_ref, "Commit or tag it was built from; kept with it")
      ->type_name("REF");
  command->add_option("-m,--reason", session.reason, "Why; kept in every history")
      ->type_name("WHY");
  add_selection(*command, snapshot->hosts);
  command->callback([&session, snapshot] {
    if (refuse_bad_snapshot(session, snapshot->label, snapshot->git_ref)) return;
    ask_and_print(session, session.coordinator(), *snapshot);
  });
  auto status = std::make_shared<FleetStatusRequest>();
  command = fleet->add_subcommand("status", "Release, run, store and link of every host");
  add_selection(*command, status->hosts);
  command->callback([&session, status] { ask_and_print(session, session.coordinator(), *status); });
  auto health = std::make_shared<FleetHealthRequest>();
  command = fleet->add_subcommand("health", "The health report of the fleet");
  add_selection(*command, health->hosts);
  command->callback([&session, health] { ask_and_print(session, session.coordinator(), *health); });
  add_relay(*fleet, session, "history", "Releases of every host", RelayVerb::kHistory);
  add_relay(*fleet, session, "plan", "The steps of a rollback on every host", RelayVerb::kPlan);
  add_relay(*fleet, session, "verify", "Every host against a release", RelayVerb::kVerify);
  add_relay(*fleet, session, "diff", "What differs between two releases on every host",
            RelayVerb::kDiff);
  add_hosts(*fleet, session);
  add_fleet_runs(*fleet, session);

  fleet->callback([&session, request, fleet] {
    if (fleet->get_subcommands().empty()) run_fleet_rollback(session, *request);
  });
}

void add_hosts(CLI::App& fleet, Session& session) {
  auto* hosts = fleet.add_subcommand("hosts", "Who belongs to the fleet");
  hosts->require_subcommand(1);
  auto* list = hosts->add_subcommand("list", "Every host, with the fingerprint of its key");
  list->callback([&session] { ask_and_print(session, session.coordinator(), HostListRequest{}); });
  const auto with_host = [&](const char* name, const char* help, auto request) {
    auto* command = hosts->add_subcommand(name, help);
    command->add_option("host", request->host, "Name, id or fingerprint")->required();
    command->callback(
        [&session, request] { ask_and_print(session, session.coordinator(), *request); });
  };
  with_host("accept", "Let a host in; compare the fingerprint with 'rollbackctl status' on it",
            std::make_shared<HostAcceptRequest>());
  with_host("reject", "Keep a host out", std::make_shared<HostRejectRequest>());
  with_host("remove", "Forget a host; its key is worth nothing from then on",
            std::make_shared<HostRemoveRequest>());
}

}  // namespace rollback
