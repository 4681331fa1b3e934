// SPDX-License-Identifier: Apache-2.0
// What all commands share of the grammar: guarded option values, durations, questions.
#include <fmt/format.h>

#include <iostream>

#include "cli/commands/commands.h"

namespace rollback {

namespace {

bool takes_value(const CLI::App& app, const std::string& token) {
  for (const CLI::Option* option : app.get_options())
    if (option->get_expected_max() > 0 && !option->get_positional() && option->check_name(token))
      return true;
  return false;
}

}  // namespace

Status check_option_values(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App* current = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string token = argv[i];
    if (token == "--") return {};
    if (!token.starts_with("-")) {
      for (const CLI::App* sub : current->get_subcommands([](const CLI::App*) { return true; }))
        if (sub->check_name(token)) current = sub;
      continue;
    }
    bool valued = false;
    for (const CLI::App* scope = current; scope != nullptr && !valued; scope = scope->get_parent())
      valued = takes_value(*scope, token);
    if (!valued) continue;
    if (i + 1 < argc && std::string_view(argv[i + 1]).starts_with("-"))
      return fail(
          ErrorCode::kInvalid,
          fmt::format("{} needs a value, and '{}' looks like another option; write {}={} if "
                      "it is meant",
                      token, argv[i + 1], token, argv[i + 1]));
    ++i;
  }
  return {};
}

bool confirmed(const Session& session, const std::string& question) {
  if (session.yes || !session.terminal.in || !session.terminal.out) return true;
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && (answer == "y" || answer == "Y" || answer == "yes");
}

void add_duration(CLI::App& app, const std::string& name, Duration& value,
                  const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&value](const std::string& text) {
           const auto parsed = parse_duration(text);
           if (!parsed) throw CLI::ValidationError(parsed.error().message);
           value = *parsed;
         },
         help)
      ->type_name("TIME");
}

}  // namespace rollback
