#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real host whose run is disturbed ends on one release, says on which, and goes on: kills of the agent and of everything,
a full disk, a D-Bus that is gone. Each once; 40 random rounds with ROLLBACK_NIGHTLY=1. Needs root and build/packages
(scripts/package.sh)."""
import collections
import os
import random
import signal
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from faults import BACK, NIGHTLY, PHASES, SEED, Faulty  # noqa: E402
from lone import HOST  # noqa: E402
from rig import wait_for  # noqa: E402

ROUNDS = 40
WORKING = PHASES[2:]  # in which more than a comparison is at work
BUS = ("dbus.socket", "dbus.service")


def setUpModule():
    Faulty.boot("fault")


class Fault(Faulty):
    """Each at some moment, with the end of its run and a rollback that follows and works."""

    def test_kill_of_the_agent(self):
        with self.at(self.some_moment()) as work:
            self.kill_agent(work)
            answer = work.answer()
        self.assert_told(answer, self.assert_decided(work))
        self.assert_goes_back()

    def test_kill_in_the_commit(self):
        call = self.choose("call", range(1, 21))
        with self.host.injected(f"renameat2:signal=KILL:when={call}") as seen, self.at("planned") as work:
            answer = work.answer()
            self.assertIn("killed by SIGKILL", seen())
        self.assert_told(answer, self.assert_decided(work))
        self.assert_goes_back()

    def test_kill_of_everything(self):
        """v2.5.0 has shop.service disabled: the boot of a host that no run had changed yet does not start it."""
        with self.at(self.some_moment()) as work:
            self.kill_host(work.agent)
        wait_for("a host that nothing holds", self.at_rest, seconds=60)
        record = self.record_of(work)
        if record is None or record["outcome"] == "forgotten":
            self.host.run("systemctl", "start", "shop.service")
        self.assert_decided(work)
        self.assert_goes_back()

    def test_kill_while_taking_back(self):
        """Another server has the port of v2.4.1, so the gate is red."""
        self.host.squat(HOST)
        try:
            with self.at(self.some_moment(["undoing"])) as work:
                self.kill_agent(work)
                answer = work.answer()
            record = self.assert_decided(work)
            self.assertEqual(record["outcome"], "restored", record)
            self.assert_told(answer, record)
        finally:
            self.host.free(HOST)
        self.assert_goes_back()

    def test_kill_in_an_undo(self):
        """The run that is disturbed goes from v2.4.1 back to the broken v2.5.0."""
        self.assert_goes_back()
        with self.at(self.some_moment(), "undo", "-y") as work:
            self.kill_agent(work)
        self.assert_decided(work, origin=self.host.good, target=self.host.bad)
        self.assert_goes_back()

    def test_full_disk_before_the_commit(self):
        self.in_full(self.some_moment(PHASES[:3]))

    def test_full_disk_behind_the_commit(self):
        self.in_full(self.some_moment(PHASES[5:7]))

    def in_full(self, moment):
        with self.at(moment) as work, self.full_disk():
            answer = work.answer()
        self.assert_told(answer, self.assert_decided(work))
        self.assert_goes_back()

    def test_full_disk_and_kill(self):
        """The agent starts again and again, or at once; it is there when there is room."""
        with self.at(self.some_moment(WORKING)) as work, self.full_disk():
            restarts = self.host.restart_counter()
            self.kill_agent(work)
            work.answer()
            wait_for("another start of the agent", lambda: self.host.restart_counter() > restarts)
        self.assert_decided(work)
        self.assert_goes_back()

    def bus(self):
        """The D-Bus daemon, which another fault may have ended."""
        self.host.run("systemctl", "start", *BUS)
        return self.host.outer(self.host.main_pid(HOST, BUS[1]))

    def test_frozen_bus(self):
        daemon = self.bus()
        with self.at(self.some_moment(), *BACK, "--timeout", "30s") as work:
            os.kill(daemon, signal.SIGSTOP)
            try:
                answer = work.answer()
                record = self.assert_decided(work)
            finally:
                os.kill(daemon, signal.SIGCONT)
        self.assert_told(answer, record)
        self.assert_goes_back()

    def test_killed_bus(self):
        daemon = self.bus()
        with self.at(self.some_moment()) as work:
            os.kill(daemon, signal.SIGKILL)
            answer = work.answer()
        self.assert_told(answer, self.assert_decided(work))
        self.assert_goes_back()

    def test_stopped_bus(self):
        """Systemd has a socket of its own: the run goes on, and so does the next one."""
        self.bus()
        self.addCleanup(self.bus)
        with self.at(self.some_moment()) as work:
            self.host.run("systemctl", "stop", *BUS)
            answer = work.answer()
        record = self.assert_decided(work)
        self.assertEqual(answer.code, 0, record)
        self.break_host()
        self.assert_goes_back()

    def test_systemd_that_starts_itself_again(self):
        """As after an update of it: all its sockets are gone for a moment."""
        with self.at(self.some_moment()) as work:
            self.host.run("systemctl", "daemon-reexec")
            answer = work.answer()
        self.assert_told(answer, self.assert_decided(work))
        self.assert_goes_back()


@unittest.skipUnless(NIGHTLY, "ROLLBACK_NIGHTLY=1 for random rounds")
class Nightly(unittest.TestCase):
    def test_random_rounds(self):
        faults = [name for name in dir(Fault) if name.startswith("test_")]
        only = os.environ.get("ROLLBACK_ROUND")
        rounds = [int(only)] if only else range(ROUNDS)
        drawn = collections.Counter()
        for number in rounds:
            choices = random.Random(f"{SEED} {number}")
            fault = Fault(choices.choice(faults))
            fault.random = choices
            drawn[fault._testMethodName.removeprefix("test_")] += 1
            print(f"ROLLBACK_NIGHTLY=1 ROLLBACK_SEED={SEED} ROLLBACK_ROUND={number} python3 -B tests/fleet/host_fault_test.py Nightly")
            with self.subTest(round=number, seed=SEED, fault=fault.id()):
                try:
                    fault.debug()
                finally:
                    fault.doCleanups()
        print("covered:", len(rounds), "rounds, faults", ", ".join(f"{name} {count}" for name, count in sorted(drawn.items())))


if __name__ == "__main__":
    unittest.main(verbosity=2)
