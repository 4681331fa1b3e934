// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/tree_capture.h"

#include <fnmatch.h>

#include <algorithm>

#include "agent/capture/directory_listing.h"
#include "agent/capture/file_reader.h"
#include "agent/resources/locate.h"
#include "agent/store/snapshot_store.h"
#include "core/fs/holes.h"
#include "protocol/records.h"

namespace rollback {

namespace {

constexpr std::size_t kDeepest = 256;            // as deep as walk() goes; one descriptor each
constexpr std::uint64_t kHeldOfFile = 2 << 20U;  // most bytes of a file that are in memory at once
constexpr std::int64_t kTick = 20'000'000;       // ns; the kernel's file times are coarser than ns
constexpr std::int64_t kSecond = 1'000'000'000;

class TreeCapture {
 public:
  TreeCapture(CaptureSession& session, const ResourceSpec& spec, const std::string& managed)
      : session_(session), spec_(spec), managed_(managed) {}

  // `name` in `parent`, which is `path` as operators know it: a managed file or link itself.
  Result<Node> node(const Directory& parent, const std::string& name, const FileStat& stat,
                    const std::string& path) {
    ROLLBACK_TRY(require_room(path, 0));
    switch (stat.type) {
      case FileType::kRegular: {
        ROLLBACK_ASSIGN(const auto read, read_file({parent, name, path}, spec_, session_.sink));
        return file_node(read, path);
      }
      case FileType::kSymlink:
        note_links(stat, path);
        return link(parent, name, stat, path);
      case FileType::kDirectory:
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
    note_node(path, {});
    SeenBefore before;
    if (session_.memory != nullptr)
      before = SeenBefore(session_.memory->find_seen(path), stat.dev, session_.owners.digest());
    ROLLBACK_ASSIGN(auto names, managed_names(directory, path));
    Reads reads(session_.readers);
    std::vector<ListedEntry> entries;
    entries.reserve(names.size());
    for (auto& name : names) {
      ROLLBACK_ASSIGN(const auto seen, stat_of(directory, stat, name, path + "/" + name, depth));
      entries.push_back({std::move(name), seen, false, false, {}, {}, nullptr});
      ROLLBACK_TRY(visit(directory, entries.back(), path, depth, before, reads));
    }

    Node node = node_of(NodeKind::kDirectory, stat);
    node.meta.xattrs = xattrs;
    if (before.is_same(entries)) {
      node.content = before.tree();
      node.root = before.root();
    } else {
      ROLLBACK_TRY(take_same(directory, entries, path, before, reads));
      reads.wait();
      ROLLBACK_TRY(make_tree(entries, path, node));
    }
    for (const auto& entry : entries)  // files that were read are noted by file_node()
      if (entry.same && entry.stat.type == FileType::kRegular)
        note_file(entry.stat, path + "/" + entry.name);
    ROLLBACK_TRY(require_unchanged(directory, stat, path, entries));
    remember(path, stat, node, entries, before);
    note_node(path, node);
    return node;
  }

 private:
  Status require_room(const std::string& path, std::size_t depth) {
    if (++session_.entries <= kMaxSnapshotPaths && depth <= kDeepest) return {};
    return fail(ErrorCode::kInvalid, path + " is one file or directory too many: at most " +
                                         std::to_string(kMaxSnapshotPaths) + ", and " +
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

  void note_node(const std::string& path, const Node& node) {
    if (session_.memory == nullptr) session_.manifest[path] = node;
  }

  void note_links(const FileStat& stat, const std::string& path) {
    if (stat.nlink > 1) session_.linked[{stat.dev, stat.ino}].push_back(path);
  }

  void note_file(const FileStat& stat, const std::string& path) {
    note_links(stat, path);
    ++session_.done.files;
    session_.done.bytes += stat.size;
    if (session_.progress) session_.progress(session_.done);
  }

  Result<std::vector<std::string>> managed_names(const Directory& directory,
                                                 const std::string& path) const {
    ROLLBACK_ASSIGN(auto names, directory.list(""));
    std::erase_if(names, [&](const std::string& name) {
      return name == kStageName ||
             (!spec_.exclude.empty() && is_excluded(spec_.exclude, managed_, path + "/" + name));
    });
    return names;
  }

  Result<FileStat> stat_of(const Directory& directory, const FileStat& above,
                           const std::string& name, const std::string& path, std::size_t depth) {
    ROLLBACK_TRY(require_room(path, depth + 1));
    ROLLBACK_ASSIGN(const auto stat, directory.find_stat(name));
    if (!stat) return vanished(path);
    if (stat->mount_id != above.mount_id) return mount_point(*stat, path);
    if (stat->type == FileType::kDirectory && crossing(path) == Crossing::kAllow)
      return fail(ErrorCode::kConflict, "nothing is mounted at " + path +
                                            ", which 'mounts' names (" + spec_.where +
                                            "); mount it, or do not name it");
    return *stat;
  }

  // Unless it is crossed it counts as a device: listed, and no more. A file that is a mount point
  // is never crossed: nothing could be renamed over it.
  FileStat mount_point(FileStat stat, const std::string& path) {
    if (stat.type == FileType::kDirectory && crossing(path) == Crossing::kAllow) return stat;
    session_.left_out.emplace(path, LeftOut::kMountPoint);
    stat.type = FileType::kOther;
    return stat;
  }

  [[nodiscard]] Crossing crossing(const std::string& path) const {
    const auto& crossed = spec_.mounts;
    return std::find(crossed.begin(), crossed.end(), path) == crossed.end() ? Crossing::kRefuse
                                                                            : Crossing::kAllow;
  }

  // Begins to read it, unless nothing of it changed.
  Status visit(const Directory& directory, ListedEntry& entry, const std::string& above,
               std::size_t depth, SeenBefore& before, Reads& reads) {
    const std::string path = above + "/" + entry.name;
    const SeenEntry* const seen = before.find_same(entry.name, entry.stat);
    entry.same = seen != nullptr;
    switch (entry.stat.type) {
      case FileType::kOther:
        entry.left_out = true;
        session_.left_out.emplace(path, LeftOut::kSpecial);  // unless known as a mount point
        entry.same = seen != nullptr && seen->type == FileType::kOther;
        return {};
      case FileType::kRegular:
        if (!entry.same) return begin_reading(directory, entry, path, reads);
        entry.content = seen->content;
        return {};
      case FileType::kSymlink: {
        note_links(entry.stat, path);
        if (entry.same) return {};
        ROLLBACK_ASSIGN(entry.node, link(directory, entry.name, entry.stat, path));
        return {};
      }
      case FileType::kDirectory: {
        const auto below = directory.open_directory(entry.name, crossing(path));
        if (!below && below.error().code == ErrorCode::kNotFound) return vanished(path);
        if (!below) return Failure(below.error());
        ROLLBACK_ASSIGN(entry.node, this->directory(*below, path, depth + 1));
        entry.same = entry.same && seen->content == entry.node->content;
        return {};
      }
    }
    return {};
  }

  Status begin_reading(const Directory& directory, ListedEntry& entry, const std::string& path,
                       Reads& reads) {
    entry.same = false;
    entry.read = reads.add(std::min(entry.stat.size, kHeldOfFile),
                           [this, &directory, name = entry.name, path] {
                             return read_file({directory, name, path}, spec_, session_.sink);
                           });
    return {};
  }

  // Nodes of what is the same are in the tree of then; without that they are made anew.
  Status take_same(const Directory& directory, std::vector<ListedEntry>& entries,
                   const std::string& above, const SeenBefore& before, Reads& reads) {
    std::optional<Tree> tree;
    if (!before.tree().is_none()) tree = session_.memory->find_tree(before.tree());
    std::size_t next = 0;
    for (auto& entry : entries) {
      if (!entry.same || entry.left_out || entry.node) continue;
      while (tree && next < tree->entries.size() && tree->entries[next].name < entry.name) ++next;
      if (tree && next < tree->entries.size() && is_of(tree->entries[next], entry)) {
        entry.node = std::move(tree->entries[next].node);
        continue;
      }
      const std::string path = above + "/" + entry.name;
      if (entry.stat.type == FileType::kRegular) {
        ROLLBACK_TRY(begin_reading(directory, entry, path, reads));
      } else {
        ROLLBACK_ASSIGN(entry.node, link(directory, entry.name, entry.stat, path));
      }
    }
    return {};
  }

  static bool is_of(const TreeEntry& then, const ListedEntry& now) {
    const bool file = now.stat.type == FileType::kRegular;
    return then.name == now.name &&
           then.node.kind == (file ? NodeKind::kFile : NodeKind::kSymlink) &&
           then.node.content == now.content;
  }

  Status make_tree(std::vector<ListedEntry>& entries, const std::string& above, Node& node) {
    Tree tree;
    for (auto& entry : entries) {
      if (entry.left_out) {
        tree.special.push_back(entry.name);
        continue;
      }
      if (entry.read != nullptr) {
        if (!*entry.read) return Failure(entry.read->error());
        ROLLBACK_ASSIGN(entry.node, file_node(**entry.read, above + "/" + entry.name));
      }
      tree.entries.push_back({entry.name, *entry.node});
    }
    auto bytes = encode_tree(tree);
    if (!bytes) return Failure(bytes.error().within(above));
    node.content = sha256(*bytes);
    node.root = content_root(tree);
    return session_.sink.put_tree(std::move(tree), node.content, *std::move(bytes));
  }

  // A name that came or went meanwhile makes a mixture of two states.
  Status require_unchanged(const Directory& directory, const FileStat& stat,
                           const std::string& path, const std::vector<ListedEntry>& before) const {
    ROLLBACK_ASSIGN(const FileStat now, directory.stat(""));
    if (session_.memory != nullptr && now == stat && is_settled(stat.ctime_ns)) return {};
    ROLLBACK_ASSIGN(const auto after, managed_names(directory, path));
    const auto as_before = std::equal(
        before.begin(), before.end(), after.begin(), after.end(),
        [](const ListedEntry& entry, const std::string& name) { return entry.name == name; });
    if (as_before) return {};
    for (const auto& entry : before)
      if (!std::binary_search(after.begin(), after.end(), entry.name))
        return mixture(path, entry.name, " vanished");
    for (const auto& name : after)
      if (std::none_of(before.begin(), before.end(),
                       [&](const auto& entry) { return entry.name == name; }))
        return mixture(path, name, " appeared");
    return {};
  }

  static Failure mixture(const std::string& path, const std::string& name, const char* what) {
    return fail(ErrorCode::kConflict,
                path + "/" + name + what + " while " + path + " was captured; try again");
  }

  // Changed again from now on, it shows another time.
  [[nodiscard]] bool is_settled(std::int64_t changed_ns) const {
    const bool whole_seconds = changed_ns % kSecond == 0;
    return changed_ns + (whole_seconds ? 2 * kSecond : kTick) < session_.memory->began().ns;
  }

  void remember(const std::string& path, const FileStat& stat, const Node& node,
                std::vector<ListedEntry>& entries, const SeenBefore& before) const {
    if (session_.memory == nullptr) return;
    SeenDirectory now{stat.dev, session_.owners.digest(), node.content, node.root, {}};
    now.entries.reserve(entries.size());
    for (auto& entry : entries) {
      const FileStat& seen = entry.read != nullptr ? (*entry.read)->stat : entry.stat;
      if (entry.node) entry.content = entry.node->content;
      const bool believe =
          is_settled(seen.ctime_ns) && (entry.read == nullptr || !is_privileged(**entry.read));
      now.entries.push_back({entry.name, seen.type, believe ? seen.ino : 0, seen.size,
                             seen.mtime_ns, seen.ctime_ns, entry.content});
    }
    if (before == now) return;
    session_.memory->saw({path, std::move(now), before.gone(entries)});
  }

  Result<Node> link(const Directory& parent, const std::string& name, const FileStat& stat,
                    const std::string& path) {
    auto target = parent.read_link(name);
    if (!target && target.error().code == ErrorCode::kNotFound) return vanished(path);
    if (!target) return Failure(target.error());
    Node node = node_of(NodeKind::kSymlink, stat);
    node.target = *std::move(target);
    note_node(path, node);
    return node;
  }

  Result<Node> file_node(const ReadFile& read, const std::string& path) {
    Node node = node_of(NodeKind::kFile, read.stat);
    node.meta.xattrs = read.xattrs;
    node.size = read.stat.size;
    node.content = read.content;
    node.sparse = has_holes(read.stat);
    note_file(read.stat, path);
    note_node(path, node);
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
    ROLLBACK_ASSIGN(auto node, tree.node(parent->directory, parent->name, *stat, path));
    return node;
  }
  // A managed directory may be a mount of its own.
  ROLLBACK_ASSIGN(const auto directory,
                  parent->directory.open_directory(parent->name, Crossing::kAllow));
  ROLLBACK_ASSIGN(auto node, tree.directory(directory, path, 0));
  return node;
}

}  // namespace rollback
