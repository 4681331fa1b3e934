// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/facts.h"

#include <algorithm>
#include <string_view>

#include "agent/platform/printable.h"

namespace rollback {

namespace {

constexpr std::size_t kMostValue = 256;  // bytes
constexpr std::size_t kMostOutput = 4096;

std::string first_line(std::string_view output) {
  const auto begin = output.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  auto line = output.substr(begin, output.find('\n', begin) - begin);
  line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
  return printable_line(line, kMostValue);
}

}  // namespace

Result<std::string> read_fact(const FactSpec& spec, ProgramRunner& programs) {
  ProgramRequest request;
  request.argv = spec.argv;
  request.deadline = spec.timeout;
  request.max_output = kMostOutput;
  const auto outcome = programs.run(request);
  if (!outcome) return fail(ErrorCode::kConflict, outcome.error().message);
  auto line = first_line(outcome->output);
  if (outcome->exit_code != 0)
    return fail(ErrorCode::kConflict, spec.argv.front() + " ended with " +
                                          std::to_string(outcome->exit_code) +
                                          (line.empty() ? "" : ": " + line));
  if (line.empty()) return fail(ErrorCode::kConflict, spec.argv.front() + " printed nothing");
  return line;
}

Result<std::vector<Fact>> read_facts(const std::vector<FactSpec>& specs, ProgramRunner& programs) {
  std::vector<Fact> facts;
  for (const auto& spec : specs) {
    auto value = read_fact(spec, programs);
    if (!value)
      return fail(ErrorCode::kConflict,
                  "the fact " + spec.name + " cannot be read: " + value.error().message);
    facts.push_back({spec.name, *std::move(value)});
  }
  std::sort(facts.begin(), facts.end(),
            [](const Fact& a, const Fact& b) { return a.name < b.name; });
  return facts;
}

const std::string* find_fact(const std::vector<Fact>& facts, const std::string& name) {
  for (const auto& fact : facts)
    if (fact.name == name) return &fact.value;
  return nullptr;
}

}  // namespace rollback
