// SPDX-License-Identifier: Apache-2.0
// Message -> JSON for -o json|jsonl|yaml and every later API. Each object has "schema":
// "rollbackctl/v1/KIND" and, in a fleet's answers, "host". Bytes that are not UTF-8 are escaped.
#pragma once

#include <string>

#include "protocol/messages.h"

namespace rollback {

// One compact line.
std::string to_json(const Reply& reply);
std::string_view kind_of(const ReplyBody& body) noexcept;  // "revision", "event", "end", ...

}  // namespace rollback
