// SPDX-License-Identifier: Apache-2.0
// Rollouts, their policies and hosts.
#include <algorithm>

#include "protocol/wire.h"

namespace rollback::wire {

namespace {

// One byte holds the count; a host told this often has long been given up.
constexpr std::uint32_t kMaxAttempts = 255;

std::uint64_t word_at(std::string_view bytes, std::size_t index) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i)
    word |= std::uint64_t{static_cast<unsigned char>(bytes[8 * index + i])} << 8 * i;
  return word;
}

std::string bytes_of(std::initializer_list<std::uint64_t> words) {
  std::string bytes;
  for (const auto word : words)
    for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(word >> 8 * i & 0xff);
  return bytes;
}

}  // namespace

void write(Amount::Builder to, const rollback::Amount& from) {
  to.setValue(from.value);
  to.setPercent(from.percent);
}

rollback::Amount read(Amount::Reader from) {
  if (from.getPercent() && from.getValue() > 100) throw Malformed{"a share is above 100%"};
  return {from.getValue(), from.getPercent()};
}

void write(RolloutPolicy::Builder to, const rollback::RolloutPolicy& from) {
  put_list(to, &RolloutPolicy::Builder::initBatches, from.batches);
  to.setBatchWaitNs(from.batch_wait.count());
  write(to.initMaxFail(), from.max_fail);
  to.setOnFailure(number_of(from.on_failure));
  to.setUnready(number_of(from.unready));
  to.setMissing(number_of(from.missing));
  to.setOffline(number_of(from.offline));
  to.setTimeoutNs(from.timeout.count());
  to.setConfirmNs(from.confirm.count());
}

rollback::RolloutPolicy read(RolloutPolicy::Reader from) {
  return {read_list(from.getBatches()),
          Duration(from.getBatchWaitNs()),
          read(from.getMaxFail()),
          known<OnFailure>(from.getOnFailure()),
          known<ShortfallPolicy>(from.getUnready()),
          known<ShortfallPolicy>(from.getMissing()),
          known<ShortfallPolicy>(from.getOffline()),
          Duration(from.getTimeoutNs()),
          Duration(from.getConfirmNs())};
}

void write(RolloutHost::Builder to, const rollback::RolloutHost& from) {
  auto id = to.initId();
  id.setHigh(word_at(from.id.bytes(), 0));
  id.setLow(word_at(from.id.bytes(), 1));
  auto digest = to.initPlanDigest();
  digest.setA(word_at(from.plan_digest.view(), 0));
  digest.setB(word_at(from.plan_digest.view(), 1));
  digest.setC(word_at(from.plan_digest.view(), 2));
  digest.setD(word_at(from.plan_digest.view(), 3));
  put(to, &RolloutHost::Builder::setName, from.name);
  to.setPhase(static_cast<std::uint8_t>(from.phase));
  to.setRunPhase(static_cast<std::uint8_t>(from.run_phase));
  to.setWave(from.wave);
  to.setChanged(from.changed);
  to.setAttempts(static_cast<std::uint8_t>(std::min(from.attempts, kMaxAttempts)));
  put_list(to, &RolloutHost::Builder::initFindings, from.findings);
  put_times(to, from.times);
}

rollback::RolloutHost read(RolloutHost::Reader from) {
  rollback::RolloutHost host;
  const auto id = from.getId();
  const auto digest = from.getPlanDigest();
  host.id = *HostId::from_bytes(bytes_of({id.getHigh(), id.getLow()}));
  host.plan_digest =
      *Digest::from_bytes(bytes_of({digest.getA(), digest.getB(), digest.getC(), digest.getD()}));
  host.name = str(from.getName());
  host.phase = known<HostPhase>(from.getPhase());
  host.run_phase = known<RunPhase>(from.getRunPhase());
  host.wave = from.getWave();
  host.changed = from.getChanged();
  host.attempts = from.getAttempts();
  host.findings = read_strings(from.getFindings());
  host.times = read_times(from);
  return host;
}

void write(Rollout::Builder to, const RolloutRecord& from) {
  put(to, &Rollout::Builder::setId, from.id);
  put(to, &Rollout::Builder::setTo, from.to);
  put(to, &Rollout::Builder::setActor, from.actor);
  put(to, &Rollout::Builder::setReason, from.reason);
  write(to.initPolicy(), from.policy);
  to.setState(number_of(from.state));
  to.setAborted(from.aborted);
  to.setDryRun(from.dry_run);
  to.setStartedNs(from.started.ns);
  to.setFinishedNs(from.finished.ns);
  to.setExitCode(from.exit_code);
  to.setWave(from.wave);
  to.setNextWaveNs(from.next_wave.ns);
  to.setResumedNs(from.resumed.ns);
}

RolloutRecord read(Rollout::Reader from) {
  RolloutRecord rollout;
  rollout.id = read_id<RunId>(from.getId());
  rollout.to = str(from.getTo());
  rollout.actor = str(from.getActor());
  rollout.reason = str(from.getReason());
  rollout.policy = read(from.getPolicy());
  rollout.state = known<RolloutState>(from.getState());
  rollout.aborted = from.getAborted();
  rollout.dry_run = from.getDryRun();
  rollout.started = {from.getStartedNs()};
  rollout.finished = {from.getFinishedNs()};
  rollout.exit_code = static_cast<int>(known_exit_code(from.getExitCode()));
  rollout.wave = from.getWave();
  rollout.next_wave = {from.getNextWaveNs()};
  rollout.resumed = {from.getResumedNs()};
  return rollout;
}

void write(Host::Builder to, const HostRecord& from) {
  put(to, &Host::Builder::setId, from.id);
  put(to, &Host::Builder::setName, from.name);
  put(to, &Host::Builder::setPublicKey, from.public_key);
  put_list(to, &Host::Builder::initLabels, from.labels);
  to.setAdmission(number_of(from.admission));
  to.setEnrolledNs(from.enrolled.ns);
  to.setDecidedNs(from.decided.ns);
  put(to, &Host::Builder::setDecidedBy, from.decided_by);
}

HostRecord read(Host::Reader from) {
  HostRecord host;
  host.id = read_id<HostId>(from.getId());
  host.name = str(from.getName());
  host.public_key = str(from.getPublicKey());
  host.labels = read_list(from.getLabels());
  host.admission = known<Admission>(from.getAdmission());
  host.enrolled = {from.getEnrolledNs()};
  host.decided = {from.getDecidedNs()};
  host.decided_by = str(from.getDecidedBy());
  return host;
}

}  // namespace rollback::wire
