# SPDX-License-Identifier: Apache-2.0
"""Test programs of build/dev that run inside a host, because they need its systemd."""
import re
import subprocess
from pathlib import Path

DEV = Path(__file__).resolve().parents[2] / "build/dev"


def libraries(program):
    """Shared libraries that the loader finds here, by path."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"=> (/\S+)", listed)


def assert_passes(case, fleet, host, program, least):
    """At least so many tests of the program pass in the host, and none is skipped."""
    inside = f"/root/{program.name}"
    fleet.copy(host, program, inside)
    for library in libraries(program):
        if fleet.run(host, "test", "-e", library, check=False).returncode != 0:
            fleet.copy(host, Path(library).resolve(), library)
    done = fleet.run(host, inside, check=False)
    passed = re.search(r"\[  PASSED  \] (\d+) tests?", done.stdout)
    told = [line for line in done.stdout.splitlines() if not re.match(r"\[( RUN      |       OK |-{10})\]", line)]
    case.assertEqual(done.returncode, 0, "\n".join(told)[-4000:] + done.stderr[-2000:])
    case.assertTrue(passed and int(passed[1]) >= least, done.stdout[-2000:])
    case.assertNotIn("[  SKIPPED ]", done.stdout)
