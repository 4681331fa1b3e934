// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/text_diff.h"

#include <fmt/format.h>

#include <dtl/dtl.hpp>
#include <unordered_map>
#include <vector>

namespace rollback {

namespace {

using LineId = std::uint32_t;
using Lines = std::vector<LineId>;
using Element = std::pair<LineId, dtl::elemInfo>;

// Escapes what would steer a terminal; bytes above 127 pass, so that UTF-8 stays readable.
std::string printable(std::string_view line) {
  std::string shown;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\t' || (byte >= 0x20 && byte != 0x7f))
      shown += c;
    else
      shown += fmt::format("\\x{:02x}", byte);
  }
  return shown;
}

// Equal lines have equal numbers, so that comparing them does not depend on their length. A line is
// with its newline: the last one, without it, is another line.
class Numbering {
 public:
  // nullopt above kMostDiffedLines.
  std::optional<Lines> number(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
      if (lines.size() == kMostDiffedLines) return std::nullopt;
      const auto end = text.find('\n');
      const auto line = text.substr(0, end == std::string_view::npos ? end : end + 1);
      const auto [known, is_new] = numbers_.emplace(line, static_cast<LineId>(texts_.size()));
      if (is_new) texts_.push_back(line);
      lines.push_back(known->second);
      text.remove_prefix(line.size());
    }
    return lines;
  }
  [[nodiscard]] std::string_view text(LineId line) const { return texts_[line]; }

 private:
  std::unordered_map<std::string_view, LineId> numbers_;
  std::vector<std::string_view> texts_;
};

// Takes lines until the text is long enough, and counts the rest.
class BoundedText {
 public:
  explicit BoundedText(const Numbering& lines) : lines_(lines) {}

  void head(const std::string& line) {
    if (left_out_ == 0) text_ += line + '\n';
  }
  void add(char sign, LineId line) {
    std::string_view bytes = lines_.text(line);
    if (left_out_ > 0 || text_.size() + bytes.size() > kMostDiffText) {
      ++left_out_;
      return;
    }
    const bool ends = bytes.ends_with('\n');
    if (ends) bytes.remove_suffix(1);
    text_ += sign + printable(bytes) + '\n';
    if (!ends) text_ += "\\ No newline at end of file\n";
  }
  [[nodiscard]] std::string str() && {
    if (left_out_ > 0)
      text_ += fmt::format("\\ {} more lines of this difference are not shown\n", left_out_);
    return std::move(text_);
  }

 private:
  const Numbering& lines_;
  std::string text_;
  std::uint64_t left_out_ = 0;
};

char sign_of(const dtl::elemInfo& info) {
  return info.type == dtl::SES_ADD ? '+' : info.type == dtl::SES_DELETE ? '-' : ' ';
}

// Of no lines the range begins with the line before it; with three lines of context there is none.
std::string range(long long begin, long long lines) {
  return fmt::format("{},{}", lines == 0 ? 0 : begin, lines);
}

}  // namespace

bool looks_binary(std::string_view bytes) noexcept {
  return bytes.substr(0, kBinaryHead).find('\0') != std::string_view::npos;
}

std::optional<TextDiff> diff_text(std::string_view from, std::string_view to,
                                  const std::string& path) {
  if (from.size() > kMostDiffedBytes || to.size() > kMostDiffedBytes) return std::nullopt;
  Numbering numbering;
  const auto before = numbering.number(from);
  const auto after = numbering.number(to);
  if (!before || !after) return std::nullopt;
  TextDiff diff;
  if (*before == *after) return diff;
  dtl::Diff<LineId> lines(*before, *after);
  lines.compose();
  lines.composeUnifiedHunks();
  BoundedText text(numbering);
  text.head("--- " + printable(path));
  text.head("+++ " + printable(path));
  const auto add = [&](const Element& element) {
    const char sign = sign_of(element.second);
    diff.added += sign == '+' ? 1 : 0;
    diff.removed += sign == '-' ? 1 : 0;
    text.add(sign, element.first);
  };
  for (const auto& hunk : lines.getUniHunks()) {
    text.head(fmt::format("@@ -{} +{} @@", range(hunk.a, hunk.b), range(hunk.c, hunk.d)));
    for (const auto* part : {&hunk.common[0], &hunk.change, &hunk.common[1]})
      std::for_each(part->begin(), part->end(), add);
  }
  diff.text = std::move(text).str();
  return diff;
}

}  // namespace rollback
