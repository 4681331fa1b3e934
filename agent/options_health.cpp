// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "agent/grammar.h"
#include "agent/options_parts.h"

namespace rollback::options {

namespace {

constexpr Duration kLongestProbe = std::chrono::seconds(60);
constexpr Duration kLongestWindow = std::chrono::hours(1);

struct KindKey {
  std::string_view key;
  ProbeKind kind;
  Check check;  // none for exec
};
constexpr std::array<KindKey, 4> kKinds = {{{"http", ProbeKind::kHttp, check_url},
                                            {"tcp", ProbeKind::kTcp, check_host_port},
                                            {"unit", ProbeKind::kUnit, check_unit_name},
                                            {"exec", ProbeKind::kExec, nullptr}}};

Status find_duration(const YamlNode& map, std::string_view key, Duration low, Duration high,
                     Duration& out) {
  ROLLBACK_ASSIGN(const auto node, map.find(key));
  if (!node) return {};
  ROLLBACK_ASSIGN(out, duration_between(*node, low, high));
  return {};
}

Status parse_target(const YamlNode& map, ProbeSpec& probe) {
  const auto is_there = [&](const KindKey& kind) { return map.has(kind.key); };
  if (std::count_if(kKinds.begin(), kKinds.end(), is_there) != 1)
    return map.invalid("a probe needs exactly one of http, tcp, unit and exec");
  const auto& chosen = *std::find_if(kKinds.begin(), kKinds.end(), is_there);
  probe.kind = chosen.kind;
  ROLLBACK_ASSIGN(const auto node, map.at(chosen.key));
  probe.name = std::string(chosen.key) + " ";
  if (chosen.kind == ProbeKind::kExec) {
    ROLLBACK_ASSIGN(probe.argv, argv_of(node));
    for (const auto& word : probe.argv) probe.name += (&word == &probe.argv[0] ? "" : " ") + word;
    return {};
  }
  ROLLBACK_ASSIGN(probe.target, checked(node, chosen.check));
  probe.name += probe.target;
  return {};
}

Status parse_expectation(const YamlNode& map, ProbeSpec& probe) {
  for (const auto key : {"expect", "expect_body"}) {
    ROLLBACK_ASSIGN(const auto node, map.find(key));
    if (node && probe.kind != ProbeKind::kHttp)
      return node->invalid("'" + std::string(key) + "' belongs to http probes only");
  }
  ROLLBACK_ASSIGN(const auto expect, map.find("expect"));
  if (expect) {
    ROLLBACK_ASSIGN(const auto status, expect->as_int(100, 599));
    probe.expect = static_cast<int>(status);
  }
  ROLLBACK_ASSIGN(const auto body, map.find("expect_body"));
  if (body) {
    ROLLBACK_ASSIGN(probe.expect_body, body->as_string());
  }
  return {};
}

Status parse_when(const YamlNode& map, ProbeSpec& probe) {
  ROLLBACK_ASSIGN(const auto when, map.find("when"));
  if (!when) return {};
  probe.before = probe.after = false;
  ROLLBACK_ASSIGN(const auto items, when->items());
  for (const auto& item : items) {
    ROLLBACK_ASSIGN(const auto text, item.as_string());
    if (text != "before" && text != "after")
      return item.invalid("'" + text + "' is neither before nor after");
    bool& flag = text == "before" ? probe.before : probe.after;
    if (flag) return item.invalid("'" + text + "' is listed twice");
    flag = true;
  }
  if (items.empty()) return when->invalid("a probe needs before, after or both");
  return {};
}

Result<ProbeSpec> probe_of(const YamlNode& map) {
  ROLLBACK_TRY(map.expect_keys({"http", "tcp", "unit", "exec", "name", "expect", "expect_body",
                                "required", "when", "timeout"}));
  ProbeSpec probe;
  ROLLBACK_TRY(parse_target(map, probe));
  ROLLBACK_TRY(parse_expectation(map, probe));
  ROLLBACK_TRY(parse_when(map, probe));
  ROLLBACK_ASSIGN(const auto name, find_text(map, "name", check_name));
  if (name) probe.name = *name;
  ROLLBACK_ASSIGN(const auto required, map.find("required"));
  if (required) {
    ROLLBACK_ASSIGN(probe.required, required->as_bool());
  }
  ROLLBACK_TRY(
      find_duration(map, "timeout", std::chrono::milliseconds(10), kLongestProbe, probe.timeout));
  return probe;
}

}  // namespace

Result<std::vector<ProbeSpec>> probes_of(const YamlNode& list) {
  ROLLBACK_ASSIGN(const auto items, list.items());
  std::vector<ProbeSpec> probes;
  for (const auto& item : items) {
    ROLLBACK_ASSIGN(auto probe, probe_of(item));
    for (const auto& other : probes)
      if (other.name == probe.name)
        return item.invalid("there are two probes '" + probe.name +
                            "'; give one of them another name");
    probes.push_back(std::move(probe));
  }
  return probes;
}

Result<GateSpec> gate_of(const YamlNode& map) {
  ROLLBACK_TRY(map.expect_keys({"successes", "interval", "window", "soak"}));
  GateSpec gate;
  ROLLBACK_ASSIGN(const auto successes, map.find("successes"));
  if (successes) {
    ROLLBACK_ASSIGN(const auto count, successes->as_int(1, 100));
    gate.successes = static_cast<int>(count);
  }
  ROLLBACK_TRY(find_duration(map, "interval", std::chrono::milliseconds(10),
                             std::chrono::minutes(1), gate.interval));
  ROLLBACK_TRY(find_duration(map, "window", std::chrono::seconds(1), kLongestWindow, gate.window));
  ROLLBACK_TRY(find_duration(map, "soak", Duration::zero(), kLongestWindow, gate.soak));
  if (gate.interval * (gate.successes - 1) > gate.window)
    return map.invalid("the gate can never be green: " + std::to_string(gate.successes) +
                       " successes every " + format_duration(gate.interval) +
                       " take longer than the window of " + format_duration(gate.window));
  return gate;
}

}  // namespace rollback::options
