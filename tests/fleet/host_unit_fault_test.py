#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real host whose run meets units that hang or die, a clock that jumps, a deploy that is cut off: it ends on one release
and says on which. Needs root and build/packages (scripts/package.sh)."""
import contextlib
import subprocess
import sys
import unittest
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from faults import AGENT, BACK, GATE, PHASES, Faulty  # noqa: E402
from host_hold_test import SCRIPT, pack  # noqa: E402
from lone import HOST  # noqa: E402
from rig import Stopwatch, differences, wait_for  # noqa: E402

UNIT = "/etc/systemd/system/shop.service"
START = "ExecStart=/opt/shop/bin/shop"
# What a unit may come to: it is never ready; it never stops; it dies two seconds after each start.
NEVER_READY = "Type=notify\nTimeoutStartSec=infinity\nExecStart=/usr/bin/sleep infinity"
NEVER_STOPS = "TimeoutStopSec=infinity\nExecStart=/usr/bin/env --ignore-signal=TERM /usr/bin/sleep infinity"
DIES_LATER = "ExecStart=/usr/bin/timeout 2 /opt/shop/bin/shop"
FAKE = "/var/lib/faketime"
DROP_IN = f"/run/systemd/system/{AGENT}.d/time.conf"
FAKED = (f"[Service]\nEnvironment=LD_PRELOAD={FAKE}/libfaketime.so FAKETIME_TIMESTAMP_FILE={FAKE}/offset FAKETIME_NO_CACHE=1 "
         "FAKETIME_DONT_FAKE_MONOTONIC=1\n")


def setUpModule():
    Faulty.boot("faultunit")


class Units(Faulty):
    def record_with(self, release, lines):
        """A release like v2.4.1 whose unit has other lines; the host is on v2.5.0 again."""
        self.host.reset("v2.4.1")
        text = self.host.read(HOST, UNIT)
        self.host.path(UNIT).write_text(text.replace(START, lines))
        self.host.must("snapshot", release)
        self.host.path(UNIT).write_text(text)
        self.break_host()

    def assert_taken_back(self, done, *words, state=None):
        self.assertEqual(done.code, 4, done)
        record = self.host.last_run()
        self.assertEqual((record["outcome"], record["exit_code"]), ("restored", 4), record)
        for word in words:
            self.assertIn(word, "\n".join(record["findings"]))
        self.assertEqual(differences(state or self.host.bad, self.host.managed()), [])
        self.assert_serves(self.host.bad)
        self.assert_tidy()
        self.assertEqual(self.host.run("systemctl", "list-jobs").stdout, "No jobs running.\n")

    def test_one_that_is_never_ready(self):
        self.record_with("v2.4.2", NEVER_READY)
        with Stopwatch() as watch:
            done = self.host.ask("rollback", "--to", "v2.4.2", "-y", "--timeout", "15s")
        self.assert_taken_back(done, "start shop.service: not finished at its deadline, the job was cancelled")
        self.assertLess(watch.seconds, 60)
        self.assert_goes_back()

    def test_one_that_never_stops(self):
        text = self.host.read(HOST, UNIT)
        self.addCleanup(self.restart_with, text, "/opt/shop/bin/shop")
        self.restart_with(text.replace(START, NEVER_STOPS), "/usr/bin/sleep")
        origin = self.host.managed()
        with Stopwatch() as watch:
            done = self.host.ask(*BACK, "--timeout", "15s")
        self.assertLess(watch.seconds, 80)
        self.assert_taken_back(done, "stop shop.service: not finished at its deadline, the job was cancelled", state=origin)
        self.assertIn("shop.service is killed", done.text())

    def restart_with(self, text, program):
        """The shop's unit with this text, when it runs this program."""
        self.host.path(UNIT).write_text(text)
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "kill", "-s", "KILL", "shop.service")
        wait_for(f"the shop as {program}", lambda: self.host.run(
            "readlink", f"/proc/{self.host.main_pid(HOST, 'shop.service')}/exe", check=False).stdout == f"{program}\n")

    def test_one_that_dies_behind_the_gate(self):
        self.record_with("v2.4.3", DIES_LATER)
        self.host.start(gate=GATE.replace("soak: 200ms", "soak: 30s"))
        self.addCleanup(self.host.start)
        with Stopwatch() as watch:
            done = self.host.ask("rollback", "--to", "v2.4.3", "-y")
        self.assertLess(watch.seconds, 25)
        self.assert_taken_back(done, "during the soak", "shop.service")
        self.host.start()
        self.assert_goes_back()


class Clock(Faulty):
    """Only the agent's: the hosts share the machine's clock."""

    def test_a_wall_clock_that_jumps_is_no_obstacle(self):
        self.host.fleet.copy(HOST, next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), f"{FAKE}/libfaketime.so")
        self.jump_to("+0")
        self.addCleanup(self.own_time)
        self.host.run("install", "-D", "/dev/stdin", DROP_IN, stdin=None, input=FAKED)
        self.restart_agent()
        for offset, seconds in (("+3600", 3600), ("-3600", -3600), ("+31536000", 31536000)):
            with self.subTest(offset):
                self.break_host()
                with self.at(self.some_moment(PHASES[:7])) as work:
                    self.jump_to(offset)
                    answer = work.answer()
                record = self.assert_decided(work)
                self.assertEqual((answer.code, record["outcome"]), (0, "succeeded"), record)
                took = datetime.fromisoformat(record["finished"]) - datetime.fromisoformat(record["started"])
                self.assertAlmostEqual(took.total_seconds(), seconds, delta=60)
                self.assertLess(max(phase["took_s"] for phase in record["phases"]), 60, record)
                self.jump_to("+0")
        self.own_time()
        self.break_host()
        self.assert_goes_back()

    def jump_to(self, offset):
        self.host.write(HOST, f"{FAKE}/offset.new", offset)
        self.host.path(f"{FAKE}/offset.new").rename(self.host.path(f"{FAKE}/offset"))

    def own_time(self):
        self.host.run("rm", "-f", DROP_IN)
        self.restart_agent()

    def restart_agent(self):
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", AGENT)


class Deploy(Faulty):
    def test_one_that_everything_dies_under_is_taken_back(self):
        self.host.write(HOST, "/root/deploy", SCRIPT, 0o755)
        pack(self.host, "v2.5.0")
        self.assert_goes_back()
        self.host.write(HOST, "/root/wait", "")
        self.addCleanup(self.host.path("/root/wait").unlink)
        agent = self.host.agent()
        command = self.host.fleet.machine(HOST).enter_command(
            ["rollbackctl", "deploy", "v2.5.0", "--", "/root/deploy", "v2.5.0"])
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as deploy:
            while "unpacking" not in (line := deploy.stdout.readline()):
                self.assertTrue(line, "the command ended early")
            with contextlib.suppress(subprocess.TimeoutExpired):
                deploy.wait(self.some_moment(["deploying"])[1])
            self.kill_host(agent)
        wait_for("the way back", self.at_rest, seconds=60)
        record = next(run for run in self.host.must("run", "list").of("run") if run["kind"] == "deploy")
        self.assertEqual((record["outcome"], record["exit_code"]), ("restored", 4), record)
        self.assertIn("restarted in the middle", " ".join(record["findings"]))
        self.assertEqual(differences(self.host.good, self.host.managed()), [])
        self.assert_serves(self.host.good)
        self.assert_tidy()
        self.break_host()
        self.assert_goes_back()


if __name__ == "__main__":
    unittest.main(verbosity=2)
