// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"

#include <algorithm>
#include <set>

#include "agent/grammar.h"
#include "agent/options_parts.h"
#include "core/config/yaml.h"

namespace rollback {

namespace options {

Result<std::string> checked(const YamlNode& node, Check check) {
  ROLLBACK_ASSIGN(std::string text, node.as_string());
  if (const auto status = check(text); !status) return node.invalid(status.error().message);
  return text;
}

Result<std::vector<std::string>> checked_list(const YamlNode& node, Check check) {
  ROLLBACK_ASSIGN(const auto items, node.items());
  std::vector<std::string> texts;
  for (const auto& item : items) {
    ROLLBACK_ASSIGN(std::string text, checked(item, check));
    if (std::find(texts.begin(), texts.end(), text) != texts.end())
      return item.invalid("'" + text + "' is listed twice");
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::vector<std::string>> find_list(const YamlNode& map, std::string_view key, Check check) {
  ROLLBACK_ASSIGN(const auto node, map.find(key));
  if (!node) return std::vector<std::string>{};
  return checked_list(*node, check);
}

Result<std::optional<std::string>> find_text(const YamlNode& map, std::string_view key,
                                             Check check) {
  ROLLBACK_ASSIGN(const auto node, map.find(key));
  if (!node) return std::nullopt;
  ROLLBACK_ASSIGN(std::string text, checked(*node, check));
  return text;
}

Result<std::vector<std::string>> argv_of(const YamlNode& node) {
  ROLLBACK_ASSIGN(auto argv, node.as_strings());
  if (argv.empty()) return node.invalid("a program and its arguments are needed here");
  if (!argv.front().starts_with('/'))
    return node.invalid("the program '" + argv.front() +
                        "' needs its absolute path; no shell and no PATH are searched");
  return argv;
}

Result<Duration> duration_between(const YamlNode& node, Duration low, Duration high) {
  ROLLBACK_ASSIGN(const Duration duration, node.as_duration());
  if (duration < low || duration > high)
    return node.invalid("the duration must be between " + format_duration(low) + " and " +
                        format_duration(high));
  return duration;
}

Status refuse_unsupported(const YamlNode& map, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) {
    ROLLBACK_ASSIGN(const auto node, map.find(key));
    if (node)
      return node->invalid("'" + std::string(key) +
                           "' is not supported by this version; remove it for now");
  }
  return {};
}

}  // namespace options

namespace {

using options::checked;
using options::find_text;

Status check_key_file(std::string_view path) {
  if (path.starts_with('/')) return {};
  return fail(ErrorCode::kInvalid, "'" + std::string(path) + "' is not an absolute path");
}

Result<CoordinatorOption> coordinator_of(const YamlNode& map) {
  ROLLBACK_TRY(map.expect_keys({"endpoint", "enrolment", "keys"}));
  CoordinatorOption coordinator;
  ROLLBACK_ASSIGN(const auto endpoint, map.at("endpoint"));
  ROLLBACK_ASSIGN(coordinator.endpoint, checked(endpoint, check_endpoint));
  ROLLBACK_ASSIGN(const auto enrolment, find_text(map, "enrolment", check_endpoint));
  const int port = port_of(coordinator.endpoint);
  if (!enrolment && port == 65535)
    return endpoint.invalid("port 65535 has none after it; name the 'enrolment' endpoint too");
  const auto host = coordinator.endpoint.substr(0, coordinator.endpoint.rfind(':') + 1);
  coordinator.enrolment = enrolment.value_or(host + std::to_string(port + 1));
  ROLLBACK_ASSIGN(const auto keys, map.at("keys"));
  ROLLBACK_ASSIGN(coordinator.keys, options::checked_list(keys, check_key_file));
  if (coordinator.keys.empty())
    return keys.invalid("at least one file with the coordinator's public key is needed");
  return coordinator;
}

Result<std::vector<CoordinatorOption>> coordinators_of(const YamlNode& list) {
  ROLLBACK_ASSIGN(const auto items, list.items());
  std::vector<CoordinatorOption> coordinators;
  std::set<std::string> endpoints;
  for (const auto& item : items) {
    ROLLBACK_ASSIGN(auto coordinator, coordinator_of(item));
    if (!endpoints.insert(coordinator.endpoint).second)
      return item.invalid("the coordinator " + coordinator.endpoint + " is listed twice");
    coordinators.push_back(std::move(coordinator));
  }
  return coordinators;
}

Result<std::vector<std::pair<std::string, std::string>>> labels_of(const YamlNode& map) {
  ROLLBACK_ASSIGN(const auto entries, map.entries());
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& [key, node] : entries) {
    if (const auto status = check_label_key(key); !status)
      return node.invalid(status.error().message);
    ROLLBACK_ASSIGN(std::string value, checked(node, check_label_value));
    labels.emplace_back(key, std::move(value));
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

Status parse_identity(const YamlNode& root, AgentOptions& parsed) {
  ROLLBACK_ASSIGN(const auto fleet, find_text(root, "fleet", check_label_value));
  parsed.fleet = fleet.value_or("");
  ROLLBACK_ASSIGN(const auto name, find_text(root, "name", check_name));
  parsed.name = name.value_or("");
  ROLLBACK_ASSIGN(const auto group, find_text(root, "operators_group", check_group_name));
  parsed.operators_group = group.value_or("");
  ROLLBACK_ASSIGN(const auto coordinators, root.find("coordinators"));
  if (coordinators) {
    ROLLBACK_ASSIGN(parsed.coordinators, coordinators_of(*coordinators));
  }
  ROLLBACK_ASSIGN(parsed.witnesses, options::find_list(root, "witnesses", check_host_port));
  ROLLBACK_ASSIGN(const auto labels, root.find("labels"));
  if (labels) {
    ROLLBACK_ASSIGN(parsed.labels, labels_of(*labels));
  }
  return {};
}

Status parse_work(const YamlNode& root, AgentOptions& parsed) {
  ROLLBACK_ASSIGN(const auto resources, root.find("resources"));
  if (resources) {
    ROLLBACK_ASSIGN(parsed.resources, options::resources_of(*resources));
  }
  ROLLBACK_ASSIGN(const auto health, root.find("health"));
  if (health) {
    ROLLBACK_ASSIGN(parsed.health, options::probes_of(*health));
  }
  ROLLBACK_ASSIGN(const auto facts, root.find("facts"));
  if (facts) {
    ROLLBACK_ASSIGN(parsed.facts, options::facts_of(*facts));
  }
  ROLLBACK_ASSIGN(const auto hooks, root.find("hooks"));
  if (hooks) {
    ROLLBACK_ASSIGN(parsed.hooks, options::hooks_of(*hooks));
  }
  ROLLBACK_ASSIGN(const auto gate, root.find("gate"));
  if (gate) {
    ROLLBACK_ASSIGN(parsed.gate, options::gate_of(*gate));
  }
  ROLLBACK_ASSIGN(const auto retention, root.find("retention"));
  if (retention) {
    ROLLBACK_ASSIGN(parsed.retention, options::retention_of(*retention));
  }
  ROLLBACK_ASSIGN(const auto removals, root.find("max_removals"));
  if (removals) {
    ROLLBACK_ASSIGN(const auto bound, removals->as_int(0, 10'000'000));
    parsed.max_removals = static_cast<std::size_t>(bound);
  }
  return {};
}

}  // namespace

Result<AgentOptions> AgentOptions::parse(std::string_view yaml, const std::string& file_name) {
  ROLLBACK_ASSIGN(const auto root, YamlNode::parse(yaml, file_name));
  ROLLBACK_TRY(root.expect_keys({"coordinators", "witnesses", "fleet", "name", "labels",
                                 "resources", "health", "gate", "operators_group", "max_removals",
                                 "facts", "hooks", "retention"}));
  AgentOptions parsed;
  ROLLBACK_TRY(parse_identity(root, parsed));
  ROLLBACK_TRY(parse_work(root, parsed));
  return parsed;
}

}  // namespace rollback
