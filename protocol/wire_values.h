// SPDX-License-Identifier: Apache-2.0
// Private to the codec's .cpp files: enumerations, strings, ids and lists in and out of schema
// structs. What does not fit throws Malformed, which ends in guarded() (wire.h).
#pragma once

#include <capnp/message.h>

#include <string>
#include <type_traits>
#include <vector>

#include "protocol/codec.h"

namespace rollback::wire {

// What a decoder found wrong, for the message of its error.
struct Malformed {
  std::string what;
};

// ---- Enumerations: numbers from 1 to the last; anything else is refused -----------------------
template <typename E>
struct Last;  // a new enumeration without a row does not compile
template <auto E>
using LastIs = std::integral_constant<decltype(E), E>;
template <>
struct Last<NodeKind> : LastIs<NodeKind::kSymlink> {};
template <>
struct Last<ResourceKind> : LastIs<ResourceKind::kCompose> {};
template <>
struct Last<HistoryAction> : LastIs<HistoryAction::kDeploy> {};
template <>
struct Last<RunOutcome> : LastIs<RunOutcome::kFailed> {};
template <>
struct Last<ReleaseStatus> : LastIs<ReleaseStatus::kInconsistent> {};
template <>
struct Last<RunPhase> : LastIs<RunPhase::kConfirming> {};
template <>
struct Last<RunKind> : LastIs<RunKind::kDeploy> {};
template <>
struct Last<EventLevel> : LastIs<EventLevel::kError> {};
template <>
struct Last<StepAction> : LastIs<StepAction::kStartProject> {};
template <>
struct Last<StepPhase> : LastIs<StepPhase::kVerify> {};
template <>
struct Last<DriftPolicy> : LastIs<DriftPolicy::kAbort> {};
template <>
struct Last<RolloutState> : LastIs<RolloutState::kDone> {};
template <>
struct Last<HostPhase> : LastIs<HostPhase::kUnknown> {};
template <>
struct Last<OnFailure> : LastIs<OnFailure::kContinue> {};
template <>
struct Last<ShortfallPolicy> : LastIs<ShortfallPolicy::kSkip> {};
template <>
struct Last<Verdict> : LastIs<Verdict::kUnknown> {};
template <>
struct Last<Admission> : LastIs<Admission::kRemoved> {};
template <>
struct Last<RelayVerb> : LastIs<RelayVerb::kDiff> {};
template <>
struct Last<MarkChange> : LastIs<MarkChange::kUnblock> {};
template <>
struct Last<DiffContent> : LastIs<DiffContent::kUnreadable> {};
template <>
struct Last<ErrorCode> : LastIs<ErrorCode::kBug> {};

template <typename E>
E known(unsigned number) {
  if (number < 1 || number > static_cast<unsigned>(Last<E>::value))
    throw Malformed{"an enumeration has the unknown number " + std::to_string(number)};
  return static_cast<E>(number);
}
template <typename E>
constexpr std::uint16_t number_of(E value) {
  return static_cast<std::uint16_t>(value);
}
// 0 is what those say who do not know the field.
constexpr std::uint16_t number_of(DriftPolicy policy) {
  return policy == DriftPolicy::kOverwrite ? 0 : static_cast<std::uint16_t>(policy);
}
inline DriftPolicy drift_of(unsigned number) {
  return number == 0 ? DriftPolicy::kOverwrite : known<DriftPolicy>(number);
}
ExitCode known_exit_code(int number);

// ---- Strings, ids, lists ----------------------------------------------------------------------
template <typename B>
void put(B to, void (B::*set)(capnp::Text::Reader), const std::string& words) {
  if (!words.empty()) (to.*set)({words.c_str(), words.size()});
}
inline capnp::Data::Reader as_data(std::string_view bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}
template <typename B>
void put(B to, void (B::*set)(capnp::Data::Reader), std::string_view bytes) {
  if (!bytes.empty()) (to.*set)(as_data(bytes));
}
template <typename B>
void put(B to, void (B::*set)(capnp::Data::Reader), const Digest& digest) {
  if (!digest.is_none()) (to.*set)(as_data(digest.view()));
}
template <typename B, typename Tag, std::size_t N>
void put(B to, void (B::*set)(capnp::Data::Reader), const RandomId<Tag, N>& id) {
  if (!id.is_none()) (to.*set)(as_data(id.bytes()));
}

inline std::string str(capnp::Text::Reader words) { return {words.begin(), words.size()}; }
inline std::string str(capnp::Data::Reader bytes) {
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}
Digest read_digest(capnp::Data::Reader bytes);
template <typename Id>
Id read_id(capnp::Data::Reader bytes) {
  if (bytes.size() == 0) return Id();
  auto id = Id::from_bytes(str(bytes));
  if (!id) throw Malformed{id.error().message};
  if (id->is_none()) throw Malformed{"an id is all zeros"};
  return *id;
}

inline unsigned list_size(std::size_t size) {
  if (size > WireLimits::kMaxList)
    throw Malformed{"a list has " + std::to_string(size) + " items, more than " +
                    std::to_string(WireLimits::kMaxList)};
  return static_cast<unsigned>(size);
}
template <typename B, typename List, typename T>
void put_list(B to, List (B::*init)(unsigned), const std::vector<T>& from) {
  if (from.empty()) return;
  auto list = (to.*init)(list_size(from.size()));
  for (unsigned i = 0; i < list.size(); ++i) write(list[i], from[i]);
}
template <typename B>
void put_list(B to, capnp::List<capnp::Text>::Builder (B::*init)(unsigned),
              const std::vector<std::string>& from) {
  if (from.empty()) return;
  auto list = (to.*init)(list_size(from.size()));
  for (unsigned i = 0; i < list.size(); ++i) list.set(i, {from[i].c_str(), from[i].size()});
}
template <typename B>
void put_list(B to, capnp::List<capnp::Data>::Builder (B::*init)(unsigned),
              const std::vector<std::string>& from) {
  if (from.empty()) return;
  auto list = (to.*init)(list_size(from.size()));
  for (unsigned i = 0; i < list.size(); ++i) list.set(i, as_data(from[i]));
}

template <typename List>
auto read_list(List list) {
  std::vector<decltype(read(list[0]))> items;
  items.reserve(list_size(list.size()));
  for (unsigned i = 0; i < list.size(); ++i) items.push_back(read(list[i]));
  return items;
}
template <typename List>
std::vector<std::string> read_strings(List list) {
  std::vector<std::string> items;
  items.reserve(list_size(list.size()));
  for (unsigned i = 0; i < list.size(); ++i) items.push_back(str(list[i]));
  return items;
}

// Phases and their durations lie in two lists of one length.
template <typename B>
void put_times(B to, const std::vector<PhaseTime>& times) {
  if (times.empty()) return;
  auto phases = to.initTimePhases(list_size(times.size()));
  auto took = to.initTimeNs(list_size(times.size()));
  for (unsigned i = 0; i < phases.size(); ++i) {
    phases.set(i, static_cast<std::uint8_t>(times[i].phase));
    took.set(i, times[i].took.count());
  }
}
template <typename R>
std::vector<PhaseTime> read_times(R from) {
  const auto phases = from.getTimePhases();
  const auto took = from.getTimeNs();
  if (phases.size() != took.size()) throw Malformed{"phases and their times differ in number"};
  std::vector<PhaseTime> times;
  times.reserve(list_size(phases.size()));
  for (unsigned i = 0; i < phases.size(); ++i)
    times.push_back({known<RunPhase>(phases[i]), Duration(took[i])});
  return times;
}

}  // namespace rollback::wire
