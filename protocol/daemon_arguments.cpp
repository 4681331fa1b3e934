// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <getopt.h>

#include "core/version.h"
#include "protocol/daemon.h"

namespace rollback {

namespace {

void print_help(const DaemonProgram& program, const std::vector<DaemonOption>& options) {
  fmt::print("{}\nUsage: {} [OPTIONS]\n\nOptions:\n", program.purpose, program.name);
  const auto row = [](const std::string& option, const std::string& help) {
    fmt::print("  {:<16} {}\n", option, help);
  };
  for (const auto& option : options) {
    const auto* const text = std::get_if<std::string*>(&option.value);
    row(fmt::format("--{}{}", option.name, text == nullptr ? "" : " PATH"),
        text == nullptr ? option.help : fmt::format("{} (default {})", option.help, **text));
  }
  row("-h, --help", "This text");
  row("--version", "The version");
}

int complain(const DaemonProgram& program, const std::string& what) {
  fmt::print(stderr, "{}: {}; '{} --help' lists what there is\n", program.name, what, program.name);
  return 1;
}

void set(const DaemonOption& option, const char* value) {
  if (auto* const* const text = std::get_if<std::string*>(&option.value))
    **text = value;
  else
    *std::get<bool*>(option.value) = true;
}

}  // namespace

std::optional<int> parse_daemon_arguments(int argc, char** argv, const DaemonProgram& program,
                                          const std::vector<DaemonOption>& options) {
  constexpr int kFirst = 256;  // above every character
  std::vector<option> known{{"help", no_argument, nullptr, 'h'},
                            {"version", no_argument, nullptr, 'v'}};
  for (const auto& each : options) {
    const bool takes_value = std::holds_alternative<std::string*>(each.value);
    known.push_back({each.name, takes_value ? required_argument : no_argument, nullptr,
                     kFirst + static_cast<int>(&each - options.data())});
  }
  known.push_back({});
  opterr = 0;  // its own sentences do not say where to look
  optind = 0;  // glibc: start anew
  for (int found = 0; (found = getopt_long(argc, argv, ":h", known.data(), nullptr)) != -1;) {
    const std::string given = argv[optind - 1];
    if (found == 'h') return print_help(program, options), 0;
    if (found == 'v') return fmt::print("{} {}\n", program.name, kVersion), 0;
    if (found == ':') return complain(program, given + " needs a value");
    if (found < kFirst) return complain(program, "unknown option " + given);
    set(options[static_cast<std::size_t>(found - kFirst)], optarg);
  }
  if (optind < argc) return complain(program, fmt::format("unknown argument '{}'", argv[optind]));
  return std::nullopt;
}

}  // namespace rollback
