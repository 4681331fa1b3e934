// SPDX-License-Identifier: Apache-2.0
#include "tests/power/write_log.h"

#include <algorithm>
#include <utility>

namespace rollback {

namespace {

constexpr int kTriesPerState = 16;  // before a kind counts as used up

std::uint64_t hash_of(std::string_view bytes) { return std::hash<std::string_view>()(bytes); }

// That `hash` stands in sector `number`; splitmix64's end.
std::uint64_t mixed(std::uint64_t number, std::uint64_t hash) {
  std::uint64_t value = hash + (number + 1) * 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

template <typename T>
void shuffle(std::vector<T>& values, SeededRandom& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

}  // namespace

std::string_view to_string(CrashKind kind) noexcept {
  switch (kind) {
    case CrashKind::kPrefix:
      return "prefix";
    case CrashKind::kLost:
      return "lost";
    case CrashKind::kTorn:
      return "torn";
  }
  return "?";
}

void for_each_write(const WriteLog& log, const CrashState& state, const UseWrite& use) {
  for (std::size_t i = 0; i < state.cut; ++i) {
    const auto& event = log[i];
    if (event.kind == BlockEvent::Kind::kFlush) continue;
    if (std::binary_search(state.lost.begin(), state.lost.end(), i)) continue;
    if (state.torn == i && state.torn_to > 0)
      use(event, state.torn_from, state.torn_to);
    else
      use(event, 0, event.size);
  }
}

// The states so far: those that look like another one are left out.
class CrashStates::Choice {
 public:
  Choice(const CrashStates& states, std::unordered_set<std::uint64_t>& seen, std::uint64_t base)
      : states_(states), seen_(seen), base_(base) {}

  bool add(CrashState state) {
    const auto fingerprint = states_.fingerprint(state) ^ base_;
    if (!seen_.insert(fingerprint).second) return false;
    chosen_.push_back({std::move(state), fingerprint});
    return true;
  }
  std::vector<Chosen> take() { return std::move(chosen_); }

 private:
  const CrashStates& states_;
  std::unordered_set<std::uint64_t>& seen_;
  const std::uint64_t base_;
  std::vector<Chosen> chosen_;
};

CrashStates::CrashStates(const WriteLog& log, const Base& base) : log_(log), epochs_(1) {
  for (std::size_t i = 0; i < log.size(); ++i) {
    const auto& event = log[i];
    auto& sectors = sectors_.emplace_back();
    epoch_by_event_.push_back(epochs_.size() - 1);
    if (event.kind == BlockEvent::Kind::kFlush) {
      epochs_.emplace_back();
      continue;
    }
    writes_.push_back(i);
    epochs_.back().end = i + 1;
    epochs_.back().writes.push_back(i);
    static const std::string zeroes(kSector, '\0');
    for (std::uint64_t at = 0; at < event.size; at += kSector) {
      const auto number = (event.offset + at) / kSector;
      const auto [found, is_new] = index_.try_emplace(number, base_.size());
      if (is_new) {
        numbers_.push_back(number);
        base_.push_back(hash_of(base(event.offset + at, kSector)));
      }
      const bool zero = event.kind == BlockEvent::Kind::kZero;
      const auto bytes =
          zero ? std::string_view(zeroes) : std::string_view(event.bytes).substr(at, kSector);
      sectors.push_back({found->second, hash_of(bytes)});
    }
  }
}

std::uint64_t CrashStates::fingerprint(const CrashState& state) const {
  auto now = base_;
  for (std::size_t i = 0; i < state.cut; ++i) {
    if (std::binary_search(state.lost.begin(), state.lost.end(), i)) continue;
    const bool torn = state.torn == i && state.torn_to > 0;
    const std::size_t from = torn ? state.torn_from / kSector : 0;
    const std::size_t to = torn ? state.torn_to / kSector : sectors_[i].size();
    for (std::size_t at = from; at < to; ++at) now[sectors_[i][at].index] = sectors_[i][at].hash;
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != base_[i]) sum ^= mixed(numbers_[i], now[i]) ^ mixed(numbers_[i], base_[i]);
  return sum;
}

std::vector<CrashStates::Chosen> CrashStates::choose(const CrashBudget& budget,
                                                     SeededRandom& random,
                                                     std::unordered_set<std::uint64_t>& seen,
                                                     std::uint64_t base) const {
  Choice choice(*this, seen, base);
  if (writes_.empty()) return {};
  add_prefixes(choice, budget, random);
  add_lost(choice, budget.lost, random);
  add_torn(choice, budget.torn, random);
  return choice.take();
}

const CrashStates::Epoch& CrashStates::epoch_of(std::size_t write) const {
  return epochs_[epoch_by_event_[write]];
}

// Each as late as it can be: the flush that follows changes nothing on the disk, but much of what
// may be relied on.
void CrashStates::add_prefixes(Choice& choice, const CrashBudget& budget,
                               SeededRandom& random) const {
  std::vector<std::size_t> cuts(writes_.begin() + 1, writes_.end());
  cuts.push_back(log_.size());
  shuffle(cuts, random);
  cuts.insert(cuts.begin(), budget.first.begin(), budget.first.end());
  auto most = budget.prefixes;
  for (const auto cut : cuts) {
    if (most == 0) return;
    CrashState state;
    state.cut = std::min(cut, log_.size());
    if (choice.add(std::move(state))) --most;
  }
}

// Half of them lack one write each, the others any.
void CrashStates::add_lost(Choice& choice, std::size_t most, SeededRandom& random) const {
  std::vector<CrashState> one;
  std::vector<std::size_t> several;  // writes that are not alone in their epoch
  for (const auto& epoch : epochs_) {
    if (epoch.writes.size() < 2) continue;
    for (const auto write : epoch.writes) {
      several.push_back(write);
      CrashState state;
      state.kind = CrashKind::kLost;
      state.cut = epoch.end;
      state.lost = {write};
      one.push_back(std::move(state));
    }
  }
  shuffle(one, random);
  std::size_t single = (most + 1) / 2;
  for (auto& state : one) {
    if (single == 0) break;
    if (!choice.add(std::move(state))) continue;
    --single;
    --most;
  }
  for (std::size_t tries = most * kTriesPerState; most > 0 && tries > 0 && !several.empty();
       --tries)
    if (choice.add(lost_in(epoch_of(several[random.below(several.size())]), random))) --most;
}

CrashState CrashStates::lost_in(const Epoch& epoch, SeededRandom& random) const {
  CrashState state;
  state.kind = CrashKind::kLost;
  state.cut = epoch.end;
  const auto kept_of_four = 1 + random.below(3);
  for (const auto write : epoch.writes)
    if (random.below(4) >= kept_of_four) state.lost.push_back(write);
  return state;
}

void CrashStates::add_torn(Choice& choice, std::size_t most, SeededRandom& random) const {
  std::vector<std::size_t> long_ones;
  for (const auto write : writes_)
    if (log_[write].size > kSector && log_[write].kind == BlockEvent::Kind::kWrite)
      long_ones.push_back(write);
  if (long_ones.empty()) return;
  for (std::size_t tries = most * kTriesPerState; most > 0 && tries > 0; --tries)
    if (choice.add(torn_at(long_ones[random.below(long_ones.size())], random))) --most;
}

// Later writes of its epoch are lost; earlier ones are there, or any of them.
CrashState CrashStates::torn_at(std::size_t write, SeededRandom& random) const {
  const auto& event = log_[write];
  const auto unit = event.size > kBlock && random.below(2) == 0 ? kBlock : kSector;
  const auto boundary = unit * (1 + random.below((event.size - 1) / unit));
  const bool keeps_start = random.below(2) == 0;
  const bool loses_others = random.below(2) == 0;
  CrashState state;
  state.kind = CrashKind::kTorn;
  state.cut = write + 1;
  state.torn = write;
  state.torn_from = keeps_start ? 0 : boundary;
  state.torn_to = keeps_start ? boundary : event.size;
  for (const auto other : epoch_of(write).writes)
    if (loses_others && other < write && random.below(2) == 0) state.lost.push_back(other);
  return state;
}

}  // namespace rollback
