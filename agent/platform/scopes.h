// SPDX-License-Identifier: Apache-2.0
// Scopes of systemd: processes that somebody else started, gathered where all that come from them
// stay together. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/platform/sd_bus.h"

namespace rollback {

struct ScopeProcess {
  std::uint32_t pid = 0;
  std::string command;  // printable, at most 256 bytes
};

class Scopes {
 public:
  virtual ~Scopes() = default;
  // Puts the process and all it starts from now on into a new scope. kIo, also when the process is
  // gone.
  virtual Status start(const std::string& name, std::uint32_t pid, const std::string& what) = 0;
  // What runs in a scope; nothing once it is gone.
  virtual Result<std::vector<ScopeProcess>> processes(const std::string& name) = 0;
};

class SdScopes final : public Scopes {
 public:
  // The clock must outlive the object. Connects at the first call.
  explicit SdScopes(const Clock& clock, BusAddresses addresses = {})
      : clock_(clock), bus_(clock, std::move(addresses)) {}

  Status start(const std::string& name, std::uint32_t pid, const std::string& what) override;
  Result<std::vector<ScopeProcess>> processes(const std::string& name) override;

 private:
  const Clock& clock_;
  SdBus bus_;
};

}  // namespace rollback
