// SPDX-License-Identifier: Apache-2.0
// export and import: the file is opened here, with the operator's rights; the agent gets the
// descriptor.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <optional>

#include "cli/archive_file.h"
#include "cli/commands/commands.h"
#include "cli/output/answer.h"

namespace rollback {

namespace {

struct Transfer {
  std::string revision;    // of an export
  std::string file = "-";  // "-": standard output or input
};

void refuse(Session& session, const std::string& sentence) {
  print_error(session, sentence);
  session.exit = ExitCode::kUsage;
}

// The End, after it was printed; nullopt when there was none. Unlike other work of the agent a
// transfer ends with its client.
std::optional<End> transfer(Session& session, const CommandBody& body, int descriptor) {
  Answer answer(session);
  Client client = session.agent(descriptor);
  const auto end = client.ask(body, [&](const Reply& reply) { answer.take(reply); });
  if (end) {
    answer.finish(*end);
    return *end;
  }
  answer.flush();
  const bool interrupted = end.error().code == ErrorCode::kTimeout && session.interrupted();
  print_error(session, interrupted ? "interrupted, and ended; 'rollbackctl history' tells whether "
                                     "a release was imported before"
                                   : end.error().message);
  session.exit = interrupted                              ? ExitCode::kDetached
                 : end.error().code == ErrorCode::kDenied ? ExitCode::kDenied
                                                          : ExitCode::kUsage;
  return std::nullopt;
}

bool is_done(const std::optional<End>& end) { return end && end->exit_code == ExitCode::kDone; }

void export_to_stdout(Session& session, const Transfer& asked) {
  if (session.terminal.out)
    return refuse(session, "an archive is not for a terminal; name a file, or use a pipe");
  const auto out = take_stdout();
  if (!out) return refuse(session, out.error().message);
  if (!is_done(transfer(session, ExportRequest{asked.revision}, out->get()))) return;
  // What is no file has nothing to sync.
  if (::fsync(out->get()) != 0 && errno != EINVAL && errno != EROFS)
    refuse(session, errno_error(errno, "sync standard output").message);
}

void export_to_file(Session& session, const Transfer& asked) {
  auto file = NewFile::create(asked.file);
  if (!file) return refuse(session, file.error().message);
  if (!is_done(transfer(session, ExportRequest{asked.revision}, file->fd()))) return;
  if (const auto done = file->commit(); !done) refuse(session, done.error().message);
}

void import_from(Session& session, const Transfer& asked) {
  const bool standard = asked.file == "-";
  if (standard && session.terminal.in)
    return refuse(session, "an archive does not come from a terminal; name a file, or use a pipe");
  const auto file = open_archive(asked.file);
  if (!file) return refuse(session, file.error().message);
  if (session.reason.empty())
    session.reason = "from " + (standard ? std::string("standard input") : asked.file);
  (void)transfer(session, ImportRequest{}, file->get());
}

}  // namespace

void add_archives(CLI::App& app, Session& session) {
  auto sent = std::make_shared<Transfer>();
  auto* command = app.add_subcommand("export", "Write a release with all it holds to a file");
  command->add_option("release", sent->revision, "v2.4.1 or v2.4.1@2")->required();
  command->add_option("file", sent->file, "Where to (default: -, standard output)");
  command->callback([&session, sent] {
    if (refuse_bad_releases(session, {sent->revision})) return;
    if (sent->file == "-")
      export_to_stdout(session, *sent);
    else
      export_to_file(session, *sent);
  });

  auto got = std::make_shared<Transfer>();
  command = app.add_subcommand("import", "Take a release that another host exported");
  command->add_option("file", got->file, "Where from (default: -, standard input)");
  command->add_option("-m,--reason", session.reason, "Why; kept in the history")->type_name("WHY");
  command->callback([&session, got] { import_from(session, *got); });
}

}  // namespace rollback
