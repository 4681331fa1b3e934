#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building, testing and the demo need on Debian 12. The one list of packages.
#   scripts/build-deps.sh [--bench]   also the programs that bench/ compares with
set -euo pipefail

packages=(
  # build
  build-essential cmake ninja-build ccache lld pkg-config git dpkg-dev file
  # libraries
  libzmq3-dev cppzmq-dev capnproto libcapnp-dev librocksdb-dev libsystemd-dev libspdlog-dev
  libfmt-dev libssl-dev libsodium-dev libzstd-dev libexpected-dev libyaml-cpp-dev
  nlohmann-json3-dev libcli11-dev libcurl4-openssl-dev libdtl-dev
  # tests and benchmarks
  libgtest-dev libgmock-dev acl attr strace libfaketime python3 clang-format
  # disks that lose power
  libfuse3-dev e2fsprogs xfsprogs btrfs-progs
  # real hosts
  mmdebstrap systemd-container dbus iproute2 procps util-linux
)
if [ "${1:-}" = --bench ]; then packages+=(restic borgbackup ostree casync rsync); fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
[ "$(id -u)" = 0 ] || { echo "build-deps.sh: run as root to install: ${missing[*]}" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends "${missing[@]}"
