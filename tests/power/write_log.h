// SPDX-License-Identifier: Apache-2.0
// What a disk was asked to write, and what a power cut could have left of it. Values, no I/O.
//
// A disk keeps what was written before a flush that has ended. Of what came later it may have kept
// all in its order, any part of it, or a part of one write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/support/seeded_random.h"

namespace rollback {

inline constexpr std::uint64_t kSector = 512;  // what a disk writes whole or not at all
inline constexpr std::uint64_t kBlock = 4096;  // the same of a modern one

struct BlockEvent {
  enum class Kind { kWrite = 1, kZero = 2, kFlush = 3 };
  Kind kind = Kind::kFlush;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string bytes;  // of a write
};
using WriteLog = std::vector<BlockEvent>;

enum class CrashKind { kPrefix = 1, kLost = 2, kTorn = 3 };
inline constexpr CrashKind kEveryCrashKind[] = {CrashKind::kPrefix, CrashKind::kLost,
                                                CrashKind::kTorn};
std::string_view to_string(CrashKind kind) noexcept;

struct CrashState {
  CrashKind kind = CrashKind::kPrefix;
  std::size_t cut = 0;            // so many events had come
  std::vector<std::size_t> lost;  // of those, sorted: what never reached the disk
  std::size_t torn = 0;  // the event of which only these bytes did; none when they are none
  std::uint64_t torn_from = 0;
  std::uint64_t torn_to = 0;
};

// What reached the disk, in order: an event that writes, and which of its bytes.
using UseWrite = std::function<void(const BlockEvent&, std::uint64_t from, std::uint64_t to)>;
void for_each_write(const WriteLog& log, const CrashState& state, const UseWrite& use);

struct CrashBudget {
  std::size_t prefixes = 0;
  std::size_t lost = 0;
  std::size_t torn = 0;
  std::vector<std::size_t> first = {};  // cuts whose prefixes are among them, before others
};

// The crash states of a log that differ on the disk from each other and from those chosen before.
class CrashStates {
 public:
  using Base = std::function<std::string_view(std::uint64_t offset, std::uint64_t size)>;
  // `base`: what the disk held before the first event.
  CrashStates(const WriteLog& log, const Base& base);

  // Two states have the same exactly when (but for chance) their disks hold the same. Over another
  // base: XOR of the base's own and this one.
  [[nodiscard]] std::uint64_t fingerprint(const CrashState& state) const;

  struct Chosen {
    CrashState state;
    std::uint64_t fingerprint = 0;
  };
  // As many as the log has, at most those of `budget`; the same for the same log and random. `seen`
  // holds fingerprints, XOR `base`, that do not count any more, and gets those of the answer.
  std::vector<Chosen> choose(const CrashBudget& budget, SeededRandom& random,
                             std::unordered_set<std::uint64_t>& seen, std::uint64_t base = 0) const;

 private:
  struct Sector {
    std::size_t index = 0;   // in base_
    std::uint64_t hash = 0;  // of what an event writes there
  };
  struct Epoch {  // the writes between two flushes
    std::vector<std::size_t> writes;
    std::size_t end = 0;  // so many events had come with the last of them
  };
  class Choice;

  [[nodiscard]] const Epoch& epoch_of(std::size_t write) const;
  [[nodiscard]] CrashState torn_at(std::size_t write, SeededRandom& random) const;
  [[nodiscard]] CrashState lost_in(const Epoch& epoch, SeededRandom& random) const;
  void add_prefixes(Choice& choice, const CrashBudget& budget, SeededRandom& random) const;
  void add_lost(Choice& choice, std::size_t most, SeededRandom& random) const;
  void add_torn(Choice& choice, std::size_t most, SeededRandom& random) const;

  const WriteLog& log_;
  std::vector<std::size_t> writes_;
  std::vector<Epoch> epochs_;
  std::vector<std::size_t> epoch_by_event_;
  std::unordered_map<std::uint64_t, std::size_t> index_;  // by number of the sector
  std::vector<std::uint64_t> numbers_;                    // of the sectors
  std::vector<std::uint64_t> base_;                       // hashes of what was there before
  std::vector<std::vector<Sector>> sectors_;              // by event
};

}  // namespace rollback
