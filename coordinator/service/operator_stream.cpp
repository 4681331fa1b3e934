// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_stream.h"

#include <utility>

#include "protocol/codec.h"

namespace rollback {

void OperatorStream::send(const std::string& host, ReplyBody body) {
  if (is_gone()) return;
  ended_ = std::holds_alternative<End>(body);
  auto bytes = encode_reply(Reply{command_, ++index_, host, std::move(body)});
  if (!bytes && !ended_)
    bytes = encode_reply(
        Reply{command_, index_, host,
              Line{EventLevel::kError, "an answer could not be sent: " + bytes.error().message}});
  if (bytes && !door_->send(to_, *bytes)) close();  // gone or too slow
}

}  // namespace rollback
