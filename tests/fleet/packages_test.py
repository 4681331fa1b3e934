#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The three packages on real hosts: units, users, and what removing and purging leave. Needs root and
build/packages (scripts/package.sh)."""
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from hosts import Fleet  # noqa: E402

DEBS = HERE.parents[1] / "build/packages"
UNITS = {"web1": ["rollback-agent.service", "rollback-recover.service"], "coord": ["rollback-coordinator.service"]}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(f"pkg{os.getpid() % 100000}")
        cls.addClassCleanup(cls.fleet.down)
        cls.fleet.up(1, debs=DEBS, coordinator=True)

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
        cases = (("web1", "rollback-agent"), ("coord", "rollback-coordinator"))
        for host, package in cases:
            store = f"/var/lib/{package}"
            self.fleet.run(host, "install", "-D", "-m", "600", "/dev/null", f"{store}/precious")
            self.fleet.run(host, "dpkg", "--remove", package)
            self.fleet.run(host, "test", "-e", f"{store}/precious")
            said = self.fleet.run(host, "dpkg", "--purge", package).stdout
            self.assertIn(f"in {store}", said)
            self.assertIn(f"rm -rf {store}", said)
            self.fleet.run(host, "test", "-e", f"{store}/precious")
            self.fleet.copy(host, DEBS, "/var/tmp/debs")
            deb = next(DEBS.glob(f"{package}_*.deb")).name
            self.fleet.run(host, "dpkg", "--install", f"/var/tmp/debs/{deb}")
            self.assertEqual(self.ask(host, "systemctl", "is-enabled", *UNITS[host]).split(),
                             ["enabled"] * len(UNITS[host]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
