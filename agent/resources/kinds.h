// SPDX-License-Identifier: Apache-2.0
// One maker per kind of resource, and what several kinds share. Private to this folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/resources/resource.h"

namespace rollback::kinds {

std::unique_ptr<Resource> make_nginx(const ResourceSpec& spec, const Platform& platform);
std::unique_ptr<Resource> make_systemd(const ResourceSpec& spec, const Platform& platform);
std::unique_ptr<Resource> make_binary(const ResourceSpec& spec, const Platform& platform);
std::unique_ptr<Resource> make_files(const ResourceSpec& spec, const Platform& platform);
std::unique_ptr<Resource> make_compose(const ResourceSpec& spec, const Platform& platform);

// A unit that does not exist has no fragment and no enablement and is not active.
Result<UnitState> unit_state(UnitReader& units, const std::string& unit);

// The binds of a validator's request that put the copies over the live directories.
std::vector<std::pair<std::string, std::string>> binds_of(const std::vector<PreviewMount>& mounts);

// Non-empty lines, bounded, printable: other bytes become '?'.
std::vector<std::string> lines_of(const std::string& output);

}  // namespace rollback::kinds
