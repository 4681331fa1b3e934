// SPDX-License-Identifier: Apache-2.0
// All resources of the host -> one HostState. Walks managed paths only, relative to the root
// handle. A file that is unreadable, vanishes, never holds still, or is setuid without permission
// fails the capture by name; nothing of it becomes visible. A configured path or unit that is
// absent is no failure here (a broken deploy may have removed it): `require_present` asks for them.
// Used by the run thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/capture/read_pool.h"
#include "agent/resources/resource.h"
#include "agent/store/scan_cache.h"
#include "core/clock.h"
#include "core/fs/directory.h"
#include "model/snapshot.h"

namespace rollback {

// One content, as it is read. Belongs to one thread.
class ContentWriter {
 public:
  virtual ~ContentWriter() = default;
  virtual Status add(std::string_view piece) = 0;
  virtual Result<Digest> finish() = 0;  // once; without it nothing was put
};

// Where contents and trees go: into the store for a snapshot, nowhere when only the live state is
// asked for.
class ContentSink {
 public:
  virtual ~ContentSink() = default;
  virtual std::unique_ptr<ContentWriter> begin_content() = 0;  // any thread
  // `bytes` are the tree's canonical ones, `id` their hash.
  virtual Status put_tree(Tree tree, const Digest& id, std::string bytes) = 0;
};

// A sink that knows what an earlier capture put there, so that only what changed since is read.
class RememberingSink : public ContentSink {
 public:
  // What was seen of the directory `path`; nullopt: nothing that holds still.
  virtual std::optional<SeenDirectory> find_seen(const std::string& path) = 0;
  virtual std::optional<Tree> find_tree(const Digest& id) = 0;
  virtual void saw(ScanCache::Row row) = 0;
  // What changed at this time or later may change again without a trace (git's racy-clean rule).
  [[nodiscard]] virtual WallTime began() const noexcept = 0;
};

// Keeps nothing.
class HashingSink : public ContentSink {
 public:
  std::unique_ptr<ContentWriter> begin_content() override;
  Status put_tree(Tree tree, const Digest& id, std::string bytes) override;
};

// Keeps the trees, parents behind what they hold.
class TreeSink final : public HashingSink {
 public:
  Status put_tree(Tree tree, const Digest& id, std::string bytes) override;
  // Their canonical bytes.
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(trees_, {}); }

 private:
  std::vector<std::string> trees_;
};

struct CaptureProgress {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Staging directories (kStageName at any level) are never captured.
inline constexpr std::string_view kStageName = ".rollback";

struct CaptureOptions {
  // The release this capture is to be compared with. What a resource owns follows from live
  // configuration (an nginx that refers to another certificate owns another file), so paths that
  // only the target's record of the same resource holds are captured too and both ends can be
  // compared.
  const Snapshot* target = nullptr;
  // The sink itself when it remembers, else nullptr.
  RememberingSink* memory = nullptr;
  // False leaves the manifest empty, for whom the content root is enough. It lacks what a memory
  // vouches for: that is not looked up only to be listed.
  bool manifest = true;
  std::vector<Fact> facts{};  // of the host, to be part of the record
};

// `root` is what the resources' Platform has. `readers` read the files. `progress` may be empty; it
// is called after each file.
Result<HostState> capture(const Directory& root,
                          const std::vector<std::unique_ptr<Resource>>& resources,
                          ContentSink& sink, ReadPool& readers,
                          const std::function<void(const CaptureProgress&)>& progress,
                          const CaptureOptions& options = {});

// Every configured path and unit exists: what `snapshot` and `config check` ask before they go on.
// kNotFound names the first that is absent and the line that configures it.
Status require_present(const std::vector<ResourceSpec>& specs, const Platform& platform);

}  // namespace rollback
