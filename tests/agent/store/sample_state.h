// SPDX-License-Identifier: Apache-2.0
// A host with one resource: a directory /etc/shop that holds files and a directory "conf.d".
#pragma once

#include <map>
#include <stdexcept>
#include <string>

#include "agent/store/snapshot_store.h"
#include "protocol/records.h"

namespace rollback {

using Files = std::map<std::string, std::string>;  // name -> content

inline Node sample_file(const std::string& content) {
  Node node;
  node.meta.mode = 0644;
  node.user = node.group = "root";
  node.size = content.size();
  node.content = sha256(content);
  return node;
}

inline Node sample_directory(const Tree& tree) {
  Node node;
  node.kind = NodeKind::kDirectory;
  node.meta.mode = 0755;
  node.user = node.group = "root";
  node.content = sha256(encode_tree(tree).value());
  node.root = content_root(tree);
  return node;
}

struct Sample {
  Tree inner;  // /etc/shop/conf.d
  Tree outer;  // /etc/shop
  HostState state;
  Files files;
};

// Every file is both in /etc/shop and in /etc/shop/conf.d.
inline Sample make_sample(const Files& files) {
  Sample sample;
  sample.files = files;
  for (const auto& [name, content] : files) {
    sample.inner.entries.push_back({name, sample_file(content)});
    sample.outer.entries.push_back({name, sample_file(content)});
  }
  sample.outer.entries.push_back({"~conf.d", sample_directory(sample.inner)});  // sorts last
  const Node root = sample_directory(sample.outer);
  sample.state.snapshot.resources.push_back(
      {ResourceKind::kFiles, "shop", {{"/etc/gone", std::nullopt}, {"/etc/shop", root}}, {}, {}});
  sample.state.id = snapshot_id(encode_snapshot(sample.state.snapshot).value());
  sample.state.content_root = content_root(sample.state.snapshot);
  sample.state.manifest["/etc/shop"] = root;
  for (const auto& entry : sample.outer.entries)
    sample.state.manifest["/etc/shop/" + entry.name] = entry.node;
  for (const auto& entry : sample.inner.entries)
    sample.state.manifest["/etc/shop/~conf.d/" + entry.name] = entry.node;
  return sample;
}

inline Status put_contents(const Sample& sample, SnapshotStore& store, BlobStore& blobs) {
  for (const auto& [name, content] : sample.files) ROLLBACK_TRY(blobs.put(content));
  ROLLBACK_TRY(store.put_tree(sample.inner));
  return store.put_tree(sample.outer);
}

// Paths of files whose contents the store lacks or knows to be damaged.
inline std::vector<std::string> missing_paths(const HostState& state, const BlobStore& blobs) {
  std::vector<std::string> missing;
  for (const auto& [path, node] : state.manifest)
    if (node.kind == NodeKind::kFile && !blobs.has(node.content).value()) missing.push_back(path);
  return missing;
}

inline RevisionName sample_release(const std::string& label) {
  return RevisionName::of_release(ReleaseLabel::parse(label).value(), 0);
}

}  // namespace rollback
