// SPDX-License-Identifier: Apache-2.0
// Text for terminals: escaped, coloured where allowed, cut to a width.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/session.h"

namespace rollback {

enum class Tone { kPlain, kGood, kBad, kWarn, kDim, kStrong };

// Control characters, escapes and bidirectional overrides become \xNN: host names and unit output
// must not steer a terminal.
std::string printable(std::string_view text);
std::string toned(const Terminal& terminal, Tone tone, std::string_view text);
// Columns that a UTF-8 text takes (one per code point).
std::size_t columns_of(std::string_view text);
// At most `width` columns, with "…" at the end when cut.
std::string cut(std::string_view text, std::size_t width);
// Lines of at most `width` columns, broken at spaces where there are some. At least one.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);
std::string time_text(WallTime time, bool utc);  // "2026-11-22 20:07:55"; "-" for 0
std::string size_text(std::uint64_t bytes);      // "12.3 MiB"
std::string count_text(std::uint64_t number);    // "12,345"
std::string clock_text(Duration time);           // "1:05"; minutes and seconds

// Rows of equal length; columns in which nothing stands are left out. A terminal's width is kept:
// the last column gives way first, then the widest, but none with a cell that is to stay whole. In
// the last column such a cell goes on below itself; every other row is one line.
class Table {
 public:
  struct Cell {
    std::string text;
    Tone tone = Tone::kPlain;
    bool whole = false;  // not to be cut: a time, a reason
  };
  explicit Table(std::vector<std::string> head) : head_(std::move(head)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  [[nodiscard]] std::string str(const Terminal& terminal) const;

 private:
  std::vector<std::string> head_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace rollback
