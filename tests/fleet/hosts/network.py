# SPDX-License-Identifier: Apache-2.0
"""The fleet's network: one bridge in a namespace of its own, one namespace and address per host.

Nothing appears in the machine's own network, so fleets may share addresses: 10.77.0.1 is the
bridge, 10.77.0.10 the coordinator, 10.77.0.11 and up web1, web2, ...
"""
import ipaddress
from pathlib import Path

from .process import run

FIRST = ipaddress.ip_address("10.77.0.10")
PREFIX = 16


def address_of(host):
    return str(FIRST + (0 if host == "coord" else int(host.removeprefix("web"))))


class Network:
    """Names are pure functions of fleet and host, so a later run finds what an earlier one left."""

    def __init__(self, fleet):
        self.bridge = f"rbf.{fleet}"

    def namespace(self, host):
        return f"{self.bridge}.{host}"

    def path(self, host):
        return f"/run/netns/{self.namespace(host)}"

    def existing(self):
        folder = Path("/run/netns")
        names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        return [n for n in names if n == self.bridge or n.startswith(self.bridge + ".")]

    def up(self, hosts):
        if self.bridge not in self.existing():
            run("ip", "netns", "add", self.bridge)
            run("ip", "-n", self.bridge, "link", "set", "lo", "up")
            run("ip", "-n", self.bridge, "link", "add", "br0", "type", "bridge")
            run("ip", "-n", self.bridge, "addr", "add", f"10.77.0.1/{PREFIX}", "dev", "br0")
            run("ip", "-n", self.bridge, "link", "set", "br0", "up")
        for host in hosts:
            self.connect(host)

    def connect(self, host):
        """A fresh namespace for the host with its cable in the bridge."""
        space = self.namespace(host)
        run("ip", "netns", "add", space)
        run("ip", "link", "add", host, "netns", self.bridge, "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "-n", self.bridge, "link", "set", host, "master", "br0", "up")
        run("ip", "-n", space, "addr", "add", f"{address_of(host)}/{PREFIX}", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", space, "route", "add", "default", "via", "10.77.0.1")

    def cable(self, host, state):
        """Pulls the cable ("down") or puts it back ("up")."""
        run("ip", "-n", self.bridge, "link", "set", host, state)

    def processes(self):
        """Pids inside any namespace of this fleet: what an earlier run left running."""
        return {int(pid) for name in self.existing()
                for pid in run("ip", "netns", "pids", name, check=False).stdout.split()}

    def down(self):
        for name in sorted(self.existing(), key=len, reverse=True):
            run("ip", "netns", "del", name)
