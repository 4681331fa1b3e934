// SPDX-License-Identifier: Apache-2.0
#include "cli/output/structured.h"

#include <nlohmann/json.hpp>

namespace rollback {

namespace {

using Json = nlohmann::ordered_json;

Json document(const std::vector<std::string>& items) {
  Json whole;
  whole["schema"] = "rollbackctl/v1/answer";
  whole["items"] = Json::array();
  for (const auto& item : items)
    whole["items"].push_back(Json::parse(item, nullptr, /*allow_exceptions=*/false));
  return whole;
}

void write_yaml(const Json& value, std::size_t indent, std::string& text) {
  const std::string margin(indent, ' ');
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, member] : value.items()) {
      text += '\n' + margin + key + ':';
      write_yaml(member, indent + 2, text);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const auto& member : value) {
      text += '\n' + margin + '-';
      write_yaml(member, indent + 2, text);
    }
  } else {
    text += ' ' + value.dump();
  }
}

}  // namespace

std::string json_document(const std::vector<std::string>& items) {
  return document(items).dump(2) + '\n';
}

std::string yaml_document(const std::vector<std::string>& items) {
  std::string text;
  write_yaml(document(items), 0, text);
  return "---" + text + '\n';
}

}  // namespace rollback
