// SPDX-License-Identifier: Apache-2.0
// verify: this host and the stored content of a release, or all that is stored.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"

namespace rollback {

void add_verify(CLI::App& app, Session& session) {
  auto request = std::make_shared<VerifyRequest>();
  auto* command = app.add_subcommand(
      "verify", "This host against a release and its stored content; or the whole store");
  auto* release = command->add_option("release", request->revision, "Default: the deployed one");
  auto* all = command->add_flag("--all", request->all, "The whole store instead of one release");
  all->excludes(release);
  command->add_flag("--deep", request->deep,
                    "With --all: read and hash every content (of a release this is always done)");
  command->add_flag("--repair", request->repair,
                    "Put again what is damaged and this host still has");
  command
      ->add_option("--rate", request->rate,
                   "Most bytes read in a second, as 50M (default: no limit)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  command
      ->add_flag("--restart", request->restart,
                 "With --all: from the beginning, not where one was interrupted")
      ->needs(all);
  command->callback([&session, request] {
    if (refuse_bad_releases(session, {request->revision})) return;
    ask_and_print(session, session.agent(), *request);
  });
}

}  // namespace rollback
