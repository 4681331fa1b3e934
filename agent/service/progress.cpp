// SPDX-License-Identifier: Apache-2.0
#include "agent/service/progress.h"

#include <utility>

#include "agent/service/outbox.h"

namespace rollback {

namespace {

constexpr Duration kFirst = std::chrono::seconds(1);
constexpr Duration kEvery = std::chrono::milliseconds(500);

}  // namespace

ProgressTeller::ProgressTeller(std::string work, const Clock& clock, Send send)
    : clock_(clock), send_(std::move(send)), begun_(clock.boot()), next_(begun_ + kFirst) {
  item_.work = std::move(work);
}

ProgressTeller::ProgressTeller(std::string work, const Clock& clock, Stream& stream)
    : ProgressTeller(std::move(work), clock,
                     [&stream](const ProgressItem& item) { stream.send(item); }) {}

void ProgressTeller::expect(std::uint64_t files, std::uint64_t bytes) {
  item_.total_files = files;
  item_.total_bytes = bytes;
}

void ProgressTeller::tell(std::uint64_t files, std::uint64_t bytes) {
  const BootTime now = clock_.boot();
  if (now < next_) return;
  next_ = now + kEvery;
  item_.files = files;
  item_.bytes = bytes;
  item_.elapsed = now - begun_;
  send_(item_);
}

}  // namespace rollback
