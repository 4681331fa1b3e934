// SPDX-License-Identifier: Apache-2.0
// What a managed path holds. A Tree is one directory (like git's): an unchanged directory is one
// hash. A Manifest is the same flattened to absolute paths: what plans are made from.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/fs/metadata.h"

namespace rollback {

enum class NodeKind { kFile = 1, kDirectory = 2, kSymlink = 3 };
std::string_view to_string(NodeKind kind) noexcept;

// One file, directory or symlink. `meta` of a symlink has mode 0777 and no xattrs.
struct Node {
  NodeKind kind = NodeKind::kFile;
  FileMeta meta;
  std::string user;  // name of meta.uid at capture; restore prefers it; "" when it had none
  std::string group;
  std::uint64_t size = 0;  // bytes; files only
  Digest content;          // files: SHA-256 of the content; directories: id of the Tree
  Digest root;             // directories: content root of the Tree; none otherwise
  std::string target;      // symlinks
  bool sparse = false;     // files: had holes, and gets them again; no part of the content
  bool operator==(const Node&) const = default;
};

struct TreeEntry {
  std::string name;  // one path component, any bytes but '/' and NUL
  Node node;
  bool operator==(const TreeEntry&) const = default;
};

// Invariant (checked when decoded): entries sorted by name, unique, no "", ".", "..".
struct Tree {
  std::vector<TreeEntry> entries;
  // Sockets, FIFOs, devices, mount points that are not crossed: listed, never stored or removed.
  std::vector<std::string> special;
  bool operator==(const Tree&) const = default;
};

// Absolute path -> node, parents before children. No entry lies below a file or symlink.
using Manifest = std::map<std::string, Node>;

// Same release? Ignores mtime, the numbers of owners whose names are known, and the tree id.
bool same_content(const Node& a, const Node& b);
// What differs, for people: {"content", "mode 0644 -> 0600", "owner", "xattrs", "type", "target"}.
std::vector<std::string> differences(const Node& from, const Node& to);

// `path` is absolute, canonical ("/a/b", no "..", "." or "//", no trailing '/'), at most 65,535
// bytes: as deep as a capture goes, with names as long as they can be. No single call of the kernel
// takes a path of that length; core/fs opens it in parts.
bool is_canonical_path(std::string_view path) noexcept;
// True when `path` is `root` or below it.
bool is_within(std::string_view path, std::string_view root) noexcept;

}  // namespace rollback
