// SPDX-License-Identifier: Apache-2.0
// The one door of the agent: every request, from the unix socket or the coordinator's link, comes
// in here, is decoded, authorised and handed to the thread that serves its verb. Loop thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/service/host.h"
#include "agent/service/verbs.h"
#include "protocol/permissions.h"

namespace rollback {

struct DoorRefusals {
  std::uint64_t malformed = 0;
  std::uint64_t denied = 0;
};

class Door {
 public:
  // `link_state` is the link's words for `status`.
  Door(Host& host, Outbox& outbox, std::function<std::string()> link_state);
  ~Door();  // ends the transfers
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // False when the bytes were no request at all: the transport drops the sender. `descriptor` came
  // with them, for an archive.
  bool handle(const Principal& sender, std::string_view envelope, const Destination& from,
              Descriptor descriptor = Descriptor());
  // Nobody listens there any more; runs go on, transfers end.
  void closed(const Destination& destination);
  [[nodiscard]] const DoorRefusals& refusals() const noexcept { return refusals_; }

 private:
  Status accept_from_coordinator(const Command& command);

  struct Call {
    Asked asked;
    StreamPtr stream;
    std::string by;    // " by root (uid 0)"
    PassedPtr passed;  // of an export or import
  };
  void dispatch(const Command& command, const Call& call);
  // One for each verb: which thread serves it.
  void serve(const StatusRequest& request, const Call& call);
  void serve(const RunAbortRequest& request, const Call& call);
  void serve(const HealthRequest& request, const Call& call);
  void serve(const HistoryRequest& request, const Call& call);
  void serve(const ShowRequest& request, const Call& call);
  void serve(const StatsRequest& request, const Call& call);
  void serve(const RunListRequest& request, const Call& call);
  void serve(const RunShowRequest& request, const Call& call);
  void serve(const RunWatchRequest& request, const Call& call);
  void serve(const SnapshotRequest& request, const Call& call);
  void serve(const PlanRequest& request, const Call& call);
  void serve(const DiffRequest& request, const Call& call);
  void serve(const VerifyRequest& request, const Call& call);
  void serve(const ConfigCheckRequest& request, const Call& call);
  void serve(const RollbackRequest& request, const Call& call);
  void serve(const UndoRequest& request, const Call& call);
  void serve(const PrepareRequest& request, const Call& call);
  void serve(const CommitRequest& request, const Call& call);
  void serve(const ForgetRequest& request, const Call& call);
  void serve(const DeployBeginRequest& request, const Call& call);
  void serve(const DeployEndRequest& request, const Call& call);
  void serve(const RunConfirmRequest& request, const Call& call);
  void serve(const RunResumeRequest& request, const Call& call);
  void serve(const LockRequest& request, const Call& call);
  void serve(const MarkRequest& request, const Call& call);
  void serve(const ExportRequest& request, const Call& call);
  void serve(const ImportRequest& request, const Call& call);
  void serve(const PruneRequest& request, const Call& call);
  template <typename Other>
  void serve(const Other& request, const Call& call) {
    call.stream->fail(ExitCode::kDenied,
                      Error{ErrorCode::kDenied, "'" + std::string(name_of(CommandBody(request))) +
                                                    "' is not served by the agent"});
  }
  void on_run_thread(std::string what, Duration deadline, const StreamPtr& stream,
                     std::function<void()> job);
  void on_query_thread(std::string what, Duration deadline, const StreamPtr& stream,
                       std::function<void()> job);
  void on_transfer_thread(std::string what, const Call& call, std::function<void()> job);

  Host& host_;
  Outbox& outbox_;
  std::function<std::string()> link_state_;
  DoorRefusals refusals_;
  struct Transfer {
    Destination asker;
    std::weak_ptr<Passed> passed;
  };
  std::vector<Transfer> transfers_;  // waiting and running
  Duration prepared_timeout_{};      // of the run that was prepared last: what its commit may take
  RunStore::Mark mark_;              // of the last command accepted: the store may not take it
  WallTime latest_;  // the latest time seen: a clock stepped back revives no expired command
};

}  // namespace rollback
