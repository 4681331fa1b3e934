// SPDX-License-Identifier: Apache-2.0
// diff: states of this host against each other.
#include "agent/capture/tree_capture.h"
#include "agent/plan/diff.h"
#include "agent/plan/text_diff.h"
#include "agent/service/verbs.h"
#include "core/fs/directory.h"

namespace rollback {

namespace {

constexpr std::size_t kLargestDiffed = 1024 * 1024;  // bytes of one side

struct Side {
  HostState state;
  bool live = false;
};

Result<Side> load_side(Host& host, const std::string& name) {
  if (name != "live") {
    ROLLBACK_ASSIGN(auto state, load_revision(host.deps.snapshots, name));
    return Side{std::move(state), false};
  }
  HashingSink sink;
  ROLLBACK_ASSIGN(auto state,
                  capture(host.deps.root, host.deps.resources, sink, host.deps.readers, nullptr));
  return Side{std::move(state), true};
}

// `secret` means what `exclude` means; a directory that is meant covers everything below it.
bool is_secret_below(const ResourceSpec& resource, std::string_view managed, std::string path) {
  for (; path.size() > 1; path.resize(path.rfind('/')))
    if (is_excluded(resource.secret, managed, path)) return true;
  return false;
}

bool is_secret(const Host& host, const std::string& path) {
  for (const auto& resource : host.deps.options.resources) {
    if (is_secret_below(resource, "/", path)) return true;
    for (const auto& managed : resource.paths)
      if (is_within(path, managed) && is_secret_below(resource, managed, path)) return true;
  }
  return false;
}

// "" where there is no text: absent, a directory, too large.
std::string content_of(const Host& host, const Side& side, const std::string& path) {
  const auto found = side.state.manifest.find(path);
  if (found == side.state.manifest.end()) return "";
  const Node& node = found->second;
  if (node.kind == NodeKind::kSymlink) return "-> " + node.target + "\n";
  if (node.kind != NodeKind::kFile || node.size > kLargestDiffed) return "";
  if (!side.live) return host.deps.blobs.get(node.content).value_or("");
  const auto parent = open_parent(host.deps.root, path.substr(1), Crossing::kAllow);
  if (!parent) return "";
  const auto file = parent->directory.open_file(parent->name);
  return file ? file->read_all(kLargestDiffed).value_or("") : "";
}

std::string text_of(const Host& host, const Side& from, const Side& to, const PathChange& change) {
  if (change.path.starts_with("unit ")) return "";
  if (!is_secret(host, change.path))
    return unified_diff(content_of(host, from, change.path), content_of(host, to, change.path),
                        change.path);
  const auto hash = [&](const Side& side) {
    const auto found = side.state.manifest.find(change.path);
    return found == side.state.manifest.end() ? std::string("absent")
                                              : "sha256 " + found->second.content.hex();
  };
  return "secret: " + hash(from) + " -> " + hash(to) + "\n";
}

DiffItem item_of(const PathChange& change, std::string text) {
  DiffItem item;
  item.path = change.path;
  item.change = change.change;
  item.differences = change.differences;
  item.text = std::move(text);
  return item;
}

}  // namespace

void diff_verb(Host& host, const DiffRequest& request, Stream& stream) {
  const auto from = load_side(host, request.from);
  if (!from) return stream.fail(exit_code_of(from.error()), from.error());
  const auto to = load_side(host, request.to);
  if (!to) return stream.fail(exit_code_of(to.error()), to.error());
  const auto changes = compare_states(from->state, to->state);
  for (const auto& change : changes)
    stream.send(item_of(change, request.stat ? "" : text_of(host, *from, *to, change)));
  stream.end(ExitCode::kDone, !changes.empty());
}

}  // namespace rollback
