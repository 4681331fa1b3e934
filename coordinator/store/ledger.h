// SPDX-License-Identifier: Apache-2.0
// What the coordinator remembers, as records: hosts, rollouts, its epoch. It assumes to be the only
// writer of its store; a version conflict means that it is not, and every later save fails too.
// Loop thread only; each save is synced.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/store/state_store.h"
#include "core/clock.h"
#include "core/ids.h"
#include "model/host.h"
#include "model/rollout.h"

namespace rollback {

class Ledger {
 public:
  // Begins a new epoch: above every earlier one, also when the clock was set back.
  static Result<Ledger> open(StateStore& store, WallTime now);
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }

  Status save(const HostRecord& host);
  Result<std::vector<HostRecord>> hosts() const;

  // `changed` of the rollout's hosts, at most 99 with the header in one synced batch. More take
  // several, the header last: a half saved step is one that began for some hosts only, which
  // resuming it completes.
  Status save(const RolloutRecord& header, const std::vector<HostId>& changed);
  // Its hosts are sorted by name.
  Result<RolloutRecord> load(const RunId& run) const;
  // By id or unique prefix of it, "" is the newest. kNotFound, kConflict.
  Result<RolloutRecord> find(const std::string& run) const;
  // Without hosts, newest first; 0 is all.
  Result<std::vector<RolloutRecord>> newest(std::size_t limit) const;

 private:
  Ledger(StateStore& store, std::uint64_t version) : store_(&store), version_(version) {}
  Status commit(const std::vector<StateChange>& changes);

  StateStore* store_;
  std::uint64_t version_;
  std::uint64_t epoch_ = 0;
};

}  // namespace rollback
