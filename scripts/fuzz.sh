#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the decoders of what others may have written: scripts/fuzz.sh [SECONDS [FUZZER...]]
# SECONDS (60) for each of tree, snapshot, blob, chunk_list, archive. Needs clang, which nothing else
# here does:  apt-get install clang libclang-rt-14-dev
# What it finds stays in build/fuzz/found; what is new of the corpus in build/fuzz/corpus. A finding
# becomes a file of tests/fuzz/corpus, which tests/fuzz/replay_test.cpp runs from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
fuzzers=("${@:2}")
[ ${#fuzzers[@]} -gt 0 ] || fuzzers=(tree snapshot blob chunk_list archive)
command -v clang++ >/dev/null || { echo "fuzz.sh: clang++ is missing; apt-get install clang libclang-rt-14-dev" >&2; exit 1; }

build=build/fuzz
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_FLAGS="-O1 -g1" -DCMAKE_C_COMPILER=clang \
  -DCMAKE_CXX_COMPILER=clang++ -DROLLBACK_TESTS=ON -DROLLBACK_FUZZ=ON \
  -DROLLBACK_SANITIZE=address,undefined,fuzzer-no-link >/dev/null
ninja -C "$build" -j "$(nproc)" "${fuzzers[@]/#/fuzz_}" | tail -1

for name in "${fuzzers[@]}"; do
  mkdir -p "$build/corpus/$name" "$build/found"
  echo "== $name, $seconds s"
  "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
    -print_final_stats=1 -artifact_prefix="$build/found/$name-" \
    "$build/corpus/$name" "tests/fuzz/corpus/$name" 2>&1 |
    grep -E "^stat::number_of_executed_units|^stat::new_units|cov:|ERROR|SUMMARY|Test unit written" |
    tail -6
done
