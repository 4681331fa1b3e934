// SPDX-License-Identifier: Apache-2.0
// What both replies and heartbeats carry: health, status, hosts.
#include "protocol/wire.h"

namespace rollback::wire {

void write(ProbeResult::Builder to, const rollback::ProbeResult& from) {
  put(to, &ProbeResult::Builder::setName, from.name);
  to.setGreen(from.green);
  to.setAdvisory(!from.required);
  put(to, &ProbeResult::Builder::setAnswer, from.answer);
  to.setTookNs(from.took.count());
}

rollback::ProbeResult read(ProbeResult::Reader from) {
  return {str(from.getName()), from.getGreen(), !from.getAdvisory(), str(from.getAnswer()),
          Duration(from.getTookNs())};
}

void write(HealthItem::Builder to, const rollback::HealthItem& from) {
  to.setVerdict(number_of(from.verdict));
  put_list(to, &HealthItem::Builder::initProbes, from.probes);
  to.setTimeNs(from.time.ns);
}

rollback::HealthItem read(HealthItem::Reader from) {
  return {known<Verdict>(from.getVerdict()), read_list(from.getProbes()),
          WallTime{from.getTimeNs()}};
}

void write(StatusItem::Builder to, const rollback::StatusItem& from) {
  put(to, &StatusItem::Builder::setId, from.id);
  put(to, &StatusItem::Builder::setHost, from.host);
  put(to, &StatusItem::Builder::setVersion, from.version);
  put(to, &StatusItem::Builder::setRelease, from.release);
  put(to, &StatusItem::Builder::setSnapshot, from.snapshot.digest);
  to.setHealth(number_of(from.health));
  put(to, &StatusItem::Builder::setStore, from.store);
  put(to, &StatusItem::Builder::setRun, from.run);
  to.setRunPhase(number_of(from.run_phase));
  put(to, &StatusItem::Builder::setLink, from.link);
  to.setUptimeNs(from.uptime.count());
  to.setVerifiedNs(from.verified.ns);
  put(to, &StatusItem::Builder::setReserve, from.reserve);
}

rollback::StatusItem read(StatusItem::Reader from) {
  rollback::StatusItem status;
  status.id = read_id<HostId>(from.getId());
  status.host = str(from.getHost());
  status.version = str(from.getVersion());
  status.release = str(from.getRelease());
  status.snapshot = {read_digest(from.getSnapshot())};
  status.health = known<Verdict>(from.getHealth());
  status.store = str(from.getStore());
  status.run = str(from.getRun());
  status.run_phase = known<RunPhase>(from.getRunPhase());
  status.link = str(from.getLink());
  status.uptime = Duration(from.getUptimeNs());
  status.verified = {from.getVerifiedNs()};
  status.reserve = str(from.getReserve());
  return status;
}

void write(Label::Builder to, const std::pair<std::string, std::string>& from) {
  put(to, &Label::Builder::setName, from.first);
  put(to, &Label::Builder::setValue, from.second);
}

std::pair<std::string, std::string> read(Label::Reader from) {
  return {str(from.getName()), str(from.getValue())};
}

void write(HostItem::Builder to, const rollback::HostItem& from) {
  put(to, &HostItem::Builder::setId, from.id);
  put(to, &HostItem::Builder::setName, from.name);
  put(to, &HostItem::Builder::setFingerprint, from.fingerprint);
  to.setAdmission(number_of(from.admission));
  put_list(to, &HostItem::Builder::initLabels, from.labels);
  to.setOnline(from.online);
  to.setLastSeenNs(from.last_seen.ns);
  write(to.initStatus(), from.status);
  write(to.initHealth(), from.health);
}

rollback::HostItem read(HostItem::Reader from) {
  rollback::HostItem host;
  host.id = read_id<HostId>(from.getId());
  host.name = str(from.getName());
  host.fingerprint = str(from.getFingerprint());
  host.admission = known<Admission>(from.getAdmission());
  host.labels = read_list(from.getLabels());
  host.online = from.getOnline();
  host.last_seen = {from.getLastSeenNs()};
  host.status = read(from.getStatus());
  host.health = read(from.getHealth());
  return host;
}

}  // namespace rollback::wire
