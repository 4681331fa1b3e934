#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything: builds the sanitized tests and the packages, runs every suite, real hosts included, and
# closes with one line of counts. Needs root on Debian 12.
#   --only WORD   suites whose name contains WORD
#   --nightly     proofs cover all they can (ROLLBACK_NIGHTLY=1), without sanitizers and within the nightly shares
#                 of tests/shares.txt
set -euo pipefail
cd "$(dirname "$0")/.."

word=()
while [ $# -gt 0 ]; do
  case $1 in
    --only) [ $# -ge 2 ] || { echo "test.sh: --only needs a word" >&2; exit 1; }; word=(--only "$2"); shift 2 ;;
    --nightly) export ROLLBACK_NIGHTLY=1; shift ;;
    -h | --help) sed -n '3,7p' "$0" | cut -c3-; exit 0 ;;
    *) echo "test.sh: unknown option $1; see scripts/test.sh --help" >&2; exit 1 ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "test.sh: the suites boot real hosts: run it as root" >&2; exit 1; }

# timed WHAT COMMAND...: its seconds, and its output only when it fails
timed() {
  local what=$1 begin=$SECONDS log
  shift
  log=$(mktemp)
  "$@" >"$log" 2>&1 || { tail -n 60 "$log"; echo "test.sh: $what failed" >&2; exit 1; }
  rm -f "$log"
  printf '%-34s %5d s\n' "$what" $((SECONDS - begin))
}

timed "build dependencies" scripts/build-deps.sh
timed "configure the tests" cmake --preset dev
timed "build the tests (ASan, UBSan)" cmake --build --preset dev --target tests/all
if [ "${ROLLBACK_NIGHTLY:-}" = 1 ]; then
  timed "configure the proofs" cmake --preset nightly
  timed "build the proofs (release)" cmake --build --preset nightly --target tests/proof/all tests/power/all
fi
timed "build the packages (release)" scripts/package.sh build/packages
timed "build the benchmarks" cmake --build --preset release --target bench/all
exec python3 -B scripts/run_suites.py "${word[@]}"
