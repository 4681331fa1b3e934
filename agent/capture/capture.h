// SPDX-License-Identifier: Apache-2.0
// All resources of the host -> one HostState. Walks managed paths only, relative to the root
// handle. A file that is unreadable, vanishes, never holds still, or is setuid without permission
// fails the capture by name; nothing of it becomes visible. Used by the run thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/resources/resource.h"
#include "core/clock.h"
#include "core/fs/directory.h"
#include "model/snapshot.h"

namespace rollback {

// Where contents and trees go: into the store for a snapshot, nowhere when only the live state is
// asked for.
class ContentSink {
 public:
  virtual ~ContentSink() = default;
  virtual Result<Digest> put_content(std::string_view bytes) = 0;
  virtual Status put_tree(const Tree& tree) = 0;
};

class HashingSink final : public ContentSink {
 public:
  Result<Digest> put_content(std::string_view bytes) override;
  Status put_tree(const Tree& tree) override;
};

struct CaptureProgress {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Staging directories (kStageName at any level) are never captured.
inline constexpr std::string_view kStageName = ".rollback";

Result<HostState> capture(const Directory& root,
                          const std::vector<std::unique_ptr<Resource>>& resources,
                          ContentSink& sink,
                          const std::function<void(const CaptureProgress&)>& progress);

}  // namespace rollback
