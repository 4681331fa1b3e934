// SPDX-License-Identifier: Apache-2.0
// Bytes that come or go in order, wherever they come from or go to. One thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/result.h"

namespace rollback {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status write(std::string_view bytes) = 0;  // all of them
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // At most `size` bytes; 0 only at the end.
  virtual Result<std::size_t> read(char* bytes, std::size_t size) = 0;
};

}  // namespace rollback
