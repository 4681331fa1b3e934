// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/tree_capture.h"

#include <fnmatch.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "agent/capture/directory_listing.h"
#include "agent/capture/file_reader.h"
#include "agent/resources/locate.h"
#include "agent/store/snapshot_store.h"
#include "core/fs/holes.h"
#include "protocol/records.h"

namespace rollback {

namespace {

constexpr std::size_t kDeepest = 256;            // as deep as walk() goes; one descriptor each
constexpr std::size_t kListedAhead = 64;         // and one for each of these
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
  Result<Node> directory(Directory top, const std::string& path) {
    ListedEntry whole;
    ROLLBACK_TRY(list(std::move(top), path, 0, whole, nullptr));
    while (!listed_.empty()) ROLLBACK_TRY(finish_first());
    return *std::move(whole.node);
  }

 private:
  // A directory of which all names are known, while its files are being read.
  struct Listing {
    Directory directory;
    std::string path;
    ListedEntry& of;        // what it is in the directory above
    const SeenEntry* seen;  // that, in the last capture, when it may be the same
    FileStat stat;
    Xattrs xattrs;
    SeenBefore before;
    std::vector<ListedEntry> entries;
    Reads reads;  // last: it waits for files that are opened through the directory
  };

  // Files go on being read while the next directories are listed. Those below come first, so that
  // all of a directory is known when its turn comes.
  Status list(Directory directory, const std::string& path, std::size_t depth, ListedEntry& of,
              const SeenEntry* seen) {
    auto listing = std::unique_ptr<Listing>(
        new Listing{std::move(directory), path, of, seen, {}, {}, {}, {}, Reads(session_.readers)});
    ROLLBACK_ASSIGN(listing->stat, listing->directory.stat(""));
    ROLLBACK_ASSIGN(listing->xattrs, listing->directory.xattrs(""));
    if (session_.memory != nullptr)
      listing->before =
          SeenBefore(session_.memory->find_seen(path), listing->stat.dev, session_.owners.digest());
    ROLLBACK_ASSIGN(auto names, managed_names(listing->directory, path));
    listing->entries.reserve(names.size());
    for (auto& name : names) {
      ROLLBACK_ASSIGN(const auto found, stat_of(*listing, name, depth));
      listing->entries.push_back({std::move(name), found, false, false, {}, {}, nullptr});
      ROLLBACK_TRY(visit(*listing, listing->entries.back(), depth));
    }
    listed_.push_back(std::move(listing));
    return listed_.size() > kListedAhead ? finish_first() : Status();
  }

  Status finish_first() {
    const auto listing = std::move(listed_.front());
    listed_.pop_front();
    return finish(*listing);
  }

  Status finish(Listing& it) {
    Node node = node_of(NodeKind::kDirectory, it.stat);
    node.meta.xattrs = std::move(it.xattrs);
    if (it.before.is_same(it.entries)) {
      node.content = it.before.tree();
      node.root = it.before.root();
    } else {
      ROLLBACK_TRY(take_same(it));
      it.reads.wait();
      ROLLBACK_TRY(make_tree(it.entries, it.path, node));
    }
    for (const auto& entry : it.entries)  // files that were read are noted by file_node()
      if (entry.same && entry.stat.type == FileType::kRegular)
        note_file(entry.stat, it.path + "/" + entry.name);
    ROLLBACK_TRY(require_unchanged(it.directory, it.stat, it.path, it.entries));
    remember(it.path, it.stat, node, it.entries, it.before);
    note_node(it.path, node);
    it.of.same = it.of.same && it.seen->content == node.content;
    it.of.node = std::move(node);
    return {};
  }

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
    if (session_.lists_paths) session_.manifest[path] = node;
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

  Result<FileStat> stat_of(const Listing& above, const std::string& name, std::size_t depth) {
    const std::string path = above.path + "/" + name;
    ROLLBACK_TRY(require_room(path, depth + 1));
    ROLLBACK_ASSIGN(const auto stat, above.directory.find_stat(name));
    if (!stat) return vanished(path);
    if (stat->mount_id != above.stat.mount_id) return mount_point(*stat, path);
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
  Status visit(Listing& above, ListedEntry& entry, std::size_t depth) {
    const std::string path = above.path + "/" + entry.name;
    const SeenEntry* const seen = above.before.find_same(entry.name, entry.stat);
    entry.same = seen != nullptr;
    switch (entry.stat.type) {
      case FileType::kOther:
        entry.left_out = true;
        session_.left_out.emplace(path, LeftOut::kSpecial);  // unless known as a mount point
        entry.same = seen != nullptr && seen->type == FileType::kOther;
        return {};
      case FileType::kRegular:
        if (!entry.same) return begin_reading(above, entry, path);
        entry.content = seen->content;
        return {};
      case FileType::kSymlink: {
        note_links(entry.stat, path);
        if (entry.same) return {};
        ROLLBACK_ASSIGN(entry.node, link(above.directory, entry.name, entry.stat, path));
        return {};
      }
      case FileType::kDirectory: {
        auto below = above.directory.open_directory(entry.name, crossing(path));
        if (!below && below.error().code == ErrorCode::kNotFound) return vanished(path);
        if (!below) return Failure(below.error());
        return list(*std::move(below), path, depth + 1, entry, seen);
      }
    }
    return {};
  }

  Status begin_reading(Listing& above, ListedEntry& entry, const std::string& path) {
    entry.same = false;
    entry.read = above.reads.add(std::min(entry.stat.size, kHeldOfFile),
                                 [this, &directory = above.directory, name = entry.name, path] {
                                   return read_file({directory, name, path}, spec_, session_.sink);
                                 });
    return {};
  }

  // Nodes of what is the same are in the tree of then; without that they are made anew.
  Status take_same(Listing& it) {
    std::optional<Tree> tree;
    if (!it.before.tree().is_none()) tree = session_.memory->find_tree(it.before.tree());
    std::size_t next = 0;
    for (auto& entry : it.entries) {
      if (!entry.same || entry.left_out || entry.node) continue;
      while (tree && next < tree->entries.size() && tree->entries[next].name < entry.name) ++next;
      if (tree && next < tree->entries.size() && is_of(tree->entries[next], entry)) {
        entry.node = std::move(tree->entries[next].node);
        continue;
      }
      const std::string path = it.path + "/" + entry.name;
      if (entry.stat.type == FileType::kRegular) {
        ROLLBACK_TRY(begin_reading(it, entry, path));
      } else {
        ROLLBACK_ASSIGN(entry.node, link(it.directory, entry.name, entry.stat, path));
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
    tree.entries.reserve(entries.size());
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
  std::deque<std::unique_ptr<Listing>> listed_;  // those below before those above
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
    ROLLBACK_ASSIGN(const FileStat above, parent->directory.stat(""));
    if (stat->mount_id != above.mount_id)
      return fail(ErrorCode::kConflict,
                  path + " is managed, but something is mounted over it; `umount " + path +
                      "`, or take it out of the configuration (" + spec.where + ")");
    ROLLBACK_ASSIGN(auto node, tree.node(parent->directory, parent->name, *stat, path));
    return node;
  }
  // A managed directory may be a mount of its own.
  ROLLBACK_ASSIGN(auto directory, parent->directory.open_directory(parent->name, Crossing::kAllow));
  ROLLBACK_ASSIGN(auto node, tree.directory(std::move(directory), path));
  return node;
}

}  // namespace rollback
