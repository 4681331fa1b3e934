// SPDX-License-Identifier: Apache-2.0
#include "coordinator/fleet/hosts.h"

#include <algorithm>
#include <utility>

#include "protocol/keys.h"

namespace rollback {

namespace {

constexpr std::size_t kShortestPrefix = 8;

bool is_meant(const HostRecord& host, const std::string& text) {
  if (host.name == text || host.id.str() == text) return true;
  return text.size() >= kShortestPrefix &&
         (fingerprint(host.public_key).starts_with(text) || host.id.str().starts_with(text));
}

std::vector<HostRecord> sorted_by_name(std::vector<HostRecord> hosts) {
  std::sort(hosts.begin(), hosts.end(), [](const HostRecord& a, const HostRecord& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  return hosts;
}

}  // namespace

Result<HostRecord> Hosts::enrol(const Hello& hello, const std::string& key, WallTime now) {
  std::size_t pending = 0;
  for (const auto& [id, host] : by_id_) {
    if (host.admission == Admission::kPending) ++pending;
    if ((host.id == hello.host) != (host.public_key == key))
      return fail(ErrorCode::kDenied, "a stranger that calls itself " + hello.name +
                                          " uses the id or the key of " + host.name + " (" +
                                          host.id.str() + ")");
    if (host.id == hello.host) return host;
  }
  if (pending >= kMostPending)
    return fail(ErrorCode::kBusy, std::to_string(pending) +
                                      " hosts are waiting to be accepted already; accept or reject "
                                      "some first");
  HostRecord record;
  record.id = hello.host;
  record.name = hello.name;
  record.public_key = key;
  record.labels = hello.labels;
  record.enrolled = now;
  by_id_[record.id] = record;
  return record;
}

Result<HostRecord> Hosts::find(const std::string& text) const {
  std::vector<HostRecord> found;
  for (const auto& [id, host] : by_id_)
    if (host.admission != Admission::kRemoved && is_meant(host, text)) found.push_back(host);
  if (found.empty())
    return fail(ErrorCode::kNotFound,
                "there is no host '" + text + "'; 'rollbackctl fleet hosts list' shows all");
  if (found.size() > 1)
    return fail(ErrorCode::kConflict,
                "several hosts are meant by '" + text + "'; name one by its fingerprint or id");
  return found.front();
}

Result<HostRecord> Hosts::decide(const HostRecord& host, Admission admission, const std::string& by,
                                 WallTime now) {
  if (admission == Admission::kAccepted)
    for (const auto& [id, other] : by_id_)
      if (other.admission == Admission::kAccepted && other.name == host.name && id != host.id)
        return fail(ErrorCode::kConflict, "another host named " + host.name +
                                              " is in the fleet (fingerprint " +
                                              fingerprint(other.public_key) +
                                              "); remove it first if this one takes its place");
  HostRecord& record = by_id_[host.id];
  record.admission = admission;
  record.decided = now;
  record.decided_by = by;
  return record;
}

Result<HostRecord> Hosts::renew(const Hello& hello, const std::string& key) {
  const auto found = by_id_.find(hello.host);
  if (found == by_id_.end() || found->second.public_key != key ||
      found->second.admission != Admission::kAccepted)
    return fail(ErrorCode::kDenied, "a hello for host " + hello.host.str() +
                                        " came with a key that is not this host's");
  found->second.labels = hello.labels;
  return found->second;
}

const HostRecord* Hosts::accepted_by_key(const std::string& key) const {
  for (const auto& [id, host] : by_id_)
    if (host.public_key == key && host.admission == Admission::kAccepted) return &host;
  return nullptr;
}

const HostRecord* Hosts::by_id(const HostId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

std::vector<HostRecord> Hosts::all() const {
  std::vector<HostRecord> hosts;
  for (const auto& [id, host] : by_id_)
    if (host.admission != Admission::kRemoved) hosts.push_back(host);
  return sorted_by_name(std::move(hosts));
}

std::vector<HostRecord> Hosts::accepted() const {
  std::vector<HostRecord> hosts;
  for (const auto& [id, host] : by_id_)
    if (host.admission == Admission::kAccepted) hosts.push_back(host);
  return sorted_by_name(std::move(hosts));
}

}  // namespace rollback
