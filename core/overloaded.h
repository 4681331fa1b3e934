// SPDX-License-Identifier: Apache-2.0
// One function object of several lambdas: the cases of std::visit.
#pragma once

namespace rollback {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace rollback
