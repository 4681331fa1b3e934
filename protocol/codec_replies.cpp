// SPDX-License-Identifier: Apache-2.0
// Replies: the stream's frame around each item of codec_items.cpp and of the model.
#include "protocol/wire.h"

namespace rollback::wire {

namespace {

using Body = Reply::Builder;

void write_body(Body to, const rollback::Line& from) {
  auto line = to.initLine();
  line.setLevel(number_of(from.level));
  put(line, &Line::Builder::setText, from.text);
}
void write_body(Body to, const rollback::RevisionItem& from) {
  auto item = to.initRevision();
  write(item.initRevision(), from.status.revision);
  item.setStatus(number_of(from.status.status));
  item.setBlocked(from.status.blocked);
  item.setCurrent(from.current);
  item.setPinned(from.status.pinned);
  item.setCounted(from.counted);
  item.setFiles(from.files);
  item.setBytes(from.bytes);
  put(item, &RevisionItem::Builder::setBlockedWhy, from.status.blocked_why);
  put_list(item, &RevisionItem::Builder::initFacts, from.facts);
}
void write_body(Body to, const rollback::HistoryEntry& from) { write(to.initHistory(), from); }
void write_body(Body to, const rollback::ResourceItem& from) {
  auto item = to.initResource();
  write(item.initResource(), from.resource);
  item.setFiles(from.files);
  item.setBytes(from.bytes);
}
void write_body(Body to, const rollback::PathItem& from) {
  auto item = to.initPath();
  put(item, &PathItem::Builder::setPath, from.path);
  if (!from.special) write(item.initNode(), from.node);
  item.setSpecial(from.special);
  item.setHardLinks(from.hard_links);
}
void write_body(Body to, const rollback::DiffItem& from) {
  auto item = to.initDiff();
  put(item, &DiffItem::Builder::setPath, from.path);
  put(item, &DiffItem::Builder::setChange, from.change);
  put_list(item, &DiffItem::Builder::initDifferences, from.differences);
  put(item, &DiffItem::Builder::setText, from.text);
  item.setContent(number_of(from.content));
  item.setAddedLines(from.added_lines);
  item.setRemovedLines(from.removed_lines);
  item.setSizeBefore(from.size_before);
  item.setSizeAfter(from.size_after);
  put(item, &DiffItem::Builder::setBefore, from.before);
  put(item, &DiffItem::Builder::setAfter, from.after);
}
void write_body(Body to, const rollback::PlanItem& from) {
  auto item = to.initPlan();
  write(item.initPlan(), from.plan);
  put(item, &PlanItem::Builder::setDigest, from.digest);
  item.setEstimateNs(from.estimate.count());
  item.setDowntimeNs(from.downtime.count());
  item.setDrift(number_of(from.drift));
}
void write_body(Body to, const rollback::PlanStep& from) { write(to.initStep(), from); }
void write_body(Body to, const rollback::EventItem& from) {
  auto item = to.initEvent();
  put(item, &EventItem::Builder::setRun, from.run);
  write(item.initEvent(), from.event);
}
void write_body(Body to, const RunRecord& from) { write(to.initRun(), from); }
void write_body(Body to, const rollback::Prepared& from) {
  auto item = to.initPrepared();
  put(item, &Prepared::Builder::setRun, from.run);
  put(item, &Prepared::Builder::setPlanDigest, from.plan_digest);
  item.setChanged(from.changed);
  item.setEstimateNs(from.estimate.count());
  item.setSteps(from.steps);
}
void write_body(Body to, const rollback::HealthItem& from) { write(to.initHealth(), from); }
void write_body(Body to, const rollback::StatusItem& from) { write(to.initStatus(), from); }
void write_body(Body to, const rollback::HostItem& from) { write(to.initHostItem(), from); }
void write_body(Body to, const RolloutRecord& from) {
  auto item = to.initRollout();
  write(item.initRollout(), from);
  put_list(item, &RolloutItem::Builder::initHosts, from.hosts);
}
void write_body(Body to, const rollback::RolloutHost& from) { write(to.initRolloutHost(), from); }
void write_body(Body to, const rollback::End& from) {
  auto end = to.initEnd();
  end.setExitCode(number_of(from.exit_code));
  end.setChanged(from.changed);
  if (!from.error) return;
  auto error = end.initError();
  error.setCode(number_of(from.error->code));
  put(error, &Error::Builder::setMessage, from.error->message);
}

void write_body(Body to, const rollback::ProgressItem& from) { write(to.initProgress(), from); }
void write_body(Body to, const rollback::PruneItem& from) { write(to.initPrune(), from); }
void write_body(Body to, const rollback::PruneSummary& from) { write(to.initPruneSummary(), from); }
void write_body(Body to, const rollback::DamageItem& from) { write(to.initDamage(), from); }
void write_body(Body to, const rollback::VerifySummary& from) {
  write(to.initVerifySummary(), from);
}
void write_body(Body to, const rollback::ReleaseStats& from) { write(to.initReleaseStats(), from); }
void write_body(Body to, const rollback::StoreStats& from) { write(to.initStoreStats(), from); }
void write_body(Body to, const rollback::ArchiveItem& from) { write(to.initArchive(), from); }

rollback::RevisionItem read_item(RevisionItem::Reader from) {
  return {RevisionStatus{read(from.getRevision()), known<ReleaseStatus>(from.getStatus()),
                         from.getBlocked(), from.getPinned(), str(from.getBlockedWhy())},
          from.getCurrent(),
          from.getCounted(),
          from.getFiles(),
          from.getBytes(),
          read_list(from.getFacts())};
}

rollback::PathItem read_item(PathItem::Reader from) {
  rollback::PathItem item{str(from.getPath()), {}, from.getSpecial(), from.getHardLinks()};
  if (!item.special) item.node = read(from.getNode());
  return item;
}

rollback::DiffItem read_item(DiffItem::Reader from) {
  return {str(from.getPath()), str(from.getChange()), read_strings(from.getDifferences()),
          str(from.getText()),
          // An agent that does not say it does not know it.
          from.getContent() == 0 ? DiffContent::kNone : known<DiffContent>(from.getContent()),
          from.getAddedLines(), from.getRemovedLines(), from.getSizeBefore(), from.getSizeAfter(),
          read_digest(from.getBefore()), read_digest(from.getAfter())};
}

rollback::ResourceItem read_item(ResourceItem::Reader from) {
  return {read(from.getResource()), from.getFiles(), from.getBytes()};
}

rollback::PlanItem read_item(PlanItem::Reader from) {
  return {read(from.getPlan()), read_digest(from.getDigest()), Duration(from.getEstimateNs()),
          Duration(from.getDowntimeNs()), drift_of(from.getDrift())};
}

rollback::EventItem read_item(EventItem::Reader from) {
  return {read_id<RunId>(from.getRun()), read(from.getEvent())};
}

rollback::Prepared read_item(Prepared::Reader from) {
  return {read_id<RunId>(from.getRun()), read_digest(from.getPlanDigest()), from.getChanged(),
          Duration(from.getEstimateNs()), from.getSteps()};
}

RolloutRecord read_item(RolloutItem::Reader from) {
  auto rollout = read(from.getRollout());
  rollout.hosts = read_list(from.getHosts());
  return rollout;
}

rollback::End read_item(End::Reader from) {
  rollback::End end{known_exit_code(from.getExitCode()), from.getChanged(), std::nullopt};
  if (from.hasError())
    end.error = rollback::Error{known<ErrorCode>(from.getError().getCode()),
                                str(from.getError().getMessage())};
  return end;
}

ReplyBody read_body(Reply::Reader from) {
  switch (from.which()) {
    case Reply::NONE:
      break;
    case Reply::LINE:
      return rollback::Line{known<EventLevel>(from.getLine().getLevel()),
                            str(from.getLine().getText())};
    case Reply::REVISION:
      return read_item(from.getRevision());
    case Reply::HISTORY:
      return read(from.getHistory());
    case Reply::RESOURCE:
      return read_item(from.getResource());
    case Reply::PATH:
      return read_item(from.getPath());
    case Reply::DIFF:
      return read_item(from.getDiff());
    case Reply::PLAN:
      return read_item(from.getPlan());
    case Reply::STEP:
      return read(from.getStep());
    case Reply::EVENT:
      return read_item(from.getEvent());
    case Reply::RUN:
      return read(from.getRun());
    case Reply::PREPARED:
      return read_item(from.getPrepared());
    case Reply::HEALTH:
      return read(from.getHealth());
    case Reply::STATUS:
      return read(from.getStatus());
    case Reply::HOST_ITEM:
      return read(from.getHostItem());
    case Reply::ROLLOUT:
      return read_item(from.getRollout());
    case Reply::ROLLOUT_HOST:
      return read(from.getRolloutHost());
    case Reply::END:
      return read_item(from.getEnd());
    case Reply::PROGRESS:
      return read(from.getProgress());
    case Reply::PRUNE:
      return read(from.getPrune());
    case Reply::PRUNE_SUMMARY:
      return read(from.getPruneSummary());
    case Reply::DAMAGE:
      return read(from.getDamage());
    case Reply::VERIFY_SUMMARY:
      return read(from.getVerifySummary());
    case Reply::RELEASE_STATS:
      return read(from.getReleaseStats());
    case Reply::STORE_STATS:
      return read(from.getStoreStats());
    case Reply::ARCHIVE:
      return read(from.getArchive());
  }
  throw Malformed{"its body is of the unknown kind " +
                  std::to_string(static_cast<unsigned>(from.which()))};
}

}  // namespace

void write(Reply::Builder to, const rollback::Reply& from) {
  put(to, &Reply::Builder::setCommand, from.command);
  to.setIndex(from.index);
  put(to, &Reply::Builder::setHost, from.host);
  std::visit([&](const auto& item) { write_body(to, item); }, from.body);
}

rollback::Reply read(Reply::Reader from) {
  return {read_id<CommandId>(from.getCommand()), from.getIndex(), str(from.getHost()),
          read_body(from)};
}

}  // namespace rollback::wire

namespace rollback {

Result<std::string> encode_reply(const Reply& reply) {
  return wire::encode<wire::Reply>(FrameKind::kReply, WireLimits::kMaxFrame, reply);
}

Result<Reply> decode_reply(std::string_view bytes) {
  return wire::decode<wire::Reply>(FrameKind::kReply, WireLimits::kMaxFrame, ErrorCode::kInvalid,
                                   bytes);
}

}  // namespace rollback
