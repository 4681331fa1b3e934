// SPDX-License-Identifier: Apache-2.0
// rollbackctl: names concrete classes, builds the command tree, returns the exit code.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"
#include "core/version.h"

namespace rollback {
namespace {

volatile std::sig_atomic_t interrupted = 0;

Terminal find_terminal() {
  Terminal terminal;
  terminal.out = isatty(STDOUT_FILENO) == 1;
  terminal.err = isatty(STDERR_FILENO) == 1;
  terminal.in = isatty(STDIN_FILENO) == 1;
  const char* const no_colour = std::getenv("NO_COLOR");
  terminal.colour = terminal.out && (no_colour == nullptr || *no_colour == '\0');
  winsize size{};
  const int screen = terminal.out ? STDOUT_FILENO : STDERR_FILENO;
  if (ioctl(screen, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) terminal.width = size.ws_col;
  return terminal;
}

void add_globals(CLI::App& app, Session& session) {
  static const std::map<std::string, Format> kFormats = {{"table", Format::kTable},
                                                         {"json", Format::kJson},
                                                         {"jsonl", Format::kJsonl},
                                                         {"yaml", Format::kYaml}};
  app.add_option_function<std::string>(
         "-o,--output",
         [&session](const std::string& name) {
           const auto found = kFormats.find(name);
           if (found == kFormats.end())
             throw CLI::ValidationError("-o", "'" + name + "' is none of table, json, jsonl, yaml");
           session.format = found->second;
         },
         "table (default), json, jsonl or yaml")
      ->type_name("FORMAT");
  app.add_flag("--direct", session.direct,
               "Without a running agent: this command runs one for itself");
  app.add_option("--agent-program", session.agent_program, "What --direct runs")->type_name("PATH");
  app.add_flag("--utc", session.utc, "Times in UTC");
  app.add_flag("--detailed-exitcode", session.detailed_exit_code, "3 when there was nothing to do");
  app.add_option("--agent-socket", session.agent_socket, "The agent's socket")->type_name("PATH");
  app.add_option("--coordinator-socket", session.coordinator_socket, "The coordinator's socket")
      ->type_name("PATH");
}

int run(int argc, char** argv) {
  SystemRandom random;
  const SystemClock clock;
  Session session(
      random, clock, [] { return interrupted != 0; }, find_terminal());
  CLI::App app(
      "Rollback for fleets without Kubernetes.\nExit codes: 0 done, 1 usage, 2 refused, 4 "
      "failed and restored, 5 inconsistent, 6 partial or paused, 7 locked, 8 denied, 9 timed "
      "out, 130 detached.",
      "rollbackctl");
  app.set_version_flag("--version", std::string("rollbackctl ") + kVersion);
  app.require_subcommand(1);
  app.fallthrough();
  add_globals(app, session);
  add_snapshot(app, session);
  add_readers(app, session);
  add_deploy(app, session);
  add_rollback(app, session);
  add_runs(app, session);
  add_lock(app, session);
  add_retention(app, session);
  add_archives(app, session);
  add_config(app, session);
  add_fleet(app, session);
  if (const auto good = check_arguments(app, argc, argv); !good) {
    print_error(session, good.error().message);
    return static_cast<int>(ExitCode::kUsage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    print_error(session, std::string(error.what()) + "; 'rollbackctl --help' lists what there is");
    return static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(session.exit);
}

}  // namespace
}  // namespace rollback

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = [](int) { rollback::interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  try {
    return rollback::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "rollbackctl: {}\n", error.what());
    return static_cast<int>(rollback::ExitCode::kUsage);
  }
}
