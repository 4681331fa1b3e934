// SPDX-License-Identifier: Apache-2.0
// Nodes, trees, resources, snapshots.
#include "protocol/wire.h"

namespace rollback::wire {

namespace {

constexpr std::uint32_t kModeBits = 07777;

std::uint16_t checked_mode(std::uint32_t mode) {
  if (mode > kModeBits) throw Malformed{"a mode has bits beyond 07777"};
  return static_cast<std::uint16_t>(mode);
}

}  // namespace

void write(TreeEntry::Builder to, const rollback::TreeEntry& from) {
  put(to, &TreeEntry::Builder::setName, from.name);
  write(to.initNode(), from.node);
}

rollback::TreeEntry read(TreeEntry::Reader from) {
  return {str(from.getName()), read(from.getNode())};
}

void write(ManagedPath::Builder to, const rollback::ManagedPath& from) {
  put(to, &ManagedPath::Builder::setPath, from.path);
  if (from.node) write(to.initNode(), *from.node);
}

rollback::ManagedPath read(ManagedPath::Reader from) {
  rollback::ManagedPath path{str(from.getPath()), std::nullopt};
  if (from.hasNode()) path.node = read(from.getNode());
  return path;
}

void write(UnitState::Builder to, const rollback::UnitState& from) {
  put(to, &UnitState::Builder::setName, from.name);
  to.setActive(from.active);
  put(to, &UnitState::Builder::setEnablement, from.enablement);
  put(to, &UnitState::Builder::setFragment, from.fragment);
  put_list(to, &UnitState::Builder::initUses, from.uses);
}

rollback::UnitState read(UnitState::Reader from) {
  return {str(from.getName()), from.getActive(), str(from.getEnablement()), str(from.getFragment()),
          read_strings(from.getUses())};
}

void write(Node::Builder to, const rollback::Node& from) {
  to.setKind(number_of(from.kind));
  to.setMode(checked_mode(from.meta.mode));
  to.setUid(from.meta.uid);
  to.setGid(from.meta.gid);
  to.setMtimeNs(from.meta.mtime_ns);
  to.setSize(from.size);
  put(to, &Node::Builder::setUser, from.user);
  put(to, &Node::Builder::setGroup, from.group);
  if (!from.meta.xattrs.empty()) {
    auto xattrs = to.initXattrs(list_size(from.meta.xattrs.size()));
    unsigned i = 0;
    for (const auto& [name, value] : from.meta.xattrs) {
      put(xattrs[i], &Xattr::Builder::setName, name);
      put(xattrs[i++], &Xattr::Builder::setValue, value);
    }
  }
  put(to, &Node::Builder::setContent, from.content);
  put(to, &Node::Builder::setRoot, from.root);
  put(to, &Node::Builder::setTarget, from.target);
  to.setSparse(from.sparse);
}

rollback::Node read(Node::Reader from) {
  rollback::Node node;
  node.kind = known<NodeKind>(from.getKind());
  node.meta.mode = checked_mode(from.getMode());
  node.meta.uid = from.getUid();
  node.meta.gid = from.getGid();
  node.meta.mtime_ns = from.getMtimeNs();
  node.size = from.getSize();
  node.user = str(from.getUser());
  node.group = str(from.getGroup());
  list_size(from.getXattrs().size());
  for (const auto xattr : from.getXattrs()) {
    auto name = str(xattr.getName());
    if (!node.meta.xattrs.empty() && name <= std::prev(node.meta.xattrs.end())->first)
      throw Malformed{"xattrs are not sorted by name"};
    node.meta.xattrs.emplace(std::move(name), str(xattr.getValue()));
  }
  node.content = read_digest(from.getContent());
  node.root = read_digest(from.getRoot());
  node.target = str(from.getTarget());
  node.sparse = from.getSparse();
  return node;
}

void write(Tree::Builder to, const rollback::Tree& from) {
  put_list(to, &Tree::Builder::initEntries, from.entries);
  put_list(to, &Tree::Builder::initSpecial, from.special);
}

rollback::Tree read(Tree::Reader from) {
  return {read_list(from.getEntries()), read_strings(from.getSpecial())};
}

void write(Fact::Builder to, const rollback::Fact& from) {
  put(to, &Fact::Builder::setName, from.name);
  put(to, &Fact::Builder::setValue, from.value);
}

rollback::Fact read(Fact::Reader from) { return {str(from.getName()), str(from.getValue())}; }

void write(Resource::Builder to, const ResourceSnapshot& from) {
  to.setKind(number_of(from.kind));
  put(to, &Resource::Builder::setName, from.name);
  put_list(to, &Resource::Builder::initPaths, from.paths);
  put_list(to, &Resource::Builder::initUnits, from.units);
  put_list(to, &Resource::Builder::initFacts, from.facts);
  put_list(to, &Resource::Builder::initServices, from.services);
}

ResourceSnapshot read(Resource::Reader from) {
  return {known<ResourceKind>(from.getKind()), str(from.getName()),
          read_list(from.getPaths()),          read_list(from.getUnits()),
          read_list(from.getFacts()),          read_strings(from.getServices())};
}

void write(Snapshot::Builder to, const rollback::Snapshot& from) {
  put_list(to, &Snapshot::Builder::initResources, from.resources);
  put_list(to, &Snapshot::Builder::initFacts, from.facts);
  if (from.hard_links.empty()) return;
  auto groups = to.initHardLinks(list_size(from.hard_links.size()));
  for (unsigned i = 0; i < groups.size(); ++i) {
    const auto& names = from.hard_links[i];
    auto group = groups.init(i, list_size(names.size()));
    for (unsigned j = 0; j < group.size(); ++j) group.set(j, as_data(names[j]));
  }
}

rollback::Snapshot read(Snapshot::Reader from) {
  rollback::Snapshot snapshot{read_list(from.getResources()), {}, read_list(from.getFacts())};
  list_size(from.getHardLinks().size());
  for (const auto group : from.getHardLinks()) snapshot.hard_links.push_back(read_strings(group));
  return snapshot;
}

}  // namespace rollback::wire
