// SPDX-License-Identifier: Apache-2.0
#include "agent/service/side.h"

#include <utility>

#include "agent/service/progress.h"
#include "agent/service/verbs.h"

namespace rollback {

namespace {

CaptureProgress size_of(const Manifest& manifest) {
  CaptureProgress size;
  for (const auto& [path, node] : manifest) {
    if (node.kind != NodeKind::kFile) continue;
    ++size.files;
    size.bytes += node.size;
  }
  return size;
}

}  // namespace

Result<Side> load_recorded(const Host& host, const std::string& name) {
  ROLLBACK_ASSIGN(auto state, load_revision(host.deps.snapshots, name));
  return Side{std::move(state), false};
}

Result<Side> load_live(Host& host, const Side* recorded, Stream& stream) {
  ProgressTeller teller("capture", host.deps.clock, stream);
  const auto expected = recorded != nullptr ? size_of(recorded->state.manifest) : host.last_capture;
  teller.expect(expected.files, expected.bytes);
  HashingSink sink;
  ROLLBACK_ASSIGN(auto state,
                  capture(host.deps.root, host.deps.resources, sink, host.deps.readers,
                          [&](const CaptureProgress& done) { teller.tell(done.files, done.bytes); },
                          {.target = recorded != nullptr ? &recorded->state.snapshot : nullptr}));
  return Side{std::move(state), true};
}

DiffItem item_of(const PathChange& change) {
  DiffItem item;
  item.path = change.path;
  item.change = change.change;
  item.differences = change.differences;
  return item;
}

}  // namespace rollback
