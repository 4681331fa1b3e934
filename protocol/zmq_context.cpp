// SPDX-License-Identifier: Apache-2.0
#include <zmq.h>

#include <atomic>

#include "protocol/zmq_channel.h"

namespace rollback {

struct ZmqContext::Inner {
  void* handle = nullptr;
  std::atomic<std::uint64_t> endpoints{0};
};

ZmqContext::ZmqContext(int io_threads) : inner_(std::make_unique<Inner>()) {
  // Without a context every socket fails to open, which is reported there.
  inner_->handle = zmq_ctx_new();
  if (inner_->handle != nullptr) zmq_ctx_set(inner_->handle, ZMQ_IO_THREADS, io_threads);
}

ZmqContext::~ZmqContext() {
  while (inner_->handle != nullptr && zmq_ctx_term(inner_->handle) != 0 && zmq_errno() == EINTR) {
  }
}

void* ZmqContext::handle() noexcept { return inner_->handle; }

std::string ZmqContext::unique_endpoint(std::string_view purpose) {
  return "inproc://" + std::string(purpose) + "-" + std::to_string(++inner_->endpoints);
}

}  // namespace rollback
