// SPDX-License-Identifier: Apache-2.0
// config check: what would keep a snapshot or a rollback from working, told before it is needed.
#include "agent/service/self_check.h"
#include "agent/service/verbs.h"

namespace rollback {

void config_check_verb(Host& host, Stream& stream) {
  bool fatal = false;
  for (const auto& finding : self_check(host.deps.root, host.deps.options)) {
    fatal = fatal || finding.fatal;
    stream.note(finding.fatal ? EventLevel::kError : EventLevel::kWarning, finding.text);
  }
  if (const auto setting = missing_write_paths(host.deps.options); !setting.empty())
    stream.note(
        EventLevel::kInfo,
        "rollback-agent.service and rollback-recover.service each need a drop-in with " + setting);
  const auto present = require_present(host.deps.options.resources, host.platform);
  if (fatal || !present)
    return stream.fail(ExitCode::kUsage,
                       present ? Error{ErrorCode::kDenied, "this host cannot be rolled back yet"}
                               : present.error());
  stream.note(EventLevel::kInfo, "the configuration is good and everything it names is there");
  stream.end(ExitCode::kDone, false);
}

}  // namespace rollback
