// SPDX-License-Identifier: Apache-2.0
#include "core/fs/publish.h"

#include <stdio.h>
#include <sys/file.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "core/fs/beneath.h"

namespace rollback {

namespace {

// One name per target, so that what a crash left is found and removed by the next replace.
std::string temporary_name(const std::string& name) { return "." + name + ".rollback-new"; }

// Writers of one directory take turns: otherwise one could remove the other's temporary, or publish
// it half written. The lock ends with the descriptor, also when the process is killed.
Status take_turn(const Directory& directory) {
  const int result =
      beneath::uninterrupted([&] { return directory.calls().flock(directory.fd(), LOCK_EX); });
  if (result < 0) return fail_errno(-result, "lock " + directory.path());
  return {};
}

Result<File> create_temporary(const Directory& directory, const std::string& name) {
  auto created = directory.create_file(name, 0600);
  if (created || created.error().code != ErrorCode::kExists) return created;
  ROLLBACK_TRY(directory.remove_file(name));
  return directory.create_file(name, 0600);
}

Status write_temporary(const Directory& directory, const std::string& name, std::string_view bytes,
                       std::uint32_t mode) {
  ROLLBACK_ASSIGN(File file, create_temporary(directory, name));
  ROLLBACK_TRY(file.write_all(bytes));
  const int result = directory.calls().fchmod(file.fd(), mode);
  if (result < 0) return fail_errno(-result, "change the mode of " + file.path());
  ROLLBACK_TRY(file.sync());
  return file.close();
}

Status rename_entry(const Directory& from, const std::string& from_name, const Directory& to,
                    const std::string& to_name, unsigned flags) {
  const int result =
      from.calls().renameat2(from.fd(), from_name.c_str(), to.fd(), to_name.c_str(), flags);
  if (result >= 0) return {};
  const auto what = (flags & RENAME_EXCHANGE) != 0 ? "exchange " : "rename ";
  return fail_errno(-result, what + beneath::join(from.path(), from_name) + " and " +
                                 beneath::join(to.path(), to_name));
}

// A name in a directory that is open already, or in one that was opened for it.
struct Entry {
  const Directory* given = nullptr;
  std::optional<Directory> opened;
  std::string name;
  [[nodiscard]] const Directory& parent() const { return opened ? *opened : *given; }
};

Result<Entry> entry_of(const Directory& directory, std::string_view path) {
  if (!path.empty() && path != "." && path.find('/') == std::string_view::npos) {
    ROLLBACK_ASSIGN(std::string name, beneath::checked(path));
    return Entry{&directory, std::nullopt, std::move(name)};
  }
  ROLLBACK_ASSIGN(ParentOf found, open_parent(directory, path));
  return Entry{nullptr, std::move(found.directory), std::move(found.name)};
}

Status move_over(const Entry& from, const Entry& to) {
  return rename_entry(from.parent(), from.name, to.parent(), to.name, 0);
}

Status link_as(const Entry& from, const Entry& to) {
  const int result = from.parent().calls().linkat(from.parent().fd(), from.name.c_str(),
                                                  to.parent().fd(), to.name.c_str(), 0);
  if (result >= 0) return {};
  return fail_errno(-result, "link " + beneath::join(from.parent().path(), from.name) + " as " +
                                 beneath::join(to.parent().path(), to.name));
}

// Where the file system knows no flags: a link replaces nothing either. A directory has no second
// name, and replaces at most an empty one.
Status move_by_link(const Entry& from, const Entry& to) {
  ROLLBACK_ASSIGN(const FileStat moved, from.parent().stat(from.name));
  if (moved.type != FileType::kDirectory) {
    ROLLBACK_TRY(link_as(from, to));
    ROLLBACK_TRY(to.parent().sync());  // else a power cut may leave the unlink without the link
    return from.parent().remove_file(from.name);
  }
  ROLLBACK_ASSIGN(const auto there, to.parent().find_stat(to.name));
  if (there) return fail_errno(EEXIST, "rename " + beneath::join(to.parent().path(), to.name));
  return move_over(from, to);
}

Status move_to_free(const Entry& from, const Entry& to) {
  auto moved = rename_entry(from.parent(), from.name, to.parent(), to.name, RENAME_NOREPLACE);
  if (moved || !is_unsupported(moved.error())) return moved;
  return move_by_link(from, to);
}

}  // namespace

bool is_unsupported(const Error& error) noexcept {
  return error.code == ErrorCode::kInvalid || error.code == ErrorCode::kUnsupported;
}

Status replace_file(const Directory& directory, std::string_view path, std::string_view bytes,
                    std::uint32_t mode) {
  ROLLBACK_ASSIGN(const ParentOf target, open_parent(directory, path));
  ROLLBACK_TRY(take_turn(target.directory));
  const auto temporary = temporary_name(target.name);
  auto status = write_temporary(target.directory, temporary, bytes, mode);
  if (status) status = rename_entry(target.directory, temporary, target.directory, target.name, 0);
  if (!status) {
    (void)target.directory.remove_file(temporary);  // the first error is the one to tell
    return status;
  }
  return target.directory.sync();
}

Status publish(const Directory& stage, std::string_view slot, const Directory& live,
               std::string_view path, PublishMode mode) {
  ROLLBACK_ASSIGN(const Entry staged, entry_of(stage, slot));
  ROLLBACK_ASSIGN(const Entry target, entry_of(live, path));
  switch (mode) {
    case PublishMode::kExchange:
      return rename_entry(staged.parent(), staged.name, target.parent(), target.name,
                          RENAME_EXCHANGE);
    case PublishMode::kMoveIn:
      return move_to_free(staged, target);
    case PublishMode::kMoveOut:
      return move_to_free(target, staged);
    case PublishMode::kReplace:
      return move_over(staged, target);
  }
  return fail(ErrorCode::kBug, "publish with an unknown mode");
}

Status link_entry(const Directory& from_directory, std::string_view from,
                  const Directory& to_directory, std::string_view to) {
  ROLLBACK_ASSIGN(const Entry there, entry_of(from_directory, from));
  ROLLBACK_ASSIGN(const Entry made, entry_of(to_directory, to));
  return link_as(there, made);
}

}  // namespace rollback
