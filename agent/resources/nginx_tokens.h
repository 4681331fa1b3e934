// SPDX-License-Identifier: Apache-2.0
// nginx's configuration language, as far as needed to find the files a configuration refers to.
// Lenient: a live configuration may be broken and must still be captured. Source of the rules: the
// documented syntax and the behaviour of nginx 1.22.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rollback {

// One directive with its arguments, unquoted: `include "conf.d/*.conf";` is {"include",
// "conf.d/*.conf"}. Blocks are directives followed by those inside them.
struct NginxDirective {
  std::vector<std::string> words;
  bool operator==(const NginxDirective&) const = default;
};

// Comments are dropped, quotes and backslashes undone, "${x}" kept as it is. Bodies of "..._by_lua_
// block" are skipped. Unbalanced input gives the directives that were complete.
std::vector<NginxDirective> parse_nginx(std::string_view text);

}  // namespace rollback
