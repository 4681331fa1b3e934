// SPDX-License-Identifier: Apache-2.0
// How far a long command is, as one line on stderr that is redrawn in place and gone at the end:
// "capture  12,345 files  1.2 GiB  310.0 MiB/s  ETA 0:07". Hosts of a fleet are added up.
#pragma once

#include <map>
#include <string>

#include "protocol/replies.h"

namespace rollback {

// What is known from the answers so far. Pure.
class ProgressSum {
 public:
  void take(const ProgressItem& item, const std::string& host);
  // At most `width` columns, without a newline; "" before the first item.
  [[nodiscard]] std::string str(std::size_t width) const;

 private:
  std::string work_;                           // of the newest item
  std::map<std::string, ProgressItem> hosts_;  // that were at that work, done or not
};

// The line on the screen. Whatever else is printed is printed between clear() and draw().
class ProgressLine {
 public:
  // `shown`: stderr is a terminal, of `width` columns. Otherwise it does nothing.
  ProgressLine(bool shown, std::size_t width) : shown_(shown), width_(width) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void take(const ProgressItem& item, const std::string& host);
  void draw();
  void clear();

 private:
  const bool shown_;
  const std::size_t width_;
  bool drawn_ = false;
  ProgressSum sum_;
};

}  // namespace rollback
