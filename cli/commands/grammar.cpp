// SPDX-License-Identifier: Apache-2.0
// What all commands share of the grammar: guarded option values, durations, questions.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"
#include "model/revision.h"

namespace rollback {

namespace {

const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  for (const CLI::Option* option : app.get_options())
    if (!option->get_positional() && option->check_name(name)) return option;
  return nullptr;
}

// The option that a token names, and whether its value is the next token.
struct Named {
  const CLI::App* owner = nullptr;  // none: no such option
  std::string name;
  bool wants_next = false;
};

Named find_named(const CLI::App* scope, const std::string& name, bool last) {
  for (; scope != nullptr; scope = scope->get_parent())
    if (const auto* const option = find_option(*scope, name))
      return {scope, name, last && option->get_expected_max() > 0};
  return {};
}

// "--to", "--to=x", "-n", "-mWHY", "-nm": in a cluster the first that takes a value ends it.
Named named_by(const CLI::App* scope, const std::string& token) {
  if (token.starts_with("--")) {
    const std::size_t equals = token.find('=');
    return find_named(scope, token.substr(0, equals), equals == std::string::npos);
  }
  Named named;
  for (std::size_t i = 1; i < token.size(); ++i) {
    named = find_named(scope, std::string("-") + token[i], true);
    if (named.owner == nullptr) return named;
    if (named.wants_next) {
      named.wants_next = i + 1 == token.size();
      return named;
    }
  }
  return named;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

std::string full_name(const CLI::App* app) {
  const CLI::App* const parent = app->get_parent();
  return parent == nullptr ? app->get_name() : full_name(parent) + ' ' + app->get_name();
}

Failure no_command(const CLI::App& app, const std::string& token) {
  std::string nearest;
  std::size_t best = 3;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    if (const auto far = distance(token, sub->get_name()); far < best) {
      best = far;
      nearest = sub->get_name();
    }
  return fail(ErrorCode::kInvalid,
              fmt::format("there is no command '{} {}'; {}", full_name(&app), token,
                          nearest.empty() ? "'" + full_name(&app) + " --help' lists what there is"
                                          : "did you mean '" + nearest + "'?"));
}

// `deploy v2.5.0` and `deploy begin` both are.
bool takes_words(const CLI::App& app) {
  const auto options = app.get_options();
  return std::any_of(options.begin(), options.end(),
                     [](const CLI::Option* option) { return option->get_positional(); });
}

Failure not_both(const CLI::App& owner, const std::string& option, const CLI::App& command) {
  return fail(ErrorCode::kInvalid,
              fmt::format("'{}' of '{}' and the command '{}' do not go together; '{} --help' lists "
                          "what that takes",
                          option, full_name(&owner), command.get_name(), full_name(&command)));
}

}  // namespace

Status check_arguments(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App* current = &app;
  std::string own;  // an option given to `current` itself
  for (int i = 1; i < argc; ++i) {
    const std::string token = argv[i];
    if (token == "--") return {};
    if (!token.starts_with("-") || token == "-") {
      const auto subs = current->get_subcommands([](const CLI::App*) { return true; });
      if (subs.empty()) continue;
      const auto sub = std::find_if(subs.begin(), subs.end(),
                                    [&](const CLI::App* each) { return each->check_name(token); });
      if (sub == subs.end() && takes_words(*current)) continue;
      if (sub == subs.end()) return no_command(*current, token);
      if (!own.empty()) return not_both(*current, own, **sub);
      current = *sub;
      continue;
    }
    const Named named = named_by(current, token);
    if (named.owner == nullptr) continue;  // the parser tells
    const bool global = named.owner == &app;
    if (!global && named.owner != current) return not_both(*named.owner, named.name, *current);
    if (!global) own = named.name;
    if (!named.wants_next) continue;
    if (i + 1 < argc && std::string_view(argv[i + 1]).starts_with("-"))
      return fail(ErrorCode::kInvalid,
                  fmt::format("{0} needs a value, and '{1}' looks like another option; write "
                              "{0}={1} if it is meant",
                              named.name, argv[i + 1]));
    ++i;
  }
  return {};
}

bool refuse_bad_releases(Session& session, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (name.empty() || name == "live") continue;
    const auto parsed = RevisionName::parse(name);
    if (parsed) continue;
    print_error(session, parsed.error().message);
    session.exit = ExitCode::kUsage;
    return true;
  }
  return false;
}

bool refuse_bad_snapshot(Session& session, const std::string& label, const std::string& git_ref) {
  const auto parsed = ReleaseLabel::parse(label);
  const Status ref = check_git_ref(git_ref);
  if (parsed && ref) return false;
  print_error(session, parsed ? ref.error().message : parsed.error().message);
  session.exit = ExitCode::kUsage;
  return true;
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
         [&value, name](const std::string& text) {
           const auto parsed = parse_duration(text);
           if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
           value = *parsed;
         },
         help)
      ->type_name("TIME");
}

void add_drift(CLI::App& app, DriftPolicy& drift) {
  app.add_option_function<std::string>(
         "--drift",
         [&drift](const std::string& text) {
           const auto parsed = parse_drift_policy(text);
           if (!parsed) throw CLI::ValidationError("--drift", "overwrite, keep or abort");
           drift = *parsed;
         },
         "Files that somebody changed since the deployed release was recorded are overwritten "
         "(default), kept as they are, or abort the run")
      ->type_name("overwrite|keep|abort");
}

}  // namespace rollback
