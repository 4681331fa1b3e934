// SPDX-License-Identifier: Apache-2.0
// The answers' JSON objects (protocol/json.h) as one JSON document or as YAML.
#pragma once

#include <string>
#include <vector>

namespace rollback {

// {"schema": "rollbackctl/v1/answer", "items": [...]}, indented.
std::string json_document(const std::vector<std::string>& items);
// The same in YAML's block style; strings are double-quoted as in JSON, which YAML reads.
std::string yaml_document(const std::vector<std::string>& items);

}  // namespace rollback
