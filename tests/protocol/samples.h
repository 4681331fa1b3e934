// SPDX-License-Identifier: Apache-2.0
// One value of every kind in which no field has its default, so that a field which the codec
// forgets is seen.
#pragma once

#include <string>
#include <vector>

#include "protocol/messages.h"

namespace rollback::samples {

template <typename Id>
Id id(const std::string& seed) {
  return *Id::from_bytes(sha256(seed).view().substr(0, Id().bytes().size()));
}

Node file();
Tree tree();
Snapshot snapshot();
Revision revision();
Revision revision_of_git();
HistoryEntry history_entry();
HistoryEntry pin_entry();
HistoryEntry prune_entry();
RunEvent run_event();
RunRecord run();
Plan plan();
RolloutHost rollout_host();
RolloutRecord rollout();
RolloutRecord rollout_resumed();
StatusItem status();
HealthItem health();
Hello hello();

std::vector<CommandBody> command_bodies();  // every alternative, in order
std::vector<ReplyBody> reply_bodies();      // every alternative, in order
Command command(CommandBody body);
Reply reply(ReplyBody body);

}  // namespace rollback::samples
