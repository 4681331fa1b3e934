// SPDX-License-Identifier: Apache-2.0
// diff: two states of this host against each other, with what can be said of each content.
#include <fmt/format.h>

#include <algorithm>

#include "agent/capture/tree_capture.h"
#include "agent/plan/text_diff.h"
#include "agent/service/secrets.h"
#include "agent/service/side.h"
#include "agent/service/verbs.h"

namespace rollback {

namespace {

// Contents are read and compared for so long; what comes later is only said to differ.
constexpr Duration kComparing = std::chrono::seconds(20);

Failure enough() { return fail(ErrorCode::kBusy, "enough was read"); }

// The first `most` bytes of a file of one side.
Result<std::string> head_of_file(const Host& host, bool live, const std::string& path,
                                 const Node& node, std::size_t most) {
  std::string head;
  const auto take = [&](std::string_view piece) -> Status {
    head += piece.substr(0, most - head.size());
    if (head.size() == most) return enough();
    return {};
  };
  Status read;
  if (live) {
    ROLLBACK_ASSIGN(const auto parent,
                    open_parent(host.deps.root, path.substr(1), Crossing::kAllow));
    ROLLBACK_ASSIGN(const auto file, parent.directory.open_file(parent.name));
    read = file.read_pieces(take);
  } else {
    read = host.deps.blobs.read(node.content, take);
  }
  if (!read && head.size() < most) return Failure(read.error());
  return head;
}

class Comparison {
 public:
  Comparison(Host& host, const Side& from, const Side& to, bool with_text)
      : host_(host),
        from_(from),
        to_(to),
        with_text_(with_text),
        secrets_(host.deps.options.resources, from.state, to.state),
        until_(host.deps.clock.boot() + kComparing) {}

  DiffItem item(const PathChange& change) {
    DiffItem item = item_of(change);
    const Node* const before = find(from_, change.path);
    const Node* const after = find(to_, change.path);
    if (!has_content(before) && !has_content(after)) return item;
    if (before != nullptr && after != nullptr && same_bytes(*before, *after)) return item;
    note_file(before, item.size_before, item.before);
    note_file(after, item.size_after, item.after);
    if (is_secret(change.path, before) || is_secret(change.path, after)) {
      item.content = DiffContent::kSecret;
      return item;
    }
    compare_contents(change.path, before, after, item);
    return item;
  }
  // The first path whose contents were not read because time was up; "" if there was time for all.
  [[nodiscard]] const std::string& out_of_time() const noexcept { return out_of_time_; }

 private:
  static const Node* find(const Side& side, const std::string& path) {
    const auto found = side.state.manifest.find(path);
    return found == side.state.manifest.end() ? nullptr : &found->second;
  }
  static bool has_content(const Node* node) {
    return node != nullptr && node->kind != NodeKind::kDirectory;
  }
  static bool same_bytes(const Node& a, const Node& b) {
    return a.kind == b.kind && a.content == b.content && a.target == b.target;
  }
  // Where a symlink leads may be a secret too, so that its hash stands for it.
  static void note_file(const Node* node, std::uint64_t& size, Digest& digest) {
    if (!has_content(node)) return;
    const bool link = node->kind == NodeKind::kSymlink;
    size = link ? node->target.size() : node->size;
    digest = link ? sha256(node->target) : node->content;
  }
  [[nodiscard]] bool is_secret(const std::string& path, const Node* node) const {
    return node != nullptr && secrets_.is_secret(path, *node);
  }

  // As much of it as its comparison needs.
  [[nodiscard]] Result<std::string> content(const Side& side, const std::string& path,
                                            const Node* node) const {
    if (!has_content(node)) return std::string();
    if (node->kind == NodeKind::kSymlink) return "-> " + node->target + "\n";
    const std::size_t most = node->size > kMostDiffedBytes ? kBinaryHead : kMostDiffedBytes;
    return head_of_file(host_, side.live, path, *node, most);
  }

  void compare_contents(const std::string& path, const Node* before, const Node* after,
                        DiffItem& item) {
    item.content = DiffContent::kLarge;
    if (host_.deps.clock.boot() > until_) {
      if (out_of_time_.empty()) out_of_time_ = path;
      return;
    }
    const auto from = content(from_, path, before);
    const auto to = content(to_, path, after);
    if (!from || !to) {
      item.content = DiffContent::kUnreadable;
      item.text = (from ? to : from).error().message;
      return;
    }
    if (looks_binary(*from) || looks_binary(*to)) {
      item.content = DiffContent::kBinary;
      return;
    }
    if (std::max(item.size_before, item.size_after) > kMostDiffedBytes) return;
    auto diff = diff_text(*from, *to, path);
    if (!diff) return;
    item.content = DiffContent::kText;
    item.added_lines = diff->added;
    item.removed_lines = diff->removed;
    if (with_text_) item.text = std::move(diff->text);
  }

  Host& host_;
  const Side& from_;
  const Side& to_;
  const bool with_text_;
  const Secrets secrets_;
  const BootTime until_;
  std::string out_of_time_;
};

struct Sides {
  Side from;
  Side to;
};

Result<Side> load_side(Host& host, const std::string& name, const Side* other, Stream& stream) {
  if (name == kLive) return load_live(host, other, stream);
  return load_recorded(host, name);
}

// The live side comes last, because what only the other has is looked for there too.
Result<Sides> load_sides(Host& host, const DiffRequest& request, Stream& stream) {
  ROLLBACK_TRY(require_revisions(host.deps.snapshots, {request.from, request.to}));
  Sides sides;
  if (request.from == kLive) {
    ROLLBACK_ASSIGN(sides.to, load_side(host, request.to, nullptr, stream));
    ROLLBACK_ASSIGN(sides.from, load_live(host, &sides.to, stream));
  } else {
    ROLLBACK_ASSIGN(sides.from, load_recorded(host, request.from));
    ROLLBACK_ASSIGN(sides.to, load_side(host, request.to, &sides.from, stream));
  }
  return sides;
}

}  // namespace

void diff_verb(Host& host, const DiffRequest& request, Stream& stream) {
  const auto sides = load_sides(host, request, stream);
  if (!sides) return stream.fail(exit_code_of(sides.error()), sides.error());
  auto changes = compare_states(sides->from.state, sides->to.state);
  const auto facts = compare_facts(sides->from.state.snapshot, sides->to.state.snapshot);
  changes.insert(changes.end(), facts.begin(), facts.end());
  Comparison comparison(host, sides->from, sides->to, !request.stat);
  for (const auto& change : changes)
    if (!stream.send_patiently(comparison.item(change))) return;
  if (const auto& path = comparison.out_of_time(); !path.empty())
    stream.note(
        EventLevel::kWarning,
        fmt::format("comparing contents took more than {}; from {} on they are only said to "
                    "differ",
                    format_duration(kComparing), path));
  stream.end(ExitCode::kDone, !changes.empty());
}

}  // namespace rollback
