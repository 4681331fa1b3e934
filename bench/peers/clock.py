# SPDX-License-Identifier: Apache-2.0
"""What a command took: seconds on the clock, and seconds of the processors, which a busy machine changes less."""
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from hosts.errors import FleetError

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Took:
    seconds: float
    cpu: float
    said: str = ""  # standard output


def _children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_of(pid):
    """Seconds of the processors that all threads of `pid` have had, also those that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        raise FleetError(f"process {pid} ended while it was measured") from None
    return (int(fields[11]) + int(fields[12])) / TICKS


def timed(argv, then=None, cwd=None, env=None, servant=None):
    """Runs argv, then `then` (what makes it durable); `servant` is the pid that works for the command."""
    argv = [str(word) for word in argv]
    before, begin = _children() + (cpu_of(servant) if servant else 0), time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=cwd,
                          env={**os.environ, **(env or {})})
    if then and done.returncode == 0:
        then()
    seconds = time.monotonic() - begin
    cpu = _children() + (cpu_of(servant) if servant else 0) - before
    if done.returncode != 0:
        raise FleetError(f"{' '.join(argv)} failed with exit code {done.returncode}: "
                         f"{(done.stderr or done.stdout).strip()[-1000:]}")
    return Took(seconds, cpu, done.stdout)
