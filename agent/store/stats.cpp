// SPDX-License-Identifier: Apache-2.0
#include "agent/store/stats.h"

#include <algorithm>
#include <utility>

#include "agent/store/blob_format.h"
#include "protocol/records.h"

namespace rollback {

namespace {

// More than a store of any host has; an Index holds them.
constexpr std::size_t kMostObjects = 100'000'000;

void make_unique(std::vector<std::uint32_t>& objects) {
  std::sort(objects.begin(), objects.end());
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  objects.shrink_to_fit();
}

}  // namespace

StoreCount::Index StoreCount::find_or_add(Kind kind, const Digest& digest) {
  const auto [known, is_new] = numbers_[kind].emplace(digest, static_cast<Index>(objects_.size()));
  if (is_new) {
    objects_.push_back({});
    objects_.back().kind = kind;
    digests_.push_back(digest);
  }
  return known->second;
}

void StoreCount::add_node(const Node& node, Parts& parts) {
  if (node.kind == NodeKind::kSymlink) return;
  const bool is_tree = node.kind == NodeKind::kDirectory;
  const std::size_t before = objects_.size();
  const Index index = find_or_add(is_tree ? kTree : kContent, node.content);
  parts.objects.push_back(index);
  if (is_tree) {
    parts.trees.push_back(index);
    return;
  }
  // Of one that was looked at, its chunks may hold it.
  if (objects_.size() > before) objects_[index].plain = node.size;
  ++parts.files;
  parts.bytes += node.size;
}

void StoreCount::add(const RevisionName& name, const SnapshotId& id, const Snapshot& snapshot) {
  const std::size_t before = objects_.size();
  const Index index = find_or_add(kSnapshot, id.digest);
  roots_.emplace_back(name.str(), index);
  if (objects_.size() == before) return;  // another revision is the same snapshot
  Parts parts;
  for (const auto& resource : snapshot.resources)
    for (const auto& managed : resource.paths)
      if (managed.node) add_node(*managed.node, parts);
  make_unique(parts.objects);
  objects_[index].parts = static_cast<Index>(parts_.size());
  parts_.push_back(std::move(parts));
}

Result<bool> StoreCount::step() {
  if (next_ == objects_.size()) return false;
  if (objects_.size() > kMostObjects)
    return fail(ErrorCode::kUnsupported, "the store holds more than can be counted");
  ROLLBACK_TRY(look_at(static_cast<Index>(next_)));
  ++next_;
  return true;
}

Status StoreCount::look_at(Index index) {
  static constexpr std::array<Table, 3> kTables = {Table::kTrees, Table::kBlobs, Table::kSnapshots};
  const Kind kind = objects_[index].kind;
  const Digest digest = digests_[index];
  const auto value = database_.get(kTables[kind], digest.view());
  if (!value && value.error().code != ErrorCode::kCorrupt) return Failure(value.error());
  if (!value || !*value) {
    ++damaged_;
    return {};
  }
  objects_[index].stored = static_cast<std::uint32_t>((*value)->size());
  bytes_ += (*value)->size();
  if (kind == kTree) look_at_tree(index, digest, **value);
  if (kind == kContent) look_at_content(index, digest, **value);
  return {};
}

void StoreCount::look_at_tree(Index index, const Digest& digest, std::string_view value) {
  const auto tree = decode_tree(value);
  if (!tree || sha256(value) != digest) {
    ++damaged_;
    return;
  }
  Parts parts;
  for (const auto& entry : tree->entries) add_node(entry.node, parts);
  make_unique(parts.objects);
  objects_[index].parts = static_cast<Index>(parts_.size());
  parts_.push_back(std::move(parts));
}

void StoreCount::look_at_content(Index index, const Digest& digest, std::string_view value) {
  if (!is_chunk_list(value)) return;
  const auto unpacked = unpack_blob(digest, value);
  const auto* const chunks = unpacked ? std::get_if<ChunkList>(&*unpacked) : nullptr;
  if (chunks == nullptr) {
    ++damaged_;
    return;
  }
  objects_[index].plain = 0;  // its chunks hold it
  Parts parts;
  for (const auto& chunk : *chunks) {
    parts.objects.push_back(find_or_add(kContent, chunk.digest));
    objects_[parts.objects.back()].plain = chunk.size;
  }
  make_unique(parts.objects);
  objects_[index].parts = static_cast<Index>(parts_.size());
  parts_.push_back(std::move(parts));
}

// A directory that is named twice holds its files twice. What is below comes first; trees cannot
// contain themselves, because they are named by their hash.
void StoreCount::sum_files(Index root) {
  std::vector<Index> waiting = {root};
  while (!waiting.empty()) {
    const Index index = waiting.back();
    Parts* const parts = objects_[index].parts == kNone ? nullptr : &parts_[objects_[index].parts];
    if (parts == nullptr || parts->summed) {
      waiting.pop_back();
      continue;
    }
    const auto is_open = [&](Index tree) {
      return objects_[tree].parts != kNone && !parts_[objects_[tree].parts].summed;
    };
    const auto size = waiting.size();
    std::copy_if(parts->trees.begin(), parts->trees.end(), std::back_inserter(waiting), is_open);
    if (waiting.size() > size) continue;
    for (const Index tree : parts->trees) {
      if (objects_[tree].parts == kNone) continue;  // it is damaged
      parts->files += parts_[objects_[tree].parts].files;
      parts->bytes += parts_[objects_[tree].parts].bytes;
    }
    parts->summed = true;
    waiting.pop_back();
  }
}

void StoreCount::visit(Index root, const std::function<void(Object&)>& use) {
  ++round_;
  std::vector<Index> waiting = {root};
  while (!waiting.empty()) {
    const Index index = waiting.back();
    waiting.pop_back();
    Object& object = objects_[index];
    if (object.round == round_) continue;
    use(object);
    object.round = round_;
    if (object.parts == kNone) continue;
    const auto& below = parts_[object.parts].objects;
    waiting.insert(waiting.end(), below.begin(), below.end());
  }
}

StoreCount::Sizes StoreCount::sizes() {
  Sizes sizes;
  for (const auto& [name, root] : roots_) {
    RevisionSize size{name, 0, 0, 0, 0};
    visit(root, [&](Object& object) {
      size.stored += object.stored;
      object.shared = object.shared || object.round != 0;  // another revision was here before
    });
    sum_files(root);
    size.files = parts_[objects_[root].parts].files;
    size.logical = parts_[objects_[root].parts].bytes;
    sizes.store.logical += size.logical;
    sizes.revisions.push_back(std::move(size));
  }
  for (std::size_t i = 0; i < roots_.size(); ++i)
    visit(roots_[i].second, [&](const Object& object) {
      if (!object.shared) sizes.revisions[i].unique += object.stored;
    });
  for (const auto& object : objects_) {
    sizes.store.stored += object.stored;
    sizes.store.distinct += object.plain;
    sizes.store.trees += object.kind == kTree ? 1 : 0;
    sizes.store.contents += object.kind == kContent ? 1 : 0;
  }
  sizes.store.damaged = damaged_;
  return sizes;
}

}  // namespace rollback
