// SPDX-License-Identifier: Apache-2.0
#include "core/fs/publish.h"

#include <stdio.h>
#include <sys/file.h>

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

}  // namespace

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
      return rename_entry(staged.parent(), staged.name, target.parent(), target.name,
                          RENAME_NOREPLACE);
    case PublishMode::kMoveOut:
      return rename_entry(target.parent(), target.name, staged.parent(), staged.name,
                          RENAME_NOREPLACE);
  }
  return fail(ErrorCode::kBug, "publish with an unknown mode");
}

}  // namespace rollback
