// SPDX-License-Identifier: Apache-2.0
// Allow-list grammars of what agent.yaml may name, and which paths may be managed at all. Pure.
// Every function returns kInvalid with half a sentence that begins with the quoted text; the caller
// adds where it was found.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace rollback {

// "shop.service", "shop@1.timer": letters, digits and ":_.-@", not beginning with '-' or '.', a
// suffix of service, socket, timer, path or target. Templates without an instance and this
// product's own units are refused.
Status check_unit_name(std::string_view text);
// Names of resources, hosts and fleets: a letter or digit, then letters, digits and "._@-", <= 63.
Status check_name(std::string_view text);
// A lower-case letter, then lower-case letters, digits and "._-", <= 63.
Status check_label_key(std::string_view text);
// A letter or digit, then letters, digits and "._-", <= 63: nothing a selector gives a meaning to.
Status check_label_value(std::string_view text);
// "tcp://10.0.0.1:7400", "tcp://[::1]:7400", "tcp://ops.example.com:7400".
Status check_endpoint(std::string_view text);
// "10.0.0.9:5432": the part of an endpoint after its scheme.
Status check_host_port(std::string_view text);
// "http://..." or "https://...", printable, without spaces.
Status check_url(std::string_view text);
Status check_group_name(std::string_view text);
// A shell pattern for fnmatch: not empty, no NUL, no "..".
Status check_glob(std::string_view text);
// Canonical, absolute, and neither a directory of the system as a whole ("/etc"), nor one of the
// kernel's, nor around or inside what this product itself lives in.
Status check_managed_path(std::string_view path);

// The port at the end of a checked endpoint.
int port_of(std::string_view endpoint);

}  // namespace rollback
