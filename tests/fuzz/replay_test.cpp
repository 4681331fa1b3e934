// SPDX-License-Identifier: Apache-2.0
// Every fuzzer on its corpus and on what chance makes of it; long runs are scripts/fuzz.sh.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzzers.h"
#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

constexpr int kMutations = 300;  // of each file

struct Fuzzer {
  const char* name;
  void (*run)(std::string_view);
};

class Replay : public testing::TestWithParam<Fuzzer> {};

std::vector<std::string> corpus_of(const std::string& name) {
  std::vector<std::string> inputs;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(ROLLBACK_CORPUS) + "/" + name)) {
    std::ifstream in(file.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

// A byte changed, bytes cut out, repeated, or put in from elsewhere.
void mutate(std::string& bytes, const std::vector<std::string>& corpus, SeededRandom& random) {
  if (bytes.empty()) bytes = "x";
  const std::size_t at = random.below(bytes.size());
  const std::size_t size = random.below(std::min<std::size_t>(bytes.size() - at, 64)) + 1;
  const std::string& other = corpus[random.below(corpus.size())];
  switch (random.below(5)) {
    case 0:
      bytes[at] = static_cast<char>(random.below(256));
      return;
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.below(8));
      return;
    case 2:
      bytes.erase(at, size);
      return;
    case 3:
      bytes.insert(at, bytes.substr(at, size));
      return;
    default:
      if (!other.empty()) bytes.replace(at, size, other.substr(random.below(other.size()), size));
  }
}

TEST_P(Replay, ReturnsForEveryInput) {
  const auto corpus = corpus_of(GetParam().name);
  ASSERT_FALSE(corpus.empty());
  SeededRandom random;
  GetParam().run("");
  for (const auto& input : corpus) {
    GetParam().run(input);
    for (int i = 0; i < kMutations; ++i) {
      std::string bytes = input;
      for (std::uint64_t turns = random.below(4) + 1; turns > 0; --turns)
        mutate(bytes, corpus, random);
      GetParam().run(bytes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzzers, Replay,
                         testing::Values(Fuzzer{"tree", fuzz::tree},
                                         Fuzzer{"snapshot", fuzz::snapshot},
                                         Fuzzer{"blob", fuzz::blob},
                                         Fuzzer{"chunk_list", fuzz::chunk_list},
                                         Fuzzer{"archive", fuzz::archive}),
                         [](const auto& it) { return std::string(it.param.name); });

}  // namespace
}  // namespace rollback
