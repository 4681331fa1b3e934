// SPDX-License-Identifier: Apache-2.0
// The coordinator's state in one RocksDB directory of this machine (core/store/tables.h).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "coordinator/store/state_store.h"

namespace rollback {

class Tables;

class RocksStateStore final : public StateStore {
 public:
  static constexpr std::uint32_t kFormat = 1;

  // Creates what is missing below an existing parent. kBusy when it is open already, kUnsupported
  // when it is newer, kCorrupt when it is damaged; never repairs, resets or deletes.
  static Result<std::unique_ptr<RocksStateStore>> open(const std::string& path);
  ~RocksStateStore() override;

  Result<std::uint64_t> version() const override;
  Result<std::uint64_t> commit(std::uint64_t expected_version,
                               const std::vector<StateChange>& changes) override;
  Result<std::optional<std::string>> get(std::string_view key) const override;
  Status scan(std::string_view prefix, const Visit& visit) const override;
  // As Tables has it (core/store/tables.h).
  [[nodiscard]] bool needs_new_start() const;

 private:
  RocksStateStore(std::unique_ptr<Tables> tables, std::uint64_t version);
  std::unique_ptr<Tables> tables_;
  mutable std::mutex mutex_;  // guards version_: compare and write are one step
  std::uint64_t version_;
};

}  // namespace rollback
