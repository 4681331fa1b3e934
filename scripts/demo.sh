#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real hosts are taken back from a broken release. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

hosts=3 keep=no
good=v2.4.1 bad=v2.5.0
coordinator_key=/var/lib/rollback-coordinator/coordinator.pub

usage() {
  cat <<'TEXT'
scripts/demo.sh [--hosts N] [--keep] | --down

Installs what it needs, builds the packages, boots one coordinator and N web hosts (default 3) with
a real systemd and nginx on this machine, deploys shop v2.4.1, records it, deploys the broken v2.5.0
and takes the fleet back with `rollbackctl fleet --to v2.4.1`. Needs root on Debian 12.

  --hosts N   number of web hosts, 1 to 50
  --keep      leave the fleet up and say how to use it
  --down      remove a fleet that --keep left

Exit code 0: every host was taken back and verified.
TEXT
}

fail() { printf 'demo.sh: %s\n' "$1" >&2; exit 1; }
fleet() { tests/fleet/fleet.py --name demo "$@"; }
on() { local host=$1; shift; fleet exec "$host" -- "$@"; }
ctl() { on coord rollbackctl "$@"; }
web_hosts() { seq -f 'web%g' 1 "$hosts"; }

# Each step says how long the one before it took.
title='' started=0
step() {
  local now
  now=$(date +%s%N)
  [ -z "$title" ] || printf '   %s: %d.%d s\n' "$title" $(((now - started) / 1000000000)) $(((now - started) / 100000000 % 10)) >&2
  title=$1 started=$now
  [ -z "$1" ] || printf '\n== %s\n' "$1" >&2
}

# until_true SECONDS WHAT COMMAND...: polls, because what it waits for happens on another host
until_true() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "waited in vain for $what; look with: tests/fleet/fleet.py --name demo exec coord -- rollbackctl fleet status"
    sleep 0.2
  done
}

page() { on "$1" curl -s -m 3 -o /dev/null -w '%{http_code}' http://127.0.0.1/healthz || true; }
answers() { [ "$(page "$1")" = "$2" ]; }
healthy_hosts() { ctl fleet health 2>/dev/null | grep -cE '^web[0-9]+ .*\bhealthy\b'; } # not unhealthy
none_healthy() { [ "$(healthy_hosts)" -eq 0 ]; }
all_healthy() { [ "$(healthy_hosts)" -ge "$hosts" ]; }

deploy() { # deploy RELEASE...
  # shellcheck disable=SC2046 # host names are words
  tests/fleet/shop/install.py "$@" --fleet demo $(web_hosts)
}

start_coordinator() {
  fleet copy coord tests/fleet/shop/coordinator.yaml /etc/rollback/coordinator.yaml
  on coord systemctl start rollback-coordinator.service
}

start_agent() { # start_agent HOST PUBLIC_KEY_FILE
  fleet copy "$1" "$2" /etc/rollback/coordinator.pub
  fleet copy "$1" tests/fleet/shop/agent.yaml /etc/rollback/agent.yaml
  on "$1" rollback-agent --check
  on "$1" systemctl start rollback-agent.service
  on "$1" rollbackctl config check
}

# The fingerprint is read on the host itself and accepted on the coordinator, as people do it.
fingerprint_of() { on "$1" rollbackctl -o json status | sed -nE 's/.*waiting to be accepted: ([0-9a-f:]+).*/\1/p' | head -n 1; }
accept() {
  local key
  key=$(fingerprint_of "$1")
  [ -n "$key" ] && ctl fleet hosts accept "$key"
}
connected() { on "$1" rollbackctl -o json status | grep -q '"connected'; }

boot() {
  step "installing build dependencies"
  scripts/build-deps.sh
  step "building the packages"
  scripts/package.sh build/packages
  step "booting coord and $hosts web hosts"
  fleet up --hosts "$hosts" --coordinator --debs build/packages --fresh
}

enrol() {
  step "deploying shop $good"
  deploy neighbours "$good"
  for host in $(web_hosts); do answers "$host" 200 || fail "$host: the shop does not answer after the deploy"; done
  step "starting coordinator and agents, accepting the hosts"
  start_coordinator
  key=$(mktemp)
  on coord cat "$coordinator_key" >"$key"
  for host in $(web_hosts); do start_agent "$host" "$key"; done
  rm -f "$key"
  for host in $(web_hosts); do
    until_true 30 "$host to ask for admission" accept "$host"
    until_true 30 "$host to connect" connected "$host"
  done
  ctl fleet hosts list
}

show_the_job() {
  step "recording $good: rollbackctl fleet snapshot $good"
  until_true 30 "green health of every host" all_healthy
  ctl fleet snapshot "$good" -m "before the deploy of $bad"
  step "deploying shop $bad"
  deploy "$bad"
  for host in $(web_hosts); do
    answers "$host" 502 || fail "$host: answers $(page "$host") after the broken deploy, expected 502"
  done
  until_true 30 "red health of every host" none_healthy
  ctl fleet health || true # red on purpose
  step "rolling back: rollbackctl fleet --to $good -y"
  ctl fleet --to "$good" -y -m "$bad answers 502"
}

prove() {
  step "the green report"
  until_true 30 "green health of every host" all_healthy
  ctl fleet health
  ctl fleet run show
  step "verifying every host against $good"
  ctl fleet verify "$good"
  for host in $(web_hosts); do
    [ "$(on "$host" curl -s -m 3 http://127.0.0.1/healthz)" = "shop $good" ] || fail "$host does not serve shop $good"
  done
  step ""
  printf '\nAll %s hosts run shop %s again, verified.\n' "$hosts" "$good"
}

finish() {
  local code=$?
  trap - EXIT
  if [ "$keep" = yes ] && fleet list | grep -q .; then
    cat <<'TEXT'

The fleet is up:
  tests/fleet/fleet.py --name demo exec coord -- rollbackctl fleet status
  tests/fleet/fleet.py --name demo exec web1 -- bash
  tests/fleet/shop/install.py v2.5.0 --fleet demo web1
  scripts/demo.sh --down
TEXT
  else
    fleet down || true
  fi
  exit "$code"
}

while [ $# -gt 0 ]; do
  case $1 in
    --hosts)
      [[ ${2:-} =~ ^([1-9]|[1-4][0-9]|50)$ ]] || fail "--hosts needs a number from 1 to 50"
      hosts=$2
      shift
      ;;
    --keep) keep=yes ;;
    --down) exec tests/fleet/fleet.py --name demo down ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1; see scripts/demo.sh --help" ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || fail "the demo boots hosts in namespaces: run it as root"
grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || fail "the demo is made for Debian 12 (bookworm)"

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
boot
enrol
show_the_job
prove
