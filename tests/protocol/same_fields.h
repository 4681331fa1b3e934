// SPDX-License-Identifier: Apache-2.0
// Field by field equality of plain structs that have no operator==, so that a round trip is
// compared with nothing the codec itself had a hand in.
#pragma once

#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace rollback {

struct AnyField {
  template <typename T>
  operator T() const;  // never defined: only counts fields
};

template <typename T, typename... Fields>
constexpr std::size_t count_fields() {
  if constexpr (requires { T{std::declval<Fields>()..., std::declval<AnyField>()}; })
    return count_fields<T, Fields..., AnyField>();
  else
    return sizeof...(Fields);
}

template <typename T>
auto tie_fields(const T& value) {
  constexpr auto kCount = count_fields<T>();
  static_assert(kCount <= 13, "add a line below");
  if constexpr (kCount == 0) {
    return std::tuple<>();
  } else if constexpr (kCount == 1) {
    const auto& [a] = value;
    return std::tie(a);
  } else if constexpr (kCount == 2) {
    const auto& [a, b] = value;
    return std::tie(a, b);
  } else if constexpr (kCount == 3) {
    const auto& [a, b, c] = value;
    return std::tie(a, b, c);
  } else if constexpr (kCount == 4) {
    const auto& [a, b, c, d] = value;
    return std::tie(a, b, c, d);
  } else if constexpr (kCount == 5) {
    const auto& [a, b, c, d, e] = value;
    return std::tie(a, b, c, d, e);
  } else if constexpr (kCount == 6) {
    const auto& [a, b, c, d, e, f] = value;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (kCount == 7) {
    const auto& [a, b, c, d, e, f, g] = value;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (kCount == 8) {
    const auto& [a, b, c, d, e, f, g, h] = value;
    return std::tie(a, b, c, d, e, f, g, h);
  } else if constexpr (kCount == 9) {
    const auto& [a, b, c, d, e, f, g, h, i] = value;
    return std::tie(a, b, c, d, e, f, g, h, i);
  } else if constexpr (kCount == 11) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k] = value;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (kCount == 12) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l] = value;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
  } else {
    static_assert(kCount == 13, "add a line above");
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = value;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
  }
}

template <typename T>
bool same_fields(const T& a, const T& b);

template <typename T>
bool same_fields(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same_fields(a[i], b[i])) return false;
  return true;
}

// Also of classes derived from one.
template <typename... T>
bool same_alternatives(const std::variant<T...>& a, const std::variant<T...>& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& it) { return same_fields(it, std::get<std::decay_t<decltype(it)>>(b)); }, a);
}

template <typename T>
bool same_fields(const T& a, const T& b) {
  if constexpr (requires { same_alternatives(a, b); }) {
    return same_alternatives(a, b);
  } else if constexpr (requires { a == b; }) {
    return a == b;
  } else {
    const auto fields_a = tie_fields(a);
    const auto fields_b = tie_fields(b);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (same_fields(std::get<I>(fields_a), std::get<I>(fields_b)) && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(fields_a)>>());
  }
}

}  // namespace rollback
