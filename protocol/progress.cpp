// SPDX-License-Identifier: Apache-2.0
#include "protocol/progress.h"

namespace rollback {

std::optional<std::uint64_t> bytes_per_second(const ProgressItem& item) {
  if (item.elapsed <= Duration::zero()) return std::nullopt;
  return static_cast<std::uint64_t>(static_cast<double>(item.bytes) * 1e9 /
                                    static_cast<double>(item.elapsed.count()));
}

std::optional<Duration> time_left(const ProgressItem& item) {
  const bool by_bytes = item.total_bytes != 0;
  const std::uint64_t done = by_bytes ? item.bytes : item.files;
  const std::uint64_t total = by_bytes ? item.total_bytes : item.total_files;
  if (done == 0 || total < done) return std::nullopt;
  const double share = static_cast<double>(total - done) / static_cast<double>(done);
  return Duration(static_cast<std::int64_t>(share * static_cast<double>(item.elapsed.count())));
}

}  // namespace rollback
