// SPDX-License-Identifier: Apache-2.0
// Private to the codec's .cpp files; with wire_values.h the only header that shows Cap'n Proto: how
// values become schema structs and back, and the frame around canonical bytes.
//
// write() never fails for a valid value; read() throws Malformed or what the library throws.
// guarded() is the one place where both end. An empty string, list or id is a null pointer, so that
// a field added later with nothing in it leaves canonical bytes as they were.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <functional>
#include <optional>
#include <string>

#include "model.capnp.h"
#include "model/deploy.h"
#include "protocol/frame.h"
#include "protocol/wire_values.h"
#include "reply.capnp.h"

namespace rollback::wire {

// ---- Values (codec_tree.cpp, codec_history.cpp, codec_rollout.cpp) ----------------------------
void write(Node::Builder to, const rollback::Node& from);
rollback::Node read(Node::Reader from);
void write(Tree::Builder to, const rollback::Tree& from);
rollback::Tree read(Tree::Reader from);
void write(Fact::Builder to, const rollback::Fact& from);
rollback::Fact read(Fact::Reader from);
void write(Resource::Builder to, const ResourceSnapshot& from);
ResourceSnapshot read(Resource::Reader from);
void write(Snapshot::Builder to, const rollback::Snapshot& from);
rollback::Snapshot read(Snapshot::Reader from);

void write(Revision::Builder to, const rollback::Revision& from);
rollback::Revision read(Revision::Reader from);
void write(HistoryEntry::Builder to, const rollback::HistoryEntry& from);
rollback::HistoryEntry read(HistoryEntry::Reader from);
void write(RunEvent::Builder to, const rollback::RunEvent& from);
rollback::RunEvent read(RunEvent::Reader from);
void write(Run::Builder to, const RunRecord& from);
RunRecord read(Run::Reader from);
void write(Deploy::Builder to, const rollback::Deploy& from);
rollback::Deploy read(Deploy::Reader from);
void write(PlanStep::Builder to, const rollback::PlanStep& from);
rollback::PlanStep read(PlanStep::Reader from);
void write(Plan::Builder to, const rollback::Plan& from);
rollback::Plan read(Plan::Reader from);

void write(RolloutPolicy::Builder to, const rollback::RolloutPolicy& from);
rollback::RolloutPolicy read(RolloutPolicy::Reader from);
void write(RolloutHost::Builder to, const rollback::RolloutHost& from);
rollback::RolloutHost read(RolloutHost::Reader from);
void write(Rollout::Builder to, const RolloutRecord& from);  // without its hosts
RolloutRecord read(Rollout::Reader from);
void write(Host::Builder to, const HostRecord& from);
HostRecord read(Host::Reader from);

// ---- Replies (codec_replies.cpp, codec_items.cpp) ---------------------------------------------
void write(HealthItem::Builder to, const rollback::HealthItem& from);
rollback::HealthItem read(HealthItem::Reader from);
void write(StatusItem::Builder to, const rollback::StatusItem& from);
rollback::StatusItem read(StatusItem::Reader from);
void write(HostItem::Builder to, const rollback::HostItem& from);
rollback::HostItem read(HostItem::Reader from);
void write(Label::Builder to, const std::pair<std::string, std::string>& from);
std::pair<std::string, std::string> read(Label::Reader from);
void write(Reply::Builder to, const rollback::Reply& from);
rollback::Reply read(Reply::Reader from);

// ---- Answers about the store (codec_store.cpp) ------------------------------------------------
void write(ProgressItem::Builder to, const rollback::ProgressItem& from);
rollback::ProgressItem read(ProgressItem::Reader from);
void write(PruneItem::Builder to, const rollback::PruneItem& from);
rollback::PruneItem read(PruneItem::Reader from);
void write(PruneSummary::Builder to, const rollback::PruneSummary& from);
rollback::PruneSummary read(PruneSummary::Reader from);
void write(DamageItem::Builder to, const rollback::DamageItem& from);
rollback::DamageItem read(DamageItem::Reader from);
void write(VerifySummary::Builder to, const rollback::VerifySummary& from);
rollback::VerifySummary read(VerifySummary::Reader from);
void write(ReleaseStats::Builder to, const rollback::ReleaseStats& from);
rollback::ReleaseStats read(ReleaseStats::Reader from);
void write(StoreStats::Builder to, const rollback::StoreStats& from);
rollback::StoreStats read(StoreStats::Reader from);
void write(ArchiveItem::Builder to, const rollback::ArchiveItem& from);
rollback::ArchiveItem read(ArchiveItem::Reader from);

// ---- Frames (frame.cpp) -----------------------------------------------------------------------
// Runs `body`; Malformed and the library's exceptions become an Error with `code`.
Status guarded(ErrorCode code, std::string_view what, const std::function<void()>& body);
std::string make_frame(FrameKind kind, kj::ArrayPtr<const capnp::word> body);
// An aligned copy of the frame's body with a segment table of our own in front: there is always
// exactly one segment. Throws Malformed.
kj::Array<capnp::word> open_frame(FrameKind kind, std::string_view bytes);
capnp::ReaderOptions limits_for(kj::ArrayPtr<const capnp::word> words);

template <typename Wire, typename Value>
Result<std::string> encode(FrameKind kind, std::size_t limit, const Value& value) {
  std::string bytes;
  ROLLBACK_TRY(guarded(ErrorCode::kInvalid, name_of(kind), [&] {
    capnp::MallocMessageBuilder message;
    write(message.initRoot<Wire>(), value);
    bytes = make_frame(kind, capnp::canonicalize(message.getRoot<Wire>().asReader()));
    if (bytes.size() > limit)
      throw Malformed{std::to_string(bytes.size()) + " bytes are more than " +
                      std::to_string(limit)};
  }));
  return bytes;
}

// `code` is what bytes that do not decode mean to the caller.
template <typename Wire>
auto decode(FrameKind kind, std::size_t limit, ErrorCode code, std::string_view bytes)
    -> Result<decltype(read(std::declval<typename Wire::Reader>()))> {
  ROLLBACK_TRY(check_frame(kind, limit, code, bytes));
  std::optional<decltype(read(std::declval<typename Wire::Reader>()))> value;
  ROLLBACK_TRY(guarded(code, name_of(kind), [&] {
    const auto words = open_frame(kind, bytes);
    capnp::FlatArrayMessageReader message(words, limits_for(words));
    // Canonical bytes are read in one pass forwards: nothing overlaps, nothing is read twice, and
    // no two byte strings mean the same value.
    if (!message.isCanonical()) throw Malformed{"its bytes are not in canonical form"};
    value = read(message.getRoot<Wire>());
  }));
  return std::move(*value);
}

}  // namespace rollback::wire
