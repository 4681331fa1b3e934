#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rollbacks beside rsync and systemctl restart on the same host in the same run; how long the files are neither the one
# nor the other, how long recovery takes at boot, and how fast the agent answers meanwhile.
# Builds the release preset and the packages, boots hosts, prints medians and ratios. Needs root on Debian 12.
#   bench/rollback_vs_peers.sh [--tree DIR] [--json FILE] [--only WORK] [--repeat N]    --help says more
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "rollback_vs_peers.sh: it boots hosts: run it as root" >&2; exit 1; }
scripts/build-deps.sh --bench >&2
scripts/package.sh build/packages >&2
exec python3 -B bench/rollbacks/main.py "$@"
