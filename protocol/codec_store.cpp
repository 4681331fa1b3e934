// SPDX-License-Identifier: Apache-2.0
// What is answered about the store of a host: progress, retention, damage, sizes, archives.
#include "protocol/wire.h"

namespace rollback::wire {

void write(ProgressItem::Builder to, const rollback::ProgressItem& from) {
  put(to, &ProgressItem::Builder::setWork, from.work);
  to.setFiles(from.files);
  to.setBytes(from.bytes);
  to.setTotalFiles(from.total_files);
  to.setTotalBytes(from.total_bytes);
  to.setElapsedNs(from.elapsed.count());
}

rollback::ProgressItem read(ProgressItem::Reader from) {
  return {str(from.getWork()),  from.getFiles(),      from.getBytes(),
          from.getTotalFiles(), from.getTotalBytes(), Duration(from.getElapsedNs())};
}

void write(PruneItem::Builder to, const rollback::PruneItem& from) {
  put(to, &PruneItem::Builder::setRevision, from.revision);
  to.setRemoved(from.removed);
  put(to, &PruneItem::Builder::setWhy, from.why);
  to.setBytes(from.bytes);
}

rollback::PruneItem read(PruneItem::Reader from) {
  return {str(from.getRevision()), from.getRemoved(), str(from.getWhy()), from.getBytes()};
}

void write(PruneSummary::Builder to, const rollback::PruneSummary& from) {
  to.setDryRun(from.dry_run);
  to.setRemoved(from.removed);
  to.setKept(from.kept);
  to.setBytes(from.bytes);
  to.setDiskBefore(from.disk_before);
  to.setDiskAfter(from.disk_after);
}

rollback::PruneSummary read(PruneSummary::Reader from) {
  return {from.getDryRun(), from.getRemoved(),    from.getKept(),
          from.getBytes(),  from.getDiskBefore(), from.getDiskAfter()};
}

void write(DamageItem::Builder to, const rollback::DamageItem& from) {
  put(to, &DamageItem::Builder::setObject, from.object);
  put(to, &DamageItem::Builder::setWhat, from.what);
  put_list(to, &DamageItem::Builder::initReleases, from.releases);
  put_list(to, &DamageItem::Builder::initPaths, from.paths);
  to.setRepaired(from.repaired);
}

rollback::DamageItem read(DamageItem::Reader from) {
  return {str(from.getObject()), str(from.getWhat()), read_strings(from.getReleases()),
          read_strings(from.getPaths()), from.getRepaired()};
}

void write(VerifySummary::Builder to, const rollback::VerifySummary& from) {
  to.setDeep(from.deep);
  to.setObjects(from.objects);
  to.setBytes(from.bytes);
  to.setDamaged(from.damaged);
  to.setRepaired(from.repaired);
  to.setResumed(from.resumed);
}

rollback::VerifySummary read(VerifySummary::Reader from) {
  return {from.getDeep(),    from.getObjects(),  from.getBytes(),
          from.getDamaged(), from.getRepaired(), from.getResumed()};
}

void write(ReleaseStats::Builder to, const rollback::ReleaseStats& from) {
  put(to, &ReleaseStats::Builder::setRevision, from.revision);
  to.setFiles(from.files);
  to.setLogical(from.logical);
  to.setStored(from.stored);
  to.setUnique(from.unique);
  put(to, &ReleaseStats::Builder::setStays, from.stays);
}

rollback::ReleaseStats read(ReleaseStats::Reader from) {
  return {str(from.getRevision()), from.getFiles(),  from.getLogical(),
          from.getStored(),        from.getUnique(), str(from.getStays())};
}

void write(StoreStats::Builder to, const rollback::StoreStats& from) {
  to.setRevisions(from.revisions);
  to.setLogical(from.logical);
  to.setStored(from.stored);
  to.setDisk(from.disk);
  to.setContents(from.contents);
  to.setTrees(from.trees);
  to.setDistinct(from.distinct);
}

rollback::StoreStats read(StoreStats::Reader from) {
  return {from.getRevisions(), from.getLogical(),  from.getDistinct(), from.getStored(),
          from.getDisk(),      from.getContents(), from.getTrees()};
}

void write(ArchiveItem::Builder to, const rollback::ArchiveItem& from) {
  put(to, &ArchiveItem::Builder::setRevision, from.revision);
  to.setRecords(from.records);
  to.setBytes(from.bytes);
  put(to, &ArchiveItem::Builder::setDigest, from.digest);
}

rollback::ArchiveItem read(ArchiveItem::Reader from) {
  return {str(from.getRevision()), from.getRecords(), from.getBytes(),
          read_digest(from.getDigest())};
}

}  // namespace rollback::wire
