# SPDX-License-Identifier: Apache-2.0
"""Commands and processes. A process is its pid *and* start time, so a reused pid is never signalled."""
import contextlib
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass

from .errors import FleetError


@contextlib.contextmanager
def undisturbed():
    """Ctrl-C waits: half a clean-up would be the mess that it cleans. Yields the signals that waited before."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(argv, before_exec, **options):
    """A process that calls before_exec() itself. Python throws away a Ctrl-C that comes while it forks."""
    with undisturbed() as before:
        def in_child():
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            before_exec()
        return subprocess.Popen(argv, preexec_fn=in_child, **options)


def run(*argv, check=True, **options):
    """Runs argv, output captured as text; a failure is a FleetError with the command's own words."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False, **options)
    if check and done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-2000:] or "no message"
        raise FleetError(f"{' '.join(map(str, argv))} failed with exit code {done.returncode}: {words}")
    return done


def poll_until(condition, seconds, interval=0.05):
    """The first true value of condition() within `seconds`, else None."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value or None
        time.sleep(interval)


def start_time(pid):
    """Start time of `pid` in clock ticks since boot, None when it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass(frozen=True)
class Process:
    pid: int
    start: int

    @staticmethod
    def find(pid):
        start = start_time(pid)
        return None if start is None else Process(int(pid), start)

    @staticmethod
    def parse(text):
        pid, _, start = text.strip().partition(" ")
        return Process(int(pid), int(start)) if pid.isdigit() and start.isdigit() else None

    def alive(self):
        return start_time(self.pid) == self.start

    def send(self, number):
        """Signals this very process; False when it is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive():
                return False
            signal.pidfd_send_signal(handle, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)

    def wait(self, seconds):
        """Waits for the end; True when it is gone. Works for processes that are not our children."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive():
                return True
            return bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)

    def children(self):
        try:
            with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="utf-8") as listing:
                return [int(pid) for pid in listing.read().split()]
        except OSError:
            return []


def is_init_of_a_namespace(pid):
    """True for pid 1 of a nested pid namespace."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("NSpid:"):
                    return line.split()[-1] == "1" and len(line.split()) > 2
    except OSError:
        pass
    return False
