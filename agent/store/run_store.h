// SPDX-License-Identifier: Apache-2.0
// Runs and their events, and the replay mark. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/store/database.h"
#include "model/deploy.h"
#include "model/run.h"

namespace rollback {

class RunStore {
 public:
  explicit RunStore(Database& database) : database_(database) {}

  Status put(const RunRecord& run);  // synced; `started` of a run never changes
  // By id or unique prefix of at least 4 digits. kNotFound, or kInvalid when several match.
  Result<RunRecord> find(std::string_view id_or_prefix) const;
  Result<std::vector<RunRecord>> newest(std::size_t limit) const;  // newest first; 0: all
  Status append_event(const RunId& run, const RunEvent& event);    // buffered
  Result<std::vector<RunEvent>> events(const RunId& run, std::uint64_t from) const;

  // The one deploy that holds the host. Synced; with the run's record in the same write.
  Status put_deploy(const Deploy& deploy, const RunRecord& run);
  Result<std::optional<Deploy>> open_deploy() const;
  Status close_deploy(const RunRecord& run);

  struct Mark {
    std::uint64_t epoch = 0;
    std::uint64_t seq = 0;
  };
  Result<Mark> replay_mark() const;
  Status set_replay_mark(const Mark& mark);  // synced

 private:
  // What put() writes.
  Result<std::vector<Change>> changes_of(const RunRecord& run) const;

  Database& database_;
};

}  // namespace rollback
