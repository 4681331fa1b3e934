#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one real host costs and takes: memory of the idle agent, a rollback of the shop, the shop's downtime.

Prints one JSON line per figure: {work, ours, theirs, unit, ratio, must, holds}. `theirs` is what the same machine
does without us in the same run (for figures without such a peer the aim itself). Needs root and build/packages.
"""
import contextlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/fleet"))
from lone import HOST, LoneHost  # noqa: E402
from rig import wait_for  # noqa: E402

NO_WAIT = "gate: { successes: 1, interval: 10ms, window: 5s, soak: 0s }"
ROUNDS = 5
IDLE_SECONDS = 20
# Runs in the host's network: asks the shop without a pause and prints the longest gap between two answers, in ms.
WATCHER = """
import http.client, select, sys, time
last, gap = None, 0.0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    try:
        peer = http.client.HTTPConnection("127.0.0.1", 8080, timeout=1)
        peer.request("GET", "/healthz")
        good = peer.getresponse().status == 200
        peer.close()
    except OSError:
        good = False
    if good:
        now = time.monotonic()
        gap = max(gap, now - (last or now))
        last = now
print(gap * 1000)
"""


def report(work, ours, theirs, unit, must):
    ratio = ours / theirs
    print(json.dumps({"work": work, "ours": round(ours, 2), "theirs": round(theirs, 2), "unit": unit,
                      "ratio": round(ratio, 2), "must": must, "holds": ratio <= must}), flush=True)
    return ratio <= must


def idle_memory(host):
    """(anonymous, resident) MB of the agent some time after a snapshot; the wait is what is measured."""
    time.sleep(IDLE_SECONDS)
    rollup = Path(f"/proc/{host.agent()}/smaps_rollup").read_text(encoding="utf-8")
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in rollup.splitlines()[1:]}
    return sizes["Anonymous"], sizes["Rss"]


def downtime(host, action):
    """Longest time in ms without an answer of the shop while action() runs and until it answers again."""
    argv = ["nsenter", "-t", str(host.fleet.pid(HOST)), "-n", sys.executable, "-c", WATCHER]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        watcher.stdout.readline()
        wait_for("the shop", lambda: answers(host))
        action()
        wait_for("the shop", lambda: answers(host))
        out, _ = watcher.communicate("enough\n", timeout=30)
    return float(out)


def answers(host):
    return host.run("curl", "-s", "-m", "1", "-o", "/dev/null", "http://127.0.0.1:8080/healthz", check=False).returncode == 0


def good_drift(host):
    """v2.4.1 with another unit and binary environment: the rollback restarts a shop that answers before and after."""
    path = host.path("/etc/shop/shop.env")
    path.write_text(path.read_text(encoding="utf-8") + "SHOP_GREETING=another\n", encoding="utf-8")
    host.run("systemctl", "restart", "shop.service")


def roll_back(host):
    begin = time.monotonic()
    host.must("rollback", "--to", "v2.4.1", "-y")
    return time.monotonic() - begin


def rollbacks(host):
    took = []
    for _ in range(ROUNDS):
        host.break_it()
        took.append(roll_back(host))
    return statistics.median(took)


def downtimes(host):
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(downtime(host, lambda: host.run("systemctl", "restart", "shop.service")))
        good_drift(host)
        ours.append(downtime(host, lambda: roll_back(host)))
    return statistics.median(ours), statistics.median(theirs)


def main():
    with contextlib.ExitStack() as stack:
        host = LoneHost("bench", gate=NO_WAIT)
        stack.callback(host.down)
        host.prepare()
        anonymous, resident = idle_memory(host)
        held = [report("anonymous memory of the idle agent", anonymous, 12, "MB", 1),
                report("resident memory of the idle agent", resident, 32, "MB", 1),
                report("rollback of the shop, command to verified", rollbacks(host), 2, "s", 1)]
        ours, theirs = downtimes(host)
        held.append(report("downtime of the shop against systemctl restart", ours, theirs, "ms", 1.5))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
