#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Snapshots and restores beside restic, borg, casync, ostree and rsync: the same trees, the same run, taking turns.
# Builds the release preset, boots one host, prints medians and ratios. Needs root on Debian 12.
#   bench/snapshot_vs_peers.sh [--tree DIR] [--json FILE] [--only WORK] [--repeat N]    --help says more
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "snapshot_vs_peers.sh: it boots a host: run it as root" >&2; exit 1; }
scripts/build-deps.sh --bench >&2
cmake --preset release >/dev/null
cmake --build --preset release --target rollback-agent rollbackctl bench_snapshot_floor >&2
exec python3 -B bench/peers/main.py "$@"
