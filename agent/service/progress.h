// SPDX-License-Identifier: Apache-2.0
// How far a long piece of work is, told to whoever waits for it: nothing in its first second, then
// about twice a second. One thread; cheap enough to be told of every file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/clock.h"
#include "protocol/replies.h"

namespace rollback {

class Stream;

class ProgressTeller {
 public:
  using Send = std::function<void(const ProgressItem&)>;
  // `work` as in ProgressItem. The time begins now.
  ProgressTeller(std::string work, const Clock& clock, Send send);
  // To who asked. `stream` outlives the teller.
  ProgressTeller(std::string work, const Clock& clock, Stream& stream);

  // What it will come to, as far as that is known; 0: not known.
  void expect(std::uint64_t files, std::uint64_t bytes);
  // What is done so far, all of it.
  void tell(std::uint64_t files, std::uint64_t bytes);

 private:
  const Clock& clock_;
  Send send_;
  ProgressItem item_;
  BootTime begun_;
  BootTime next_;
};

}  // namespace rollback
