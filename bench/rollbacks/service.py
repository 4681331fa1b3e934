# SPDX-License-Identifier: Apache-2.0
"""Rollbacks of a service on a host with the packages: how long they take, and how long nobody answers."""
import subprocess
import sys
import time

from lone import HOST, LoneHost
from peers.table import median, row
from rig import wait_for

NO_WAIT = "gate: { successes: 1, interval: 10ms, window: 5s, soak: 0s }"
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


class ServiceBench:
    def __init__(self, repeat):
        self.repeat = repeat
        self.host = LoneHost("bench", gate=NO_WAIT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.host.down()

    def run(self):
        self.host.prepare()
        took, ours, theirs = [], [], []
        for _ in range(self.repeat):
            self.host.break_it()
            took.append(self._roll_back())
        for _ in range(self.repeat):
            theirs.append(self._downtime(lambda: self.host.run("systemctl", "restart", "shop.service")))
            self._drift()
            ours.append(self._downtime(self._roll_back))
        return [row("rollback of a service", "2 s", median(took), 2.0, "s", 1),
                row("downtime of a service", "restart", median(ours), median(theirs), "ms", 1.5)]

    def _roll_back(self):
        begin = time.monotonic()
        self.host.must("rollback", "--to", "v2.4.1", "-y")
        return time.monotonic() - begin

    def _drift(self):
        """v2.4.1 with another environment: the rollback restarts a shop that answers before and after."""
        path = self.host.path("/etc/shop/shop.env")
        path.write_text(path.read_text(encoding="utf-8") + "SHOP_GREETING=another\n", encoding="utf-8")
        self.host.run("systemctl", "restart", "shop.service")

    def _downtime(self, action):
        """Longest time in ms without an answer of the shop while action() runs and until it answers again."""
        argv = ["nsenter", "-t", str(self.host.fleet.pid(HOST)), "-n", sys.executable, "-c", WATCHER]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
            watcher.stdout.readline()
            wait_for("the shop", self._answers)
            action()
            wait_for("the shop", self._answers)
            out, _ = watcher.communicate("enough\n", timeout=30)
        return float(out)

    def _answers(self):
        return self.host.run("curl", "-s", "-m", "1", "-o", "/dev/null", "http://127.0.0.1:8080/healthz",
                             check=False).returncode == 0
