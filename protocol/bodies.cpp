// SPDX-License-Identifier: Apache-2.0
#include "protocol/commands.h"
#include "protocol/replies.h"

namespace rollback {

CommandBody::CommandBody() = default;
CommandBody::CommandBody(const CommandBody& other) = default;
CommandBody::CommandBody(CommandBody&& other) noexcept = default;
CommandBody& CommandBody::operator=(const CommandBody& other) = default;
CommandBody& CommandBody::operator=(CommandBody&& other) noexcept = default;
CommandBody::~CommandBody() = default;

ReplyBody::ReplyBody() = default;
ReplyBody::ReplyBody(const ReplyBody& other) = default;
ReplyBody::ReplyBody(ReplyBody&& other) noexcept = default;
ReplyBody& ReplyBody::operator=(const ReplyBody& other) = default;
ReplyBody& ReplyBody::operator=(ReplyBody&& other) noexcept = default;
ReplyBody::~ReplyBody() = default;

std::string_view to_string(DiffContent content) noexcept {
  switch (content) {
    case DiffContent::kNone:
      return "none";
    case DiffContent::kText:
      return "text";
    case DiffContent::kBinary:
      return "binary";
    case DiffContent::kSecret:
      return "secret";
    case DiffContent::kLarge:
      return "large";
    case DiffContent::kUnreadable:
      return "unreadable";
  }
  return "unknown";
}

}  // namespace rollback
