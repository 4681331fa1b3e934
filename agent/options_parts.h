// SPDX-License-Identifier: Apache-2.0
// The sections of agent.yaml, one function each. Private to options*.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/options.h"
#include "core/config/yaml.h"

namespace rollback::options {

using Check = Status (*)(std::string_view);

// The scalar, or the error of `check` with file and line.
Result<std::string> checked(const YamlNode& node, Check check);
// A list without repetitions, each entry checked.
Result<std::vector<std::string>> checked_list(const YamlNode& node, Check check);
// The same of a key that may be absent.
Result<std::vector<std::string>> find_list(const YamlNode& map, std::string_view key, Check check);
Result<std::optional<std::string>> find_text(const YamlNode& map, std::string_view key,
                                             Check check);
// argv of a program: not empty, its first an absolute path.
Result<std::vector<std::string>> argv_of(const YamlNode& node);
// A duration within these bounds.
Result<Duration> duration_between(const YamlNode& node, Duration low, Duration high);
// kUnsupported with file and line when one of `keys`, known but without a function yet, is there.
Status refuse_unsupported(const YamlNode& map, std::initializer_list<std::string_view> keys);

// All of `resources:`, with names made unique and paths free of overlaps.
Result<std::vector<ResourceSpec>> resources_of(const YamlNode& list);
Result<std::vector<ProbeSpec>> probes_of(const YamlNode& list);
Result<std::vector<FactSpec>> facts_of(const YamlNode& list);
Result<HookOptions> hooks_of(const YamlNode& map);
Result<GateSpec> gate_of(const YamlNode& map);
Result<RetentionRules> retention_of(const YamlNode& map);

}  // namespace rollback::options
