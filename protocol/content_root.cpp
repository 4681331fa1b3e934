// SPDX-License-Identifier: Apache-2.0
// Content roots and plan digests: hashes of what makes two releases, or two plans, the same. Every
// field is written with its length, so that no two values share their bytes;
// docs/formats/records.md describes them.
#include "protocol/records.h"

namespace rollback {

namespace {

class ContentHasher {
 public:
  explicit ContentHasher(std::string_view domain) { text(domain); }

  void number(std::uint64_t value) {
    char bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> 8 * i & 0xff);
    hasher_.update({bytes, sizeof(bytes)});
  }
  void text(std::string_view value) {
    number(value.size());
    hasher_.update(value);
  }
  void node(const Node& node) {
    number(static_cast<std::uint64_t>(node.kind));
    number(node.meta.mode);
    owner(node.user, node.meta.uid);
    owner(node.group, node.meta.gid);
    number(node.meta.xattrs.size());
    for (const auto& [name, value] : node.meta.xattrs) {
      text(name);
      text(value);
    }
    switch (node.kind) {
      case NodeKind::kFile:
        text(node.content.view());
        return;
      case NodeKind::kDirectory:
        text(node.root.view());
        return;
      case NodeKind::kSymlink:
        text(node.target);
        return;
    }
  }
  Digest finish() { return hasher_.finish(); }

 private:
  // The number counts only where there was no name for it.
  void owner(const std::string& name, std::uint32_t id) {
    text(name);
    if (name.empty()) number(id);
  }

  Hasher hasher_;
};

}  // namespace

Digest content_root(const Tree& tree) {
  ContentHasher hasher("rollback tree content 1");
  hasher.number(tree.entries.size());
  for (const auto& entry : tree.entries) {
    hasher.text(entry.name);
    hasher.node(entry.node);
  }
  return hasher.finish();
}

Digest content_root(const Snapshot& snapshot) {
  ContentHasher hasher("rollback snapshot content 1");
  hasher.number(snapshot.resources.size());
  for (const auto& resource : snapshot.resources) {
    hasher.number(static_cast<std::uint64_t>(resource.kind));
    hasher.text(resource.name);
    hasher.number(resource.paths.size());
    for (const auto& managed : resource.paths) {
      hasher.text(managed.path);
      hasher.number(managed.node ? 1 : 0);
      if (managed.node) hasher.node(*managed.node);
    }
    hasher.number(resource.units.size());
    for (const auto& unit : resource.units) {
      hasher.text(unit.name);
      hasher.text(unit.enablement);
      hasher.number(unit.active ? 1 : 0);
    }
    if (resource.kind != ResourceKind::kCompose) continue;
    hasher.number(resource.services.size());
    for (const auto& service : resource.services) hasher.text(service);
  }
  hasher.number(snapshot.hard_links.size());
  for (const auto& group : snapshot.hard_links) {
    hasher.number(group.size());
    for (const auto& name : group) hasher.text(name);
  }
  return hasher.finish();
}

Digest plan_digest(const Plan& plan) {
  ContentHasher hasher("rollback plan 1");
  hasher.text(plan.from);
  hasher.text(plan.to);
  hasher.text(plan.from_root.view());
  hasher.text(plan.to_root.view());
  hasher.number(plan.steps.size());
  for (const auto& step : plan.steps) {
    hasher.number(static_cast<std::uint64_t>(step.phase));
    hasher.number(static_cast<std::uint64_t>(step.action));
    for (const auto* part : {&step.subject, &step.resource, &step.why, &step.reverse})
      hasher.text(*part);
  }
  hasher.number(plan.warnings.size());
  for (const auto& warning : plan.warnings) hasher.text(warning);
  return hasher.finish();
}

}  // namespace rollback
