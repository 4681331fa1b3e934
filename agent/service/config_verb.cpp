// SPDX-License-Identifier: Apache-2.0
// config check: what would keep a snapshot or a rollback from working, told before it is needed.
#include "agent/capture/facts.h"
#include "agent/service/self_check.h"
#include "agent/service/verbs.h"

namespace rollback {

void config_check_verb(Host& host, Stream& stream) {
  const auto file = host.configuration_on_disk();
  if (!file) return stream.fail(ExitCode::kUsage, file.error());
  bool fatal = false;
  for (const auto& finding : self_check(host.deps.root, file->options)) {
    fatal = fatal || finding.fatal;
    stream.note(finding.fatal ? EventLevel::kError : EventLevel::kWarning, finding.text);
  }
  if (const auto needed = needed_drop_in(file->options); !needed.empty())
    stream.note(EventLevel::kInfo, needed);
  if (const auto lacking = host.engine.hold_room(); !lacking.empty())
    stream.note(EventLevel::kWarning, lacking);
  for (const auto& spec : file->options.facts) {
    const auto value = read_fact(spec, host.deps.programs);
    stream.note(value ? EventLevel::kInfo : EventLevel::kWarning,
                value ? "the fact " + spec.name + " is " + *value
                      : "the fact " + spec.name + " cannot be read: " + value.error().message);
  }
  const auto present = require_present(file->options.resources, host.platform);
  if (fatal || !present)
    return stream.fail(ExitCode::kUsage,
                       present ? Error{ErrorCode::kDenied, "this host cannot be rolled back yet"}
                               : present.error());
  stream.note(EventLevel::kInfo, "the configuration is good and everything it names is there");
  if (!file->is_loaded)
    stream.note(EventLevel::kWarning,
                "the agent still works with what it loaded when it started; 'systemctl restart "
                "rollback-agent' loads the file as it is now");
  stream.end(ExitCode::kDone, false);
}

}  // namespace rollback
