#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""agent_platform_test where it can run: inside a host with a real systemd, D-Bus and nginx. Needs root and
build/dev (cmake --build --preset dev)."""
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from hosts import Fleet  # noqa: E402

PROGRAM = HERE.parents[1] / "build/dev/tests/agent/platform/agent_platform_test"


def libraries(program):
    """Shared libraries that the loader finds here, by path."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"=> (/\S+)", listed)


class Platform(unittest.TestCase):
    def test_systemd_is_spoken_to_in_a_real_host(self):
        fleet = Fleet(f"plat{os.getpid() % 100000}")
        self.addCleanup(fleet.down)
        fleet.up(1)
        fleet.copy("web1", PROGRAM, "/root/agent_platform_test")
        for library in libraries(PROGRAM):
            if fleet.run("web1", "test", "-e", library, check=False).returncode != 0:
                fleet.copy("web1", Path(library).resolve(), library)
        done = fleet.run("web1", "/root/agent_platform_test", check=False)
        passed = re.search(r"\[  PASSED  \] (\d+) tests?", done.stdout)
        told = [line for line in done.stdout.splitlines() if not re.match(r"\[( RUN      |       OK |-{10})\]", line)]
        self.assertEqual(done.returncode, 0, "\n".join(told)[-4000:] + done.stderr[-2000:])
        self.assertTrue(passed and int(passed[1]) >= 20, done.stdout[-2000:])
        self.assertNotIn("[  SKIPPED ]", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
