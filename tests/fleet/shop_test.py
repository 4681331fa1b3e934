#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sample application on one host: the good release answers, the broken one does what the demo needs."""
import concurrent.futures
import os
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "shop")]
import install  # noqa: E402
from hosts import Fleet  # noqa: E402

MANAGED = ("/etc/nginx", "/etc/shop", "/etc/systemd/system", "/opt/shop", "/srv/queue")


class Build(unittest.TestCase):
    def test_who_builds_at_the_same_time_gets_whole_binaries(self):
        def built(folder):
            install.build(folder)
            return [(folder / release / "shop").read_bytes() for release in ("v2.4.1", "v2.5.0")]

        with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor() as pool:
            first, *others = pool.map(built, [Path(scratch)] * 3)
            self.assertTrue(all(other == first for other in others))


class Shop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(f"shop{os.getpid() % 100000}")
        cls.addClassCleanup(cls.fleet.down)
        cls.fleet.up(1)
        install.build()

    def setUp(self):
        install.uninstall(self.fleet.root("web1"))
        install.deploy(self.fleet, "web1", ["neighbours", "v2.4.1"])

    def status(self):
        return self.fleet.run("web1", "curl", "-s", "-m", "3", "-w", " %{http_code}", "http://127.0.0.1/healthz").stdout

    def entries(self):
        """path -> what a rollback has to bring back of it."""
        listing = self.fleet.run("web1", "find", *MANAGED, "-printf", r"%p\t%y %m %u %g %l %s\n").stdout
        return dict(line.split("\t") for line in listing.splitlines())

    def test_the_good_release_answers_through_nginx(self):
        self.assertEqual(self.status(), "shop v2.4.1\n 200")

    def test_the_broken_release_answers_502_while_its_unit_is_active(self):
        install.deploy(self.fleet, "web1", ["v2.5.0"])
        self.assertTrue(self.status().endswith(" 502"), self.status())
        self.assertEqual(self.fleet.run("web1", "systemctl", "is-active", "shop.service").stdout, "active\n")

    def test_the_broken_release_adds_deletes_changes_files_and_modes(self):
        before = self.entries()
        install.deploy(self.fleet, "web1", ["v2.5.0"])
        after = self.entries()
        self.assertLessEqual({"/etc/shop/payments/retries", "/etc/nginx/conf.d/upstreams.conf"},
                             set(after) - set(before))
        self.assertLessEqual({"/etc/shop/rates.csv", "/etc/shop/spool"}, set(before) - set(after))
        changed = {path for path in set(before) & set(after) if before[path] != after[path]}
        self.assertLessEqual({"/etc/shop/shop.env", "/etc/shop/keys/session.key", "/etc/shop/current", "/etc/shop/legacy.conf"}, changed)

    def test_deploys_leave_the_neighbours_alone(self):
        other = self.fleet.run("web1", "systemctl", "show", "-P", "InvocationID", "other.service").stdout
        upload = self.fleet.root("web1") / "opt/shop/uploads/photo-0001.txt"
        before = upload.stat()
        install.deploy(self.fleet, "web1", ["v2.5.0"])
        self.assertEqual(self.fleet.run("web1", "systemctl", "show", "-P", "InvocationID", "other.service").stdout, other)
        self.assertEqual((upload.stat().st_ino, upload.stat().st_mtime_ns), (before.st_ino, before.st_mtime_ns))

    def test_the_server_stops_when_asked(self):
        self.fleet.run("web1", "systemctl", "stop", "shop.service")
        self.assertEqual(self.fleet.run("web1", "systemctl", "show", "-P", "Result", "shop.service").stdout, "success\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
