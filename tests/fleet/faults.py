# SPDX-License-Identifier: Apache-2.0
"""What suites share that disturb a run at work: the run, the moment, some faults, and how everything has to end.

  with self.at("committing", "rollback", "--to", "v2.4.1", "-y") as work:
      self.kill_agent(work)
  self.assert_decided(work)
A moment is a phase that the run has said it is in, and some time in which it may have come further. The choices are
made by a seed that is printed; ROLLBACK_SEED=N makes the same ones.
"""
import contextlib
import errno
import json
import os
import random
import secrets
import signal
import subprocess
import threading
import unittest

from lone import HOST, LoneHost
from rig import Answer, differences, wait_for

SEED = int(os.environ.get("ROLLBACK_SEED") or secrets.randbelow(1 << 32))
NIGHTLY = os.environ.get("ROLLBACK_NIGHTLY") == "1"
GATE = "gate: { successes: 2, interval: 50ms, window: 2s, soak: 200ms }"
DISK = 600 << 20  # bytes; of its own, so that it can be full
AGENT = "rollback-agent.service"
PHASES = ("planned", "preflight", "staged", "quiescing", "committing", "activating", "gating", "verifying", "verified")
LATER = 0.15  # seconds that may pass in a phase before the fault comes
LONGEST = 180  # seconds for one run, whatever happens to it
BACK = ("rollback", "--to", "v2.4.1", "-y")
# outcome -> exit codes of the record; where the host is then
ENDS = {"succeeded": ({0}, "target"), "restored": ({4}, "origin"), "forgotten": ({2, 9}, "origin"), "refused": ({2}, "origin")}


class Work:
    """A run at work, as the rollbackctl shows it that asked for it."""

    def __init__(self, host, words):
        self.agent = host.agent()
        self.seen, self.lines, self.run = [], [], ""
        self.follower = host.follow(HOST, *words)
        self.deadline = threading.Timer(LONGEST, self.follower.kill)
        self.deadline.start()

    def next(self):
        """The next event, or None when the run is over."""
        for line in self.follower.stdout:
            item = json.loads(line)
            self.lines.append(item)
            if item["schema"] == "rollbackctl/v1/event":
                self.run = item["run"]
                self.seen.append(item["phase"])
                return item
        return None

    def until(self, phase):
        """False when the run is over without it."""
        event = self.next()
        while event and event["phase"] != phase:
            event = self.next()
        return event is not None

    def goes_on(self, seconds):
        """True when the run is still at work so much later."""
        try:
            self.follower.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            return True

    def answer(self):
        while self.next():
            pass
        words = self.follower.stderr.read()
        return Answer(self.follower.wait(), self.lines, words)

    def close(self):
        self.deadline.cancel()
        self.follower.kill()
        self.follower.communicate()


class Faulty(unittest.TestCase):
    """One host. v2.5.0 is live and broken when a test begins, v2.4.1 is what it can go back to."""

    host = None
    random = None  # what chooses; by the test's name when nobody has set it

    @classmethod
    def boot(cls, name):
        """For setUpModule: the host of all classes."""
        print(f"ROLLBACK_SEED={SEED}")
        Faulty.host = LoneHost(name, gate=GATE, disk=DISK)
        unittest.addModuleCleanup(Faulty.host.down)
        Faulty.host.prepare()

    def setUp(self):
        self.random = self.random or random.Random(f"{SEED} {self.id()}")
        self.break_host()

    def break_host(self):
        if self.host.managed() == self.host.good:
            self.host.break_it()
        if self.host.managed() != self.host.bad:
            self.host.reset("v2.4.1")
            self.host.break_it()
        self.assertEqual(differences(self.host.bad, self.host.managed()), [])

    # -- a run and its moment

    def choose(self, what, values):
        chosen = self.random.choice(values)
        print(f"{what} {chosen}", end="; ", flush=True)
        return chosen

    def some_moment(self, phases=PHASES):
        phase, later = self.choose("phase", phases), self.random.uniform(0, LATER)
        print(f"{later * 1e3:.0f} ms later", end="; ", flush=True)
        return phase, later

    @contextlib.contextmanager
    def at(self, moment, *words):
        """The run that `words` begin, when it has come to the moment."""
        phase, later = (moment, 0) if isinstance(moment, str) else moment
        work = Work(self.host, words or BACK)
        try:
            self.assertTrue(work.until(phase), f"the run ended before it was {phase}: {work.lines}")
            work.goes_on(later)
            yield work
        finally:
            work.close()

    # -- faults

    @staticmethod
    def kill_agent(work):
        with contextlib.suppress(ProcessLookupError):
            os.kill(work.agent, signal.SIGKILL)

    def kill_host(self, agent):
        """Every process at once, then a boot; what reads the files starts after they are decided.

        The agent first: for milliseconds it would see a host without systemd, which no real one shows.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(agent, signal.SIGKILL)
        self.host.fleet.kill(HOST)
        self.host.fleet.boot(HOST)
        self.assertLess(self.moment_of("rollback-recover.service", "ExecMainExitTimestampMonotonic"),
                        self.moment_of("nginx.service", "ExecMainStartTimestampMonotonic"))

    def moment_of(self, unit, name):
        stamp = int(self.host.run("systemctl", "show", "-P", name, unit).stdout)
        self.assertGreater(stamp, 0, f"{unit} did not run")
        return stamp

    @contextlib.contextmanager
    def full_disk(self):
        """Not a block is free where /, /etc, /opt, /srv and /var are."""
        ballast = self.host.path("/var/tmp/ballast")
        try:
            with open(ballast, "wb") as file:
                end, size = 0, 64 << 20
                while size >= 4096:
                    try:
                        os.posix_fallocate(file.fileno(), end, size)
                        end += size
                    except OSError as error:
                        self.assertEqual(error.errno, errno.ENOSPC)
                        size //= 2
            yield
        finally:
            ballast.unlink()

    # -- how it ends

    def at_rest(self):
        """The agent answers and nothing holds the host."""
        answer = self.host.ask("status")
        status = answer.of("status")
        return status and status[0]["run"] == "" and not self.host.path("/var/lib/rollback-agent/journal").exists()

    def record_of(self, work):
        """The run's record; None when the run ended before it had begun to note anything."""
        found = self.host.ask("run", "show", work.run).of("run") if work.run else []
        if not found:
            self.assertNotIn("staged", work.seen, "the record of a run is lost")
            return None
        return found[0]

    def assert_decided(self, work, origin=None, target=None):
        """Wholly on origin or target, as the record says, and nothing else is left of the run. Returns the record."""
        ends = {"origin": origin or self.host.bad, "target": target or self.host.good}
        wait_for("a host that nothing holds", self.at_rest, seconds=60)
        record = self.record_of(work)
        outcome, code = (record["outcome"], record["exit_code"]) if record else ("refused", 2)
        self.assertIn(outcome, ENDS, record)
        codes, end = ENDS[outcome]
        self.assertIn(code, codes, record)
        self.assertEqual(differences(ends[end], self.host.managed()), [], record)
        self.assert_tidy()
        self.assert_serves(ends[end])
        return record

    def assert_tidy(self):
        left = [path for path in self.host.leftovers() if not any(part.startswith("kept-") for part in path.parts)]
        self.assertEqual(left, [])

    def assert_serves(self, state):
        """Units and pages are those of v2.4.1 or of the broken v2.5.0."""
        for unit in (AGENT, "nginx.service", "shop.service", "other.service"):
            wait_for(f"{unit} to be active", lambda unit=unit: self.host.run(
                "systemctl", "is-active", unit, check=False).stdout == "active\n")
        status = {True: 200, False: 502}[state == self.host.good]
        wait_for(f"the answer {status}", lambda: self.host.page(HOST)[0] == status)

    def assert_told(self, answer, record):
        """What rollbackctl ended with is what the record says, or that the agent died under it. On a full disk a
        refusal has none."""
        if answer.code == (record["exit_code"] if record else 2):
            return
        self.assertEqual(answer.code, 1, answer)
        self.assertIn("went away before it had answered", answer.words)

    def assert_goes_back(self):
        done = self.host.ask(*BACK)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(differences(self.host.good, self.host.managed()), [])
        self.assert_serves(self.host.good)
        self.assert_tidy()
