// SPDX-License-Identifier: Apache-2.0
#include "agent/service/identity.h"

#include <unistd.h>

#include <array>

#include "agent/platform/boot_id.h"
#include "core/fs/publish.h"
#include "core/version.h"

namespace rollback {

namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

Result<HostId> load_host_id(const Directory& state, Random& random) {
  ROLLBACK_ASSIGN(const auto known, state.find_stat("host-id"));
  if (known) {
    ROLLBACK_ASSIGN(const auto file, state.open_file("host-id"));
    ROLLBACK_ASSIGN(const auto text, file.read_all(256));
    return HostId::parse(trimmed(text));
  }
  const HostId id = HostId::make(random);
  ROLLBACK_TRY(replace_file(state, "host-id", id.str() + "\n", 0600));
  return id;
}

std::string machine_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unnamed";
  return name.data();
}

}  // namespace

Result<Identity> load_identity(const Directory& state, const AgentOptions& options,
                               const Clock& clock, Random& random) {
  Identity identity;
  ROLLBACK_ASSIGN(identity.host.id, load_host_id(state, random));
  ROLLBACK_ASSIGN(identity.keys, load_or_make_keys(state, "agent"));
  identity.host.name = options.name.empty() ? machine_name() : options.name;
  identity.host.version = kVersion;
  identity.host.started = clock.boot();
  identity.hello.host = identity.host.id;
  identity.hello.name = identity.host.name;
  identity.hello.agent_version = kVersion;
  identity.hello.labels = options.labels;
  ROLLBACK_ASSIGN(identity.hello.boot_id, boot_id());
  return identity;
}

Result<std::vector<LinkTarget>> load_targets(const Directory& root, const AgentOptions& options) {
  std::vector<LinkTarget> targets;
  for (const auto& coordinator : options.coordinators) {
    for (const auto& path : coordinator.keys) {
      ROLLBACK_ASSIGN(const auto parent, open_parent(root, path.substr(1), Crossing::kAllow));
      ROLLBACK_ASSIGN(const auto key, load_public_key(parent.directory, parent.name));
      targets.push_back({coordinator.endpoint, coordinator.enrolment, key});
    }
  }
  return targets;
}

void finish_interrupted(Host& host) {
  const auto record = host.engine.finish_interrupted(host.hub);
  // No run was interrupted, or it cannot be told yet: `status` and the log show the store's state.
  if (!record || !*record) return;
  host.hub.finish(**record, std::nullopt);
}

void go_on_after_full_disk(Host& host) {
  (void)host.database.resume();
  if (host.database.take_resumed()) finish_interrupted(host);  // a write may have been first
}

}  // namespace rollback
