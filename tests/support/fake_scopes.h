// SPDX-License-Identifier: Apache-2.0
// Scopes as a table: a test says what runs in each. One thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/platform/scopes.h"

namespace rollback {

class FakeScopes final : public Scopes {
 public:
  Status start(const std::string& name, std::uint32_t pid, const std::string& what) override {
    if (fails) return fail(ErrorCode::kIo, "start " + name + ": the job ended with 'failed'");
    scopes[name] = {{pid, what}};
    return {};
  }
  Result<std::vector<ScopeProcess>> processes(const std::string& name) override {
    return scopes[name];
  }

  std::map<std::string, std::vector<ScopeProcess>> scopes;
  bool fails = false;
};

}  // namespace rollback
