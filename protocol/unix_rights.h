// SPDX-License-Identifier: Apache-2.0
// A descriptor beside the bytes of a unix stream socket (SCM_RIGHTS). Private to protocol/.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string_view>

#include "core/descriptor.h"

namespace rollback {

struct ReceivedBytes {
  ssize_t size = -1;  // as of recv(), with errno
  Descriptor descriptor;
  bool too_many = false;  // descriptors: all of them were closed
};
// What came is closed on exec.
ReceivedBytes receive_with_descriptor(int socket, char* bytes, std::size_t size);

// As send(); `descriptor` goes with the first byte. Never raises SIGPIPE.
ssize_t send_with_descriptor(int socket, std::string_view bytes, int descriptor);

}  // namespace rollback
