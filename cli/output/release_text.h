// SPDX-License-Identifier: Apache-2.0
// What a release holds and what differs between two, as text for people. Pure.
#pragma once

#include <string>

#include "cli/output/rows.h"

namespace rollback {

// "blocked, pinned"; "" when neither.
std::string marks_text(const RevisionStatus& status);
// The head of `show`: a line for each thing.
std::string revision_text(const Session& session, const RevisionItem& item);
// One path as `ls -l` would say it.
std::string path_text(const Session& session, const PathItem& item);
// What differs in one path, with its text.
std::string diff_text(const Session& session, const DiffItem& item);

// The same as a row of `--stat`, and the sum of all.
class DiffStat {
 public:
  Row row(const Reply& reply, const DiffItem& item);
  // "3 files changed, 12 insertions(+), 4 deletions(-)"
  [[nodiscard]] std::string str() const;

 private:
  std::uint64_t files_ = 0;
  std::uint64_t others_ = 0;  // units and facts
  std::uint64_t added_ = 0;
  std::uint64_t removed_ = 0;
};

}  // namespace rollback
