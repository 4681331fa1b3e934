// SPDX-License-Identifier: Apache-2.0
// A list for a sentence: the first five, and how many more there are. Private to agent/apply.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>

namespace rollback {

template <typename Texts>
std::string first_few(const Texts& texts) {
  constexpr std::size_t kNamed = 5;
  std::string text;
  std::size_t count = 0;
  for (const auto& one : texts) {
    if (count++ == kNamed) return text + fmt::format(" and {} more", std::size(texts) - kNamed);
    text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

}  // namespace rollback
