// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/tree_capture.h"

#include <fnmatch.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "agent/capture/file_reader.h"
#include "agent/resources/locate.h"
#include "protocol/records.h"

namespace rollback {

namespace {

constexpr std::size_t kDeepest = 256;            // as deep as walk() goes; one descriptor each
constexpr std::uint64_t kHeldOfFile = 2 << 20U;  // most bytes of a file that are in memory at once
constexpr std::size_t kMostEntries = 4'000'000;  // of one capture

// The files of one directory that are being read. It waits for them before it goes, because they
// are opened through the directory's descriptor.
class Reads {
 public:
  explicit Reads(ReadPool& pool) : pool_(pool) {}
  ~Reads() { wait(); }
  Reads(const Reads&) = delete;
  Reads& operator=(const Reads&) = delete;

  void add(std::uint64_t bytes, std::function<Result<ReadFile>()> read) {
    Result<ReadFile>& place = results_.emplace_back();
    {
      const std::lock_guard lock(mutex_);
      ++open_;
    }
    pool_.post(bytes, [this, &place, read = std::move(read)] {
      place = read();
      const std::lock_guard lock(mutex_);
      if (--open_ == 0) none_open_.notify_all();
    });
  }
  // In the order of add().
  const std::deque<Result<ReadFile>>& wait() {
    std::unique_lock lock(mutex_);
    none_open_.wait(lock, [&] { return open_ == 0; });
    return results_;
  }

 private:
  ReadPool& pool_;
  std::mutex mutex_;
  std::condition_variable none_open_;
  std::size_t open_ = 0;
  std::deque<Result<ReadFile>> results_;
};

class TreeCapture {
 public:
  TreeCapture(CaptureSession& session, const ResourceSpec& spec, const std::string& managed)
      : session_(session), spec_(spec), managed_(managed) {}

  // `name` in `parent`, which is `path` as operators know it.
  Result<Node> node(const Directory& parent, const std::string& name, const FileStat& stat,
                    const std::string& path, std::size_t depth) {
    ROLLBACK_TRY(require_room(path, depth));
    switch (stat.type) {
      case FileType::kRegular: {
        ROLLBACK_ASSIGN(const auto read, read_file({parent, name, path}, spec_, session_.sink));
        return file_node(read, path);
      }
      case FileType::kSymlink:
        return link(parent, name, stat, path);
      case FileType::kDirectory: {
        auto directory = parent.open_directory(name);
        if (!directory && directory.error().code == ErrorCode::kNotFound) return vanished(path);
        if (!directory) return Failure(directory.error());
        return this->directory(*directory, path, depth);
      }
      case FileType::kOther:
        break;
    }
    return fail(ErrorCode::kUnsupported,
                path + " is a socket, FIFO or device and cannot be managed");
  }

  // An open directory and all below.
  Result<Node> directory(const Directory& directory, const std::string& path, std::size_t depth) {
    ROLLBACK_ASSIGN(const FileStat stat, directory.stat(""));
    ROLLBACK_ASSIGN(const Xattrs xattrs, directory.xattrs(""));
    // Its place in the order is before its entries; its digests are known after them.
    session_.manifest[path] = {};
    Tree tree;
    ROLLBACK_ASSIGN(const auto names, managed_names(directory, path));
    Reads reads(session_.readers);
    for (const auto& name : names)
      ROLLBACK_TRY(entry(directory, stat, name, path + "/" + name, depth, tree, reads));
    ROLLBACK_TRY(take(reads, path, tree));
    ROLLBACK_TRY(require_unchanged(directory, path, names));

    Node node = node_of(NodeKind::kDirectory, stat);
    node.meta.xattrs = xattrs;
    const auto bytes = encode_tree(tree);
    if (!bytes) return Failure(bytes.error().within(path));
    node.content = sha256(*bytes);
    node.root = content_root(tree);
    ROLLBACK_TRY(session_.sink.put_tree(tree));
    session_.manifest[path] = node;
    return node;
  }

 private:
  Status require_room(const std::string& path, std::size_t depth) const {
    if (session_.manifest.size() < kMostEntries && depth <= kDeepest) return {};
    return fail(ErrorCode::kInvalid, path + " is one file or directory too many: at most " +
                                         std::to_string(kMostEntries) + ", and " +
                                         std::to_string(kDeepest) + " deep, can be captured");
  }

  Node node_of(NodeKind kind, const FileStat& stat) const {
    Node node;
    node.kind = kind;
    node.meta.mode = kind == NodeKind::kSymlink ? 0777 : stat.mode;
    node.meta.uid = stat.uid;
    node.meta.gid = stat.gid;
    node.meta.mtime_ns = stat.mtime_ns;
    node.user = session_.owners.user(stat.uid);
    node.group = session_.owners.group(stat.gid);
    return node;
  }

  Result<std::vector<std::string>> managed_names(const Directory& directory,
                                                 const std::string& path) const {
    ROLLBACK_ASSIGN(auto names, directory.list(""));
    std::erase_if(names, [&](const std::string& name) {
      return name == kStageName || is_excluded(spec_.exclude, managed_, path + "/" + name);
    });
    return names;
  }

  Status entry(const Directory& directory, const FileStat& above, const std::string& name,
               const std::string& path, std::size_t depth, Tree& tree, Reads& reads) {
    ROLLBACK_ASSIGN(const auto stat, directory.find_stat(name));
    if (!stat) return vanished(path);
    if (stat->mount_id != above.mount_id)
      return fail(ErrorCode::kUnsupported, "another file system or bind mount begins at " + path +
                                               ", inside " + managed_ + "; add it to 'exclude' (" +
                                               spec_.where + ")");
    if (stat->type == FileType::kOther) {
      tree.special.push_back(name);
      return {};
    }
    if (stat->type == FileType::kRegular) {
      ROLLBACK_TRY(require_room(path, depth + 1));
      tree.entries.push_back({name, {}});  // take() fills it in
      reads.add(std::min(stat->size, kHeldOfFile), [this, &directory, name, path] {
        return read_file({directory, name, path}, spec_, session_.sink);
      });
      return {};
    }
    ROLLBACK_ASSIGN(auto node, this->node(directory, name, *stat, path, depth + 1));
    tree.entries.push_back({name, std::move(node)});
    return {};
  }

  // What was read, into the places that entry() left: those of files.
  Status take(Reads& reads, const std::string& path, Tree& tree) {
    const auto& results = reads.wait();
    auto result = results.begin();
    for (auto& entry : tree.entries) {
      if (entry.node.kind != NodeKind::kFile) continue;
      if (!*result) return Failure(result->error());
      ROLLBACK_ASSIGN(entry.node, file_node(**result++, path + "/" + entry.name));
    }
    return {};
  }

  // A name that came or went meanwhile makes a mixture of two states.
  Status require_unchanged(const Directory& directory, const std::string& path,
                           const std::vector<std::string>& before) const {
    ROLLBACK_ASSIGN(const auto after, managed_names(directory, path));
    std::vector<std::string> changed;
    std::set_symmetric_difference(before.begin(), before.end(), after.begin(), after.end(),
                                  std::back_inserter(changed));
    if (changed.empty()) return {};
    const bool gone = std::binary_search(before.begin(), before.end(), changed.front());
    return fail(ErrorCode::kConflict, path + "/" + changed.front() +
                                          (gone ? " vanished" : " appeared") + " while " + path +
                                          " was captured; try again");
  }

  Result<Node> link(const Directory& parent, const std::string& name, const FileStat& stat,
                    const std::string& path) {
    auto target = parent.read_link(name);
    if (!target && target.error().code == ErrorCode::kNotFound) return vanished(path);
    if (!target) return Failure(target.error());
    Node node = node_of(NodeKind::kSymlink, stat);
    node.target = *std::move(target);
    session_.manifest[path] = node;
    return node;
  }

  Result<Node> file_node(const ReadFile& read, const std::string& path) {
    Node node = node_of(NodeKind::kFile, read.stat);
    node.meta.xattrs = read.xattrs;
    node.size = read.stat.size;
    node.content = read.content;
    if (read.stat.nlink > 1) session_.linked[{read.stat.dev, read.stat.ino}].push_back(path);
    session_.manifest[path] = node;
    ++session_.done.files;
    session_.done.bytes += node.size;
    if (session_.progress) session_.progress(session_.done);
    return node;
  }

  CaptureSession& session_;
  const ResourceSpec& spec_;
  const std::string& managed_;
};

}  // namespace

bool is_excluded(const std::vector<std::string>& patterns, std::string_view managed,
                 std::string_view path) {
  const std::string whole(path);
  const std::string name(path.substr(path.rfind('/') + 1));
  const std::string below(path.size() > managed.size() ? path.substr(managed.size() + 1) : "");
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    const auto& subject = pattern.starts_with('/')                 ? whole
                          : pattern.find('/') == std::string::npos ? name
                                                                   : below;
    return fnmatch(pattern.c_str(), subject.c_str(), FNM_PATHNAME) == 0;
  });
}

Result<std::optional<Node>> capture_path(CaptureSession& session, const ResourceSpec& spec,
                                         const std::string& path) {
  ROLLBACK_ASSIGN(const auto parent, find_parent_at(session.root, path));
  if (!parent) return std::nullopt;
  ROLLBACK_ASSIGN(const auto stat, parent->directory.find_stat(parent->name));
  if (!stat) return std::nullopt;
  TreeCapture tree(session, spec, path);
  if (stat->type != FileType::kDirectory) {
    ROLLBACK_ASSIGN(auto node, tree.node(parent->directory, parent->name, *stat, path, 0));
    return node;
  }
  // A managed directory may be a mount of its own.
  ROLLBACK_ASSIGN(const auto directory,
                  parent->directory.open_directory(parent->name, Crossing::kAllow));
  ROLLBACK_ASSIGN(auto node, tree.directory(directory, path, 0));
  return node;
}

}  // namespace rollback
