// SPDX-License-Identifier: Apache-2.0
// Who belongs to the fleet. A host is its key and its random id; its name is only what people call
// it. Removed hosts stay as tombstones, so that nobody inherits an old id. A value: the caller
// stores what changed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/result.h"
#include "model/host.h"
#include "protocol/messages.h"

namespace rollback {

class Hosts {
 public:
  static constexpr std::size_t kMostPending = 256;  // strangers that wait; more are turned away

  void load(HostRecord record) { by_id_[record.id] = std::move(record); }

  // A stranger asks to be let in. Returns its record (a known one unchanged, a new one pending).
  // kDenied: its id belongs to another key, or its key to another id. kBusy: too many wait.
  Result<HostRecord> enrol(const Hello& hello, const std::string& key, WallTime now);
  // By name, id, or fingerprint (a prefix of at least 8 characters, when unique). kNotFound names
  // what was looked for; kConflict when several match.
  Result<HostRecord> find(const std::string& name_id_or_fingerprint) const;
  // kConflict: accepting a second host of a name that another accepted host has.
  Result<HostRecord> decide(const HostRecord& host, Admission admission, const std::string& by,
                            WallTime now);
  // An accepted host introduced itself again: its labels may have changed. Its name stays the one
  // that was accepted.
  Result<HostRecord> renew(const Hello& hello, const std::string& key);

  // Only accepted hosts; asked for every message, because a removed key keeps its connection.
  [[nodiscard]] const HostRecord* accepted_by_key(const std::string& key) const;
  [[nodiscard]] const HostRecord* by_id(const HostId& id) const;
  [[nodiscard]] std::vector<HostRecord> all() const;       // by name
  [[nodiscard]] std::vector<HostRecord> accepted() const;  // by name

 private:
  std::map<HostId, HostRecord> by_id_;
};

}  // namespace rollback
