// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/capture.h"

#include <algorithm>
#include <set>

#include "agent/capture/owner_names.h"
#include "agent/capture/tree_capture.h"
#include "protocol/records.h"

namespace rollback {

namespace {

using Resources = std::vector<std::unique_ptr<Resource>>;

const ResourceSnapshot* find_resource(const Snapshot* snapshot, const ResourceSpec& spec) {
  if (snapshot == nullptr) return nullptr;
  for (const auto& resource : snapshot->resources)
    if (resource.kind == spec.kind && resource.name == spec.name) return &resource;
  return nullptr;
}

// A path that a resource found (a certificate that nginx refers to) may lie in what the
// configuration gives to another one: configuration wins, then whoever comes first.
class Ownership {
 public:
  explicit Ownership(const Resources& resources) : resources_(resources) {}

  bool claim(const ResourceSpec& spec, const std::string& path) {
    for (const auto& other : resources_)
      if (&other->spec() != &spec && owns_as_configured(other->spec(), path)) return false;
    const auto overlaps = [&](const std::string& taken) {
      return is_within(path, taken) || is_within(taken, path);
    };
    if (std::any_of(taken_.begin(), taken_.end(), overlaps)) return false;
    taken_.push_back(path);
    return true;
  }

 private:
  // A compose project owns files of its directory one by one.
  static bool owns_as_configured(const ResourceSpec& spec, const std::string& path) {
    if (spec.kind == ResourceKind::kCompose) return false;
    return std::any_of(spec.paths.begin(), spec.paths.end(),
                       [&](const auto& root) { return is_within(path, root); });
  }

  const Resources& resources_;
  std::vector<std::string> taken_;
};

class Capture {
 public:
  Capture(CaptureSession& session, const Resources& resources, const Snapshot* target)
      : session_(session), ownership_(resources), target_(target) {}

  Result<ResourceSnapshot> resource(Resource& resource) {
    const ResourceSpec& spec = resource.spec();
    auto scope = resource.scope();
    if (!scope)
      return Failure(scope.error().within(std::string(to_string(spec.kind)) + "/" + spec.name +
                                          " (" + spec.where + ")"));
    ResourceSnapshot snapshot;
    snapshot.kind = spec.kind;
    snapshot.name = spec.name;
    for (const auto& path : paths_of(spec, *scope)) {
      if (!ownership_.claim(spec, path)) continue;
      ROLLBACK_ASSIGN(auto node, capture_path(session_, spec, path));
      snapshot.paths.push_back({path, std::move(node)});
    }
    snapshot.units = std::move(scope->units);
    snapshot.facts = std::move(scope->facts);
    snapshot.services = std::move(scope->services);
    std::sort(snapshot.services.begin(), snapshot.services.end());
    std::sort(snapshot.units.begin(), snapshot.units.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    std::sort(snapshot.facts.begin(), snapshot.facts.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return snapshot;
  }

 private:
  // Sorted: a directory comes before what it holds, which is then left out as claimed.
  std::set<std::string> paths_of(const ResourceSpec& spec, const ResourceScope& scope) const {
    std::set<std::string> paths(scope.paths.begin(), scope.paths.end());
    if (const auto* known = find_resource(target_, spec); known != nullptr)
      for (const auto& path : known->paths) paths.insert(path.path);
    return paths;
  }

  CaptureSession& session_;
  Ownership ownership_;
  const Snapshot* target_;
};

std::vector<HardLinkGroup> groups_of(const CaptureSession& session) {
  std::vector<HardLinkGroup> groups;
  for (auto [inode, names] : session.linked) {
    std::sort(names.begin(), names.end());
    if (names.size() >= 2) groups.push_back(std::move(names));  // else others are not managed
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

class HashingWriter final : public ContentWriter {
 public:
  Status add(std::string_view piece) override {
    hasher_.update(piece);
    return {};
  }
  Result<Digest> finish() override { return hasher_.finish(); }

 private:
  Hasher hasher_;
};

}  // namespace

std::unique_ptr<ContentWriter> HashingSink::begin_content() {
  return std::make_unique<HashingWriter>();
}

Status HashingSink::put_tree(Tree, const Digest&, std::string) { return {}; }

Status TreeSink::put_tree(Tree, const Digest&, std::string bytes) {
  trees_.push_back(std::move(bytes));
  return {};
}

Result<HostState> capture(const Directory& root, const Resources& resources, ContentSink& sink,
                          ReadPool& readers,
                          const std::function<void(const CaptureProgress&)>& progress,
                          const CaptureOptions& options) {
  ROLLBACK_ASSIGN(const auto owners, OwnerNames::load(root));
  CaptureSession session(root, owners, sink, options, readers, progress);
  Capture capture(session, resources, options.target);
  HostState state;
  for (const auto& resource : resources) {
    ROLLBACK_ASSIGN(auto snapshot, capture.resource(*resource));
    state.snapshot.resources.push_back(std::move(snapshot));
  }
  std::sort(state.snapshot.resources.begin(), state.snapshot.resources.end(),
            [](const auto& a, const auto& b) {
              return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
            });
  state.snapshot.hard_links = groups_of(session);
  state.snapshot.facts = options.facts;
  ROLLBACK_ASSIGN(const std::string bytes, encode_snapshot(state.snapshot));
  state.id = snapshot_id(bytes);
  state.content_root = content_root(state.snapshot);
  state.manifest = std::move(session.manifest);
  state.left_out = std::move(session.left_out);
  return state;
}

}  // namespace rollback
