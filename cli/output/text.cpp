// SPDX-License-Identifier: Apache-2.0
#include "cli/output/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "core/bytes.h"

namespace rollback {

namespace {

// Bytes of the UTF-8 sequence that begins at text[0]; 0 when it is malformed.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80    ? 1
                             : lead >= 0xf0 ? 4
                             : lead >= 0xe0 ? 3
                             : lead >= 0xc2 ? 2
                                            : 0;
  if (length == 0 || lead > 0xf4 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  return length;
}

// C0, DEL, C1, and the marks that reorder text (U+200E..F, U+202A..E, U+2066..9).
bool steers(std::string_view sequence) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return at(0) < 0x20 || at(0) == 0x7f;
  if (sequence.size() == 2) return at(0) == 0xc2 && at(1) < 0xa0;
  if (sequence.size() != 3 || at(0) != 0xe2) return false;
  return (at(1) == 0x80 && (at(2) == 0x8e || at(2) == 0x8f || (at(2) >= 0xaa && at(2) <= 0xae))) ||
         (at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    if (length != 0 && !steers(sequence))
      shown += sequence;
    else
      for (const char c : sequence)
        shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    text.remove_prefix(sequence.size());
  }
  return shown;
}

std::string toned(const Terminal& terminal, Tone tone, std::string_view text) {
  if (!terminal.colour || tone == Tone::kPlain) return std::string(text);
  const char* const code = tone == Tone::kGood   ? "32"
                           : tone == Tone::kBad  ? "31"
                           : tone == Tone::kWarn ? "33"
                           : tone == Tone::kDim  ? "2"
                                                 : "1";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string cut(std::string_view text, std::size_t width) {
  if (columns_of(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string shown;
  std::size_t columns = 0;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (begins && ++columns == width) break;
    shown += c;
  }
  return shown + "…";
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (columns_of(text) > width) {
    std::size_t end = 0;
    for (std::size_t columns = 0; columns <= width; ++end)
      if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80) ++columns;
    const std::size_t most = end - 1;  // where the first character begins that has no room
    const std::size_t space = text.rfind(' ', most);
    const bool at_space = space != std::string_view::npos && space > 0;
    lines.emplace_back(text.substr(0, at_space ? space : most));
    text.remove_prefix(at_space ? space + 1 : most);
  }
  lines.emplace_back(text);
  return lines;
}

std::string time_text(WallTime time, bool utc) {
  if (time.ns == 0) return "-";
  if (utc) return format_utc(time);
  const std::time_t seconds = time.ns / 1'000'000'000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string size_text(std::uint64_t bytes) { return format_bytes(bytes); }

std::string count_text(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string clock_text(Duration time) {
  const auto seconds = std::max<std::int64_t>(time.count() / 1'000'000'000, 0);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastOfLast = 16;
constexpr std::size_t kLeast = 8;

// Takes columns away until a row fits: first from the last one, then from the widest of those that
// may be cut, at last from the last one again.
void fit(std::vector<std::size_t>& widths, const std::vector<std::size_t>& shown,
         const std::vector<bool>& whole, std::size_t width) {
  if (shown.empty()) return;
  std::size_t total = kGap * (shown.size() - 1);
  for (const std::size_t i : shown) total += widths[i];
  std::size_t& last = widths[shown.back()];
  while (total > width && last > kLeastOfLast) --last, --total;
  while (total > width) {
    std::size_t* widest = nullptr;
    for (const std::size_t i : shown)
      if (!whole[i] && (widest == nullptr || widths[i] >= *widest)) widest = &widths[i];
    if (widest == nullptr || *widest <= kLeast) break;
    --*widest;
    --total;
  }
  while (total > width && last > kLeast) --last, --total;
}

}  // namespace

std::string Table::str(const Terminal& terminal) const {
  std::vector<std::size_t> shown;  // columns in which something stands
  std::vector<std::size_t> widths(head_.size());
  std::vector<bool> whole(head_.size());
  for (std::size_t i = 0; i < head_.size(); ++i) {
    for (const auto& row : rows_) {
      widths[i] = std::max(widths[i], columns_of(row[i].text));
      whole[i] = whole[i] || row[i].whole;
    }
    if (widths[i] > 0) shown.push_back(i);
    widths[i] = std::max(widths[i], columns_of(head_[i]));
  }
  if (terminal.out) fit(widths, shown, whole, terminal.width);
  std::string text;
  const auto end_line = [&] {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text += '\n';
  };
  const auto line = [&](const std::vector<Cell>& row) {
    std::size_t before = 0;  // columns before the last one
    for (const std::size_t i : shown) {
      const bool is_last = i == shown.back();
      const auto cells = is_last && whole[i] ? wrapped(row[i].text, widths[i])
                                             : std::vector{cut(row[i].text, widths[i])};
      text += toned(terminal, row[i].tone, cells[0]);
      if (!is_last) text.append(widths[i] - columns_of(cells[0]) + kGap, ' ');
      for (std::size_t more = 1; more < cells.size(); ++more) {
        end_line();
        text += std::string(before, ' ') + toned(terminal, row[i].tone, cells[more]);
      }
      before += widths[i] + kGap;
    }
    end_line();
  };
  std::vector<Cell> head;
  for (const auto& name : head_) head.push_back({name, Tone::kDim, false});
  line(head);
  for (const auto& row : rows_) line(row);
  return text;
}

}  // namespace rollback
