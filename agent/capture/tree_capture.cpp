// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/tree_capture.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>

#include "agent/resources/locate.h"
#include "protocol/records.h"

namespace rollback {

namespace {

constexpr int kReadTries = 5;
constexpr std::size_t kDeepest = 256;            // as deep as walk() goes; one descriptor each
constexpr std::size_t kMostEntries = 4'000'000;  // of one capture

struct Content {
  std::string bytes;
  FileStat stat;
  Xattrs xattrs;
};

bool is_same_file(const FileStat& a, const FileStat& b) {
  return a.ino == b.ino && a.dev == b.dev && a.size == b.size && a.mtime_ns == b.mtime_ns &&
         a.ctime_ns == b.ctime_ns;
}

Failure vanished(const std::string& path) {
  return fail(ErrorCode::kConflict, path + " vanished while it was captured; try again");
}

// One reading; nullopt when the file changed under it.
Result<std::optional<Content>> read_once(const File& file) {
  Content content;
  ROLLBACK_ASSIGN(content.stat, file.stat());
  if (content.stat.size > kLargestFile)
    return fail(ErrorCode::kInvalid, file.path() +
                                         " is larger than 1 GiB; exclude it or manage "
                                         "the files beside it one by one");
  content.bytes.resize(content.stat.size + 1);  // one more: to see that it ends
  std::size_t filled = 0;
  while (filled < content.bytes.size()) {
    ROLLBACK_ASSIGN(const std::size_t got,
                    file.read(content.bytes.data() + filled, content.bytes.size() - filled));
    if (got == 0) break;
    filled += got;
  }
  if (filled != content.stat.size) return std::nullopt;
  content.bytes.resize(filled);
  return content;
}

class TreeCapture {
 public:
  TreeCapture(CaptureSession& session, const ResourceSpec& spec, const std::string& managed)
      : session_(session), spec_(spec), managed_(managed) {}

  // `name` in `parent`, which is `path` as operators know it.
  Result<Node> node(const Directory& parent, const std::string& name, const FileStat& stat,
                    const std::string& path, std::size_t depth) {
    if (session_.manifest.size() >= kMostEntries || depth > kDeepest)
      return fail(ErrorCode::kInvalid, path + " is one file or directory too many: at most " +
                                           std::to_string(kMostEntries) + ", and " +
                                           std::to_string(kDeepest) + " deep, can be captured");
    switch (stat.type) {
      case FileType::kRegular:
        return file(parent, name, path);
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
    for (const auto& name : names)
      ROLLBACK_TRY(entry(directory, stat, name, path + "/" + name, depth, tree));
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
               const std::string& path, std::size_t depth, Tree& tree) {
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
    ROLLBACK_ASSIGN(auto node, this->node(directory, name, *stat, path, depth + 1));
    tree.entries.push_back({name, std::move(node)});
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

  Result<Node> file(const Directory& parent, const std::string& name, const std::string& path) {
    ROLLBACK_ASSIGN(const Content content, steady_content(parent, name, path));
    ROLLBACK_TRY(require_plain(content, path));
    Node node = node_of(NodeKind::kFile, content.stat);
    node.meta.xattrs = content.xattrs;
    node.size = content.stat.size;
    ROLLBACK_ASSIGN(node.content, session_.sink.put_content(content.bytes));
    if (content.stat.nlink > 1)
      session_.linked[{content.stat.dev, content.stat.ino}].push_back(path);
    session_.manifest[path] = node;
    ++session_.done.files;
    session_.done.bytes += node.size;
    if (session_.progress) session_.progress(session_.done);
    return node;
  }

  // What the file holds at one moment: it is read again until it is the same before and after.
  Result<Content> steady_content(const Directory& parent, const std::string& name,
                                 const std::string& path) const {
    for (int turn = 0; turn < kReadTries; ++turn) {
      const auto file = parent.open_file(name);
      if (!file && file.error().code == ErrorCode::kNotFound) return vanished(path);
      if (!file) return Failure(file.error());
      ROLLBACK_ASSIGN(auto content, read_once(*file));
      if (!content) continue;
      ROLLBACK_ASSIGN(content->xattrs, read_xattrs(parent.calls(), file->fd(), path));
      ROLLBACK_ASSIGN(const auto after, parent.find_stat(name));
      if (!after) return vanished(path);
      if (is_same_file(content->stat, *after)) return *std::move(content);
    }
    return fail(ErrorCode::kConflict, path + " was changed each of the " +
                                          std::to_string(kReadTries) +
                                          " times it was read; exclude it or stop its writer");
  }

  Status require_plain(const Content& content, const std::string& path) const {
    const bool setuid = (content.stat.mode & S_ISUID) != 0;
    const bool setgid = (content.stat.mode & S_ISGID) != 0 && (content.stat.mode & S_IXGRP) != 0;
    const bool capable = content.xattrs.contains("security.capability");
    if (!setuid && !setgid && !capable) return {};
    if (std::find(spec_.allow_setuid.begin(), spec_.allow_setuid.end(), path) !=
        spec_.allow_setuid.end())
      return {};
    return fail(ErrorCode::kDenied, path +
                                        (setuid   ? " is setuid"
                                         : setgid ? " is setgid"
                                                  : " carries file capabilities") +
                                        "; add it to 'allow_setuid' (" + spec_.where +
                                        ") if it should be");
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
