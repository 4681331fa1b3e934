// SPDX-License-Identifier: Apache-2.0
#include "core/ids.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace rollback {

namespace {

constexpr std::size_t kMaxLabel = 128;  // bytes; a label is shown in tables and file names
constexpr std::string_view kAccepted = "; use MAJOR.MINOR.PATCH such as v2.4.1 or v2.4.1-rc.1";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// What a person typed, safe to print.
std::string shown(std::string_view text) {
  std::string safe(text.substr(0, 64));
  for (char& c : safe)
    if (c < ' ' || c > '~') c = '?';
  return "'" + safe + (text.size() > 64 ? "...'" : "'");
}

Failure refused(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kInvalid, shown(text) + " is not a release label: " + std::string(why) +
                                       std::string(kAccepted));
}

// The text before the first `separator`, which is removed from `rest` with it.
std::string_view take_part(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

// Why `core` is not MAJOR.MINOR.PATCH; nullopt when it is.
std::optional<std::string_view> fault_of_core(std::string_view core) {
  if (is_number(core) && (core.size() == 8 || core.size() == 12 || core.size() == 14))
    return "it looks like a date, which does not say which change it is";
  const auto dots = std::count(core.begin(), core.end(), '.');
  for (std::string_view rest = core; !rest.empty();) {
    const auto part = take_part(rest, '.');
    if (!is_number(part)) return "it is not made of three numbers";
    if (part.size() > 1 && part.front() == '0') return "a number in it begins with 0, as in a date";
  }
  if (dots < 2) return "it has fewer than three numbers";
  if (dots > 2) return "it has more than three numbers";
  if (core.back() == '.') return "it is not made of three numbers";
  return std::nullopt;
}

std::optional<std::string_view> fault_of_prerelease(std::string_view tail) {
  if (tail.empty() || tail.back() == '.') return "an identifier after the '-' is empty";
  while (!tail.empty()) {
    const auto part = take_part(tail, '.');
    if (part.empty()) return "an identifier after the '-' is empty";
    if (!std::all_of(part.begin(), part.end(),
                     [](char c) { return is_digit(c) || is_letter(c) || c == '-'; }))
      return "after the '-' only letters, digits, '-' and '.' may stand";
    if (is_number(part) && part.size() > 1 && part.front() == '0')
      return "a number after the '-' begins with 0";
  }
  return std::nullopt;
}

// Canonical decimal numbers of any length.
std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

// semver 2.0.0, clause 11.4.
std::strong_ordering compare_identifiers(std::string_view a, std::string_view b) {
  const bool a_number = is_number(a);
  const bool b_number = is_number(b);
  if (a_number && b_number) return compare_numbers(a, b);
  if (a_number != b_number)
    return a_number ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.compare(b) <=> 0;
}

}  // namespace

Failure refuse_id(std::string_view text, std::string_view kind, std::size_t digits) {
  return fail(ErrorCode::kInvalid, "'" + std::string(text) + "' is not a " + std::string(kind) +
                                       " (" + std::to_string(digits) + " hex digits)");
}

Failure refuse_id_bytes(std::string_view kind) {
  return fail(ErrorCode::kInvalid, std::string(kind) + " of a wrong length");
}

Result<ReleaseLabel> ReleaseLabel::parse(std::string_view text) {
  if (text.empty()) return refused(text, "it is empty");
  if (text.size() > kMaxLabel) return refused(text, "it is longer than 128 characters");
  if (text == "latest")
    return refused(text, "it names another release after every build, so nothing can return to it");
  if (text.find('+') != std::string_view::npos)
    return refused(text, "build metadata (after '+') does not order releases");

  const auto bare = text.front() == 'v' ? text.substr(1) : text;
  const auto dash = bare.find('-');
  if (bare.empty() || !is_digit(bare.front()))
    return refused(text, "it does not begin with a number (a branch or a tag is no release)");
  if (const auto fault = fault_of_core(bare.substr(0, dash))) return refused(text, *fault);
  if (dash != std::string_view::npos)
    if (const auto fault = fault_of_prerelease(bare.substr(dash + 1))) return refused(text, *fault);
  return ReleaseLabel("v" + std::string(bare));
}

// semver 2.0.0, clause 11.
std::strong_ordering ReleaseLabel::compare(const ReleaseLabel& a, const ReleaseLabel& b) {
  std::array<std::string_view, 2> tails = {std::string_view(a.text_).substr(1),
                                           std::string_view(b.text_).substr(1)};
  std::array<std::string_view, 2> cores = {take_part(tails[0], '-'), take_part(tails[1], '-')};
  for (int i = 0; i < 3; ++i) {
    const auto left = take_part(cores[0], '.');
    const auto order = compare_numbers(left, take_part(cores[1], '.'));
    if (order != std::strong_ordering::equal) return order;
  }
  if (tails[0].empty() || tails[1].empty()) return tails[0].empty() <=> tails[1].empty();
  while (!tails[0].empty() && !tails[1].empty()) {
    const auto left = take_part(tails[0], '.');
    const auto order = compare_identifiers(left, take_part(tails[1], '.'));
    if (order != std::strong_ordering::equal) return order;
  }
  return tails[1].empty() <=> tails[0].empty();  // more identifiers come later
}

}  // namespace rollback
