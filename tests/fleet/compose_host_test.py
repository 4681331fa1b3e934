#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""agent_compose_test where it can run: inside a host with a real systemd and a real container engine. Needs root and
build/dev (cmake --build --preset dev)."""
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from hosts import Fleet  # noqa: E402
from inside import DEV, assert_passes  # noqa: E402


class Compose(unittest.TestCase):
    def test_projects_go_back_in_a_host_with_docker(self):
        fleet = Fleet(f"compose{os.getpid() % 100000}")
        self.addCleanup(fleet.down)
        fleet.up(1, engine=True)
        fleet.run("web1", "systemctl", "restart", "docker.service")
        assert_passes(self, fleet, "web1", DEV / "tests/agent/apply/agent_compose_test", 6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
