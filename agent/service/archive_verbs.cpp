// SPDX-License-Identifier: Apache-2.0
// export and import: a release through a descriptor that the operator passed in.
#include "agent/privilege.h"
#include "agent/service/progress.h"
#include "agent/service/verbs.h"
#include "agent/store/archive_import.h"
#include "agent/store/archive_reader.h"

namespace rollback {

namespace {

OnArchiveProgress told_to(ProgressTeller& teller) {
  return [&teller](const ArchiveProgress& now) {
    teller.expect(now.total_files, now.total_bytes);
    teller.tell(now.files, now.bytes);
  };
}

Result<PackWriter::Written> export_to(Host& host, const std::string& name, const PassedPtr& passed,
                                      Stream& stream) {
  ROLLBACK_ASSIGN(const auto revision, find_revision(host.deps.snapshots, name));
  ROLLBACK_ASSIGN(auto opened,
                  PassedStream::open(passed, PassedStream::Use::kWrite, host.deps.clock));
  PassedSink sink(std::move(opened));
  ProgressTeller teller("export", host.deps.clock, stream);
  return export_release(host.deps.snapshots, host.deps.blobs, revision, host.identity.name, sink,
                        told_to(teller));
}

// A file tells at its end what it holds: what was cut short is refused before anything is stored.
Status look_ahead(const PassedStream& stream, ImportOrder& order) {
  const auto size = stream.file_size();
  if (!size) return {};
  ROLLBACK_ASSIGN(const auto summary,
                  summarise_pack([&](std::uint64_t offset,
                                     std::size_t bytes) { return stream.read_at(offset, bytes); },
                                 *size));
  order.total_files = summary.contents;
  order.total_bytes = *size;
  return {};
}

Result<Imported> import_from(Host& host, const Asked& asked, const PassedPtr& passed,
                             Stream& stream) {
  ImportOrder order;
  order.permit = [&](const std::string& path, const Node& node) {
    return check_privilege(host.deps.options.resources, path, node);
  };
  order.now = host.deps.clock.wall();
  ProgressTeller teller("import", host.deps.clock, stream);
  order.on_progress = told_to(teller);
  order.entry.time = order.now;
  order.entry.action = HistoryAction::kImport;
  order.entry.actor = asked.actor;
  order.entry.reason = asked.reason;
  ROLLBACK_ASSIGN(auto opened,
                  PassedStream::open(passed, PassedStream::Use::kRead, host.deps.clock));
  ROLLBACK_TRY(look_ahead(opened, order));
  PassedSource source(std::move(opened));
  return import_release(host.deps.snapshots, host.deps.blobs, source, order);
}

Status send_status(Host& host, const Revision& revision, Stream& stream) {
  ROLLBACK_ASSIGN(const auto known, host.deps.snapshots.statuses());
  for (const auto& it : known)
    if (it.revision.name == revision.name)
      stream.send(RevisionItem{it, it.status == ReleaseStatus::kDeployed});
  return {};
}

}  // namespace

void export_verb(Host& host, const ExportRequest& request, const PassedPtr& passed,
                 Stream& stream) {
  const auto written = export_to(host, request.revision, passed, stream);
  if (!written) return stream.fail(exit_code_of(written.error()), written.error());
  stream.send(ArchiveItem{request.revision, written->records, written->bytes, written->digest});
  stream.end(ExitCode::kDone, false);
}

void import_verb(Host& host, const Asked& asked, const PassedPtr& passed, Stream& stream) {
  const auto imported = import_from(host, asked, passed, stream);
  if (!imported) return stream.fail(exit_code_of(imported.error()), imported.error());
  const Revision& revision = imported->recorded.revision;
  if (const auto sent = send_status(host, revision, stream); !sent)
    stream.note(EventLevel::kWarning, sent.error().message);
  stream.send(
      ArchiveItem{revision.name.str(), imported->records, imported->bytes, imported->digest});
  if (imported->recorded.existed)
    stream.note(EventLevel::kInfo,
                revision.name.str() + " is recorded already with exactly this content");
  stream.end(ExitCode::kDone, !imported->recorded.existed);
}

}  // namespace rollback
