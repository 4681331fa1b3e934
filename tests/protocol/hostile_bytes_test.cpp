// SPDX-License-Identifier: Apache-2.0
// Bytes that nobody honest sent. What is accepted must be a whole value, which encodes and comes
// back as itself (fields of a newer schema are not understood and dropped); nothing may crash, and
// nothing may cost more than its size allows.
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>

#include "protocol/codec.h"
#include "protocol/frame.h"
#include "protocol/records.h"
#include "tests/protocol/samples.h"

namespace rollback {
namespace {

// Decodes, and encodes again what was accepted; nullopt when it was refused.
using Decoder = std::function<std::optional<std::string>(std::string_view)>;

template <auto Decode, auto Encode>
std::optional<std::string> reencode(std::string_view bytes) {
  const auto value = Decode(bytes);
  if (!value) return std::nullopt;
  return *Encode(*value);
}

struct Format {
  std::string name;
  Decoder decoder;
  std::vector<std::string> valid;
};

std::vector<Format> formats() {
  std::vector<std::string> commands;
  for (const auto& body : samples::command_bodies())
    commands.push_back(*encode_command(samples::command(body)));
  std::vector<std::string> replies;
  for (const auto& body : samples::reply_bodies())
    replies.push_back(*encode_reply(samples::reply(body)));
  return {
      {"command", reencode<decode_command, encode_command>, commands},
      {"reply", reencode<decode_reply, encode_reply>, replies},
      {"envelope",
       reencode<decode_envelope, encode_envelope>,
       {*encode_envelope({commands[5], {"proof"}})}},
      {"agent message",
       reencode<decode_agent_message, encode_agent_message>,
       {*encode_agent_message(samples::hello()),
        *encode_agent_message(Heartbeat{samples::status(), samples::health()})}},
      {"coordinator message",
       reencode<decode_coordinator_message, encode_coordinator_message>,
       {*encode_coordinator_message(Welcome{1, "shop", 5})}},
      {"enrolment",
       reencode<decode_enrolment_request, encode_enrolment_request>,
       {*encode_enrolment_request({samples::hello()})}},
      {"tree", reencode<decode_tree, encode_tree>, {*encode_tree(samples::tree())}},
      {"snapshot",
       reencode<decode_snapshot, encode_snapshot>,
       {*encode_snapshot(samples::snapshot())}},
      {"run", reencode<decode_run, encode_run>, {*encode_run(samples::run())}},
      {"rollout host",
       reencode<decode_rollout_host, encode_rollout_host>,
       {*encode_rollout_host(samples::rollout_host())}},
  };
}

void expect_refused_or_a_value(const Format& format, const std::string& bytes) {
  const auto again = format.decoder(bytes);
  if (!again) return;
  EXPECT_EQ(format.decoder(*again), again) << format.name << " accepted what is no value";
}

std::string mutate(std::string bytes, std::mt19937_64& random) {
  const auto pick = [&](std::size_t bound) { return random() % bound; };
  // Behind the header, where the structure is; the header has tests of its own.
  const std::size_t body = bytes.size() - kFrameHeader;
  const auto changes = 1 + pick(3);
  for (std::size_t i = 0; i < changes; ++i) {
    const auto at = kFrameHeader + pick(body);
    switch (pick(4)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << pick(8));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2: {  // a whole word: pointers are words
        const std::uint64_t word = pick(2) == 0 ? random() : ~std::uint64_t{0} >> pick(64);
        std::memcpy(&bytes[at & ~std::size_t{7}], &word, sizeof(word));
        break;
      }
      default: {  // one word over another
        const auto from = kFrameHeader + (pick(body) & ~std::size_t{7});
        std::memmove(&bytes[at & ~std::size_t{7}], &bytes[from], 8);
      }
    }
  }
  return bytes;
}

TEST(HostileBytes, EveryTruncationIsRefused) {
  for (const auto& format : formats())
    for (const auto& valid : format.valid)
      for (std::size_t size = 0; size < valid.size(); ++size)
        EXPECT_FALSE(format.decoder(valid.substr(0, size))) << format.name << " cut at " << size;
}

TEST(HostileBytes, BytesBehindTheEndAreRefused) {
  for (const auto& format : formats())
    for (const auto* tail : {"x", "12345678"})
      EXPECT_FALSE(format.decoder(format.valid[0] + tail)) << format.name;
  for (const auto& format : formats())
    EXPECT_FALSE(format.decoder(format.valid[0] + std::string(8, '\0'))) << format.name;
}

TEST(HostileBytes, EverySingleBitFlipIsRefusedOrAValue) {
  for (const auto& format : formats()) {
    auto bytes = format.valid[0];
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
      expect_refused_or_a_value(format, bytes);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    }
  }
}

TEST(HostileBytes, SeededMutationsNeverCrash) {
  const char* const given = std::getenv("ROLLBACK_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'122ULL;
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const auto& format : formats())
    for (int i = 0; i < 1000; ++i) {
      const auto& valid = format.valid[random() % format.valid.size()];
      expect_refused_or_a_value(format, mutate(valid, random));
      ASSERT_FALSE(HasFailure()) << "ROLLBACK_SEED=" << seed;
    }
}

TEST(HostileBytes, RandomBytesBehindAValidHeaderNeverCrash) {
  std::mt19937_64 random(1);
  for (const auto& format : formats())
    for (int i = 0; i < 200; ++i) {
      std::string bytes = format.valid[0].substr(0, kFrameHeader);
      for (std::uint64_t words = random() % 64; words > 0; --words) {
        const std::uint64_t word = random();
        bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
      }
      expect_refused_or_a_value(format, bytes);
    }
}

std::uint64_t struct_pointer(std::int32_t offset, unsigned data, unsigned pointers) {
  return static_cast<std::uint32_t>(offset) << 2 | std::uint64_t{data} << 32 |
         std::uint64_t{pointers} << 48;
}
std::uint64_t list_pointer(std::int32_t offset, unsigned size, std::uint64_t count) {
  return (static_cast<std::uint32_t>(offset) << 2 | 1U) | std::uint64_t{size} << 32 | count << 35;
}
std::string framed(const std::string& valid, const std::vector<std::uint64_t>& words) {
  std::string bytes = valid.substr(0, kFrameHeader);
  for (const auto word : words) bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
  return bytes;
}

// Each message is a few words that promise millions of items or a walk without end.
TEST(HostileBytes, AmplificationIsRefusedAtOnce) {
  constexpr std::uint64_t kMany = (1ULL << 29) - 1;
  std::vector<std::vector<std::uint64_t>> bombs;
  for (unsigned pointer = 0; pointer < 4; ++pointer) {
    for (unsigned size = 0; size < 8; ++size) {
      std::vector<std::uint64_t> words = {struct_pointer(0, 0, 4), 0, 0, 0, 0};
      words[1 + pointer] = list_pointer(static_cast<std::int32_t>(3 - pointer), size, kMany);
      bombs.push_back(words);
      words[1 + pointer] = list_pointer(static_cast<std::int32_t>(3 - pointer), size, 0);
      bombs.push_back(words);
    }
    // An inline composite list of 2^29 - 1 structs without a size.
    std::vector<std::uint64_t> words = {struct_pointer(0, 0, 4), 0, 0, 0, 0};
    words[1 + pointer] = list_pointer(static_cast<std::int32_t>(3 - pointer), 7, 0);
    words.push_back(struct_pointer(static_cast<std::int32_t>(kMany), 0, 0));
    bombs.push_back(words);
    // A pointer to the struct that holds it.
    words = {struct_pointer(0, 0, 4), 0, 0, 0, 0};
    words[1 + pointer] = struct_pointer(-static_cast<std::int32_t>(pointer) - 1, 0, 4);
    bombs.push_back(words);
  }
  for (std::uint64_t far = 0; far < 64; ++far) bombs.push_back({2 | far << 2 | far << 32, 0, 0});
  for (const auto& format : formats())
    for (const auto& bomb : bombs) {
      const auto started = std::chrono::steady_clock::now();
      expect_refused_or_a_value(format, framed(format.valid[0], bomb));
      EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(1));
    }
}

}  // namespace
}  // namespace rollback
