#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The three packages on real hosts: units, users, and what removing and purging leave. Needs root and
build/packages (scripts/package.sh)."""
import json
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from hosts import Fleet  # noqa: E402
from rig import PACKAGES  # noqa: E402

AGENT = "resources: [ { kind: files, name: message, paths: [/etc/motd] } ]\nhealth: [ { unit: dbus.service } ]\n"
UNITS = {"web1": ["rollback-agent.service", "rollback-recover.service"], "coord": ["rollback-coordinator.service"]}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(f"pkg{os.getpid() % 100000}")
        cls.addClassCleanup(cls.fleet.down)
        cls.fleet.up(1, debs=PACKAGES, coordinator=True)

    def ask(self, host, *argv):
        return self.fleet.run(host, *argv, check=False).stdout.strip()

    def test_units_are_valid_and_enabled(self):
        for host, units in UNITS.items():
            self.fleet.run(host, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units)
            for unit in units:
                self.assertEqual(self.ask(host, "systemctl", "is-enabled", unit), "enabled", unit)

    def test_nothing_starts_before_it_is_configured(self):
        for host, units in UNITS.items():
            self.assertEqual(self.ask(host, "systemctl", "is-active", *units).split(), ["inactive"] * len(units))
            self.assertEqual(self.ask(host, "systemctl", "is-failed", *units).split(), ["inactive"] * len(units))

    def test_recovery_comes_before_every_service(self):
        order = self.ask("web1", "systemctl", "show", "-P", "Before", "rollback-recover.service")
        self.assertIn("sysinit.target", order.split())

    def test_the_agent_waits_for_no_network_and_keeps_openat2(self):
        shown = self.ask("web1", "systemctl", "show", "-p", "After", "-p", "Wants", "-p", "Requires",
                         "-p", "RestrictSUIDSGID", "rollback-agent.service")
        self.assertNotIn("network", shown)
        self.assertIn("RestrictSUIDSGID=no", shown)

    def test_the_coordinator_has_its_own_user(self):
        self.assertIn("rollback-coordinator", self.ask("coord", "getent", "passwd", "rollback-coordinator"))
        self.assertEqual(self.ask("coord", "systemctl", "show", "-P", "User", "rollback-coordinator.service"),
                         "rollback-coordinator")

    def test_removing_and_purging_keep_snapshots_and_say_so(self):
        self.configure()
        for host, package in (("web1", "rollback-agent"), ("coord", "rollback-coordinator")):
            known = self.known()
            store = f"/var/lib/{package}"
            self.fleet.run(host, "dpkg", "--remove", package)
            self.assertEqual(self.ask(host, "systemctl", "is-active", f"{package}.service"), "inactive")
            self.fleet.run(host, "test", "-e", f"{store}/store/CURRENT")
            said = self.fleet.run(host, "dpkg", "--purge", package).stdout
            self.assertIn(f"in {store}", said)
            self.assertIn(f"rm -rf {store}", said)
            self.install(host, package)
            self.assertEqual(self.ask(host, "systemctl", "is-enabled", *UNITS[host]).split(),
                             ["enabled"] * len(UNITS[host]))
            self.assertEqual(self.known(), known)
        self.fleet.run("web1", "rollbackctl", "verify", "v1.0.0")

    def configure(self):
        """Both daemons run with little to do, and the host has recorded a release."""
        for host, name, text in (("web1", "agent", AGENT), ("coord", "coordinator", "fleet: packages\n")):
            path = self.fleet.root(host) / "etc/rollback" / f"{name}.yaml"
            path.write_text(text, encoding="utf-8")
            self.addCleanup(path.unlink)
            self.addCleanup(self.fleet.run, host, "systemctl", "stop", f"rollback-{name}.service")
            self.fleet.run(host, "systemctl", "start", f"rollback-{name}.service")
        self.fleet.run("web1", "rollbackctl", "snapshot", "v1.0.0")

    def known(self):
        """What must be there again after a package comes back: releases, history, the fleet's own key."""
        history = json.loads(self.fleet.run("web1", "rollbackctl", "-o", "json", "history").stdout)["items"]
        self.assertIn("v1.0.0", [item.get("name") for item in history])
        key = self.fleet.run("coord", "cat", "/var/lib/rollback-coordinator/coordinator.pub").stdout
        self.fleet.run("coord", "rollbackctl", "fleet", "hosts", "list")
        return history, key

    def install(self, host, package):
        self.fleet.copy(host, PACKAGES, "/var/tmp/debs")
        deb = next(PACKAGES.glob(f"{package}_*.deb")).name
        self.fleet.run(host, "dpkg", "--install", f"/var/tmp/debs/{deb}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
