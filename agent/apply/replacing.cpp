// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/replacing.h"

#include <string_view>
#include <utility>

#include "core/fs/publish.h"

namespace rollback {

namespace {

constexpr std::string_view kFirst = "trial-a";
constexpr std::string_view kSecond = "trial-b";
constexpr std::string_view kLink = "trial-c";
constexpr std::string_view kMoved = "trial-d";

Status make_empty(const Directory& stage, std::string_view name) {
  ROLLBACK_ASSIGN(File file, stage.create_file(name, 0600));
  return file.close();
}

Status use_links(const Directory& stage) {
  ROLLBACK_TRY(link_entry(stage, kFirst, stage, kLink));
  ROLLBACK_TRY(publish(stage, kLink, stage, kMoved, PublishMode::kMoveIn));
  return publish(stage, kMoved, stage, kSecond, PublishMode::kReplace);
}

Result<Replacing> find_out(const Directory& stage) {
  ROLLBACK_TRY(make_empty(stage, kFirst));
  ROLLBACK_TRY(make_empty(stage, kSecond));
  const auto exchanged = publish(stage, kFirst, stage, kSecond, PublishMode::kExchange);
  if (exchanged) return Replacing::kExchange;
  if (!is_unsupported(exchanged.error())) return Failure(exchanged.error());
  const auto linked = use_links(stage);
  if (linked) return Replacing::kOverLink;
  // A file system without links answers EPERM.
  if (!is_unsupported(linked.error()) && linked.error().code != ErrorCode::kDenied)
    return Failure(linked.error());
  return fail(ErrorCode::kUnsupported,
              stage.path() +
                  " is on a file system that can neither exchange two files nor link one, so "
                  "nothing could be taken back there (" +
                  linked.error().message + "); keep what is managed on another one");
}

}  // namespace

Result<Replacing> try_replacing(const Directory& stage) {
  auto found = find_out(stage);
  for (const auto name : {kFirst, kSecond, kLink, kMoved}) {
    const auto removed = stage.remove_file(name);
    if (found && !removed && removed.error().code != ErrorCode::kNotFound)
      return Failure(removed.error());
  }
  return found;
}

}  // namespace rollback
