// SPDX-License-Identifier: Apache-2.0
// verify: this host and the stored content of one release, or the whole store.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/service/progress.h"
#include "agent/service/repair.h"
#include "agent/service/side.h"
#include "agent/service/verbs.h"

namespace rollback {

namespace {

constexpr Duration kRepairing = std::chrono::minutes(30);  // the live files are read

// Shows how far a check is. `pause` says whether it is to end.
class VerifyWatcher final : public ScrubWatcher {
 public:
  VerifyWatcher(Stream& stream, const Clock& clock, std::function<bool(BootTime)> pause)
      : teller_("verify", clock, stream), pause_(std::move(pause)) {}

  void on_progress(const ScrubCount& count) override {
    teller_.expect(count.total_objects, count.total_bytes);
    teller_.tell(count.objects, count.bytes);
  }
  bool pause(BootTime until) override { return pause_(until); }

 private:
  ProgressTeller teller_;
  std::function<bool(BootTime)> pause_;
};

ScrubDeps scrub_deps(const Host& host) {
  return {host.database, host.deps.blobs, host.deps.snapshots, host.deps.clock};
}

DamageItem item_of(const Damage& damage, bool repaired) {
  return {damage.object, damage.what, damage.releases, damage.paths, repaired};
}

// Each damaged object with what became of it; how many are sound again.
std::size_t send_damage(const std::vector<Damage>& damage, const std::vector<bool>& sound,
                        Stream& stream) {
  std::size_t repaired = 0;
  for (std::size_t i = 0; i < damage.size(); ++i) {
    const bool healed = i < sound.size() && sound[i];
    repaired += healed ? 1 : 0;
    stream.send(item_of(damage[i], healed));
  }
  return repaired;
}

VerifySummary summary_of(const ScrubResult& result, ScrubDepth depth, std::size_t repaired) {
  return {depth == ScrubDepth::kDeep,
          result.count.objects,
          result.count.bytes,
          static_cast<std::uint32_t>(result.damage.size()),
          static_cast<std::uint32_t>(repaired),
          result.resumed};
}

void end_of_store_check(const Host& host, const ScrubResult& result, ScrubDepth depth,
                        const std::vector<bool>& sound, Stream& stream) {
  const std::size_t repaired = send_damage(result.damage, sound, stream);
  stream.send(summary_of(result, depth, repaired));
  const std::size_t left = result.damage.size() - repaired;
  if (left == 0 && !host.database.takes_writes())
    return stream.fail(ExitCode::kInconsistent,
                       Error{ErrorCode::kCorrupt, host.deps.snapshots.damage()});
  if (left == 0) return stream.end(ExitCode::kDone, repaired > 0);
  stream.fail(ExitCode::kInconsistent,
              Error{ErrorCode::kCorrupt,
                    fmt::format("{} stored objects are damaged or missing; choose releases that do "
                                "not need them, put them again with --repair where this host has "
                                "them, or restore the store from a backup",
                                left)});
}

Status may_repair(const Host& host) {
  if (host.database.takes_writes()) return {};
  return fail(ErrorCode::kCorrupt, "nothing can be repaired: " + host.deps.snapshots.damage());
}

Result<std::string> release_to_verify(const Host& host, const std::string& asked) {
  if (!asked.empty()) return asked;
  ROLLBACK_ASSIGN(const auto deployed, deployed_revision(host.deps.snapshots));
  if (deployed) return deployed->name.str();
  return fail(ErrorCode::kNotFound,
              "this host is on no good release; say which one is meant, as in "
              "'rollbackctl verify v1.2.3' ('rollbackctl history' lists them)");
}

// A release that cannot be loaded has a damaged snapshot or directory: all of that is looked for.
Result<ScrubResult> check_release(Host& host, const std::string& name, std::uint64_t rate,
                                  ScrubWatcher& watcher) {
  const auto state = load_revision(host.deps.snapshots, name);
  if (state) return scrub_release(scrub_deps(host), *state, rate, watcher);
  if (state.error().code == ErrorCode::kInvalid) return Failure(state.error());
  ScrubResult result;
  ROLLBACK_ASSIGN(result.damage,
                  report_damage(host.database, host.deps.snapshots, host.deps.blobs,
                                host.database.noted_damage(), {}, [] { return true; }));
  std::erase_if(result.damage, [&](const Damage& damage) {
    return std::ranges::find(damage.releases, name) == damage.releases.end();
  });
  if (result.damage.empty()) return Failure(state.error());
  return result;
}

// Sends what differs; how much that is.
Result<std::size_t> compare_with_live(Host& host, const std::string& name, Stream& stream) {
  ROLLBACK_ASSIGN(const auto recorded, load_recorded(host, name));
  ROLLBACK_ASSIGN(const auto live, load_live(host, &recorded, stream));
  const auto changes = compare_states(recorded.state, live.state);
  for (const auto& change : changes) stream.send(item_of(change));
  return changes.size();
}

}  // namespace

void verify_verb(Host& host, const VerifyRequest& request, Stream& stream) {
  const auto name = release_to_verify(host, request.revision);
  if (!name) return stream.fail(exit_code_of(name.error()), name.error());
  if (const auto may = request.repair ? may_repair(host) : Status(); !may)
    return stream.fail(ExitCode::kRefused, may.error());
  VerifyWatcher watcher(stream, host.deps.clock,
                        [&](BootTime until) { return host.scrubs.wait(until); });
  const auto checked = check_release(host, *name, request.rate, watcher);
  if (!checked) {
    const bool damaged = checked.error().code == ErrorCode::kCorrupt;
    return stream.fail(damaged ? ExitCode::kInconsistent : exit_code_of(checked.error()),
                       checked.error());
  }
  std::vector<bool> sound;
  if (request.repair && !checked->damage.empty()) {
    auto repaired = repair(host, checked->damage);
    if (!repaired) return stream.fail(exit_code_of(repaired.error()), repaired.error());
    sound = *std::move(repaired);
  }
  const std::size_t repaired = send_damage(checked->damage, sound, stream);
  const std::size_t damaged = checked->damage.size() - repaired;
  if (!checked->damage.empty()) stream.send(summary_of(*checked, ScrubDepth::kDeep, repaired));
  const auto differ = compare_with_live(host, *name, stream);
  if (!differ && damaged == 0) return stream.fail(exit_code_of(differ.error()), differ.error());
  if (damaged == 0 && *differ == 0) {
    stream.note(EventLevel::kInfo,
                "this host equals " + *name + ", and every content of it is intact");
    return stream.end(ExitCode::kDone, repaired > 0);
  }
  stream.fail(
      ExitCode::kInconsistent,
      Error{ErrorCode::kConflict,
            fmt::format("{} differ from {}, {} stored objects of it are damaged",
                        differ ? std::to_string(*differ) + " paths" : "it is not known which paths",
                        *name, damaged)});
}

void scrub_verb(Host& host, const VerifyRequest& request, const StreamPtr& stream) {
  if (const auto may = request.repair ? may_repair(host) : Status(); !may) {
    host.scrubs.done();
    return stream->fail(ExitCode::kRefused, may.error());
  }
  VerifyWatcher watcher(*stream, host.deps.clock,
                        [&](BootTime until) { return host.scrubs.pause(until); });
  const ScrubDepth depth = request.deep ? ScrubDepth::kDeep : ScrubDepth::kShallow;
  auto result = scrub_store(scrub_deps(host), {depth, request.rate, request.restart}, watcher);
  host.scrubs.done();
  if (!result) return stream->fail(exit_code_of(result.error()), result.error());
  if (!result->finished)
    return stream->fail(ExitCode::kDetached,
                        Error{ErrorCode::kBusy,
                              "the verification was ended; the next one goes on "
                              "where it stopped"});
  if (!request.repair || result->damage.empty())
    return end_of_store_check(host, *result, depth, {}, *stream);
  const auto posted = host.run_worker.post(
      {"a repair of the store", kRepairing, [&host, depth, found = *std::move(result), stream] {
         repair_verb(host, found, depth, *stream);
       }});
  if (!posted) stream->fail(ExitCode::kLocked, posted.error());
}

void repair_verb(Host& host, const ScrubResult& found, ScrubDepth depth, Stream& stream) {
  const auto sound = repair(host, found.damage);
  if (!sound) return stream.fail(exit_code_of(sound.error()), sound.error());
  end_of_store_check(host, found, depth, *sound, stream);
}

}  // namespace rollback
