#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""agent_platform_test where it can run: inside a host with a real systemd, D-Bus and nginx. Needs root and
build/dev (cmake --build --preset dev)."""
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from hosts import Fleet  # noqa: E402
from inside import DEV, assert_passes  # noqa: E402


class Platform(unittest.TestCase):
    def test_systemd_is_spoken_to_in_a_real_host(self):
        fleet = Fleet(f"plat{os.getpid() % 100000}")
        self.addCleanup(fleet.down)
        fleet.up(1)
        assert_passes(self, fleet, "web1", DEV / "tests/agent/platform/agent_platform_test", 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
