#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the release preset and the three Debian packages into OUTDIR (default: build/packages).
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:-build/packages}")
programs=(rollback-agent rollback-recover rollback-coordinator rollbackctl)

cmake --preset release >/dev/null
cmake --build --preset release --target "${programs[@]}"
mkdir -p "$out"
rm -f "$out"/rollback-agent_*.deb "$out"/rollback-coordinator_*.deb "$out"/rollbackctl_*.deb
log=$out/cpack.log
cpack --config build/release/CPackConfig.cmake -B "$out" >"$log" 2>&1 || {
  echo "package.sh: cpack failed, see $log; its last lines:" >&2
  tail -n 15 "$log" >&2
  exit 1
}
rm -rf "$out/_CPack_Packages"
ls "$out"/*.deb
