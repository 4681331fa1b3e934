#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Red gates and a killed coordinator in the middle of a rollout over three real hosts."""
import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import differences, restarted, wait_for, without_stage  # noqa: E402
from rollout_case import RolloutCase, boot  # noqa: E402

COORDINATOR = "rollback-coordinator.service"
STARTED = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"  # systemd's, for a unit that was started


def setUpModule():
    boot("rollfail")


class RedGate(RolloutCase):
    """Another program holds the port that v2.4.1 needs on web2; v2.5.0 listens elsewhere."""

    def setUp(self):
        super().setUp()
        self.rig.squat("web2")
        self.addCleanup(self.fleet, "run", "abort")  # a paused run keeps its locks

    def paused(self):
        answer = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(answer.code, 6, answer)
        return answer.of("rollout")[0]["id"]

    def test_the_host_is_back_on_its_origin_the_run_pauses_and_says_why(self):
        run = self.paused()
        self.assert_same(self.good, "web1")
        self.assert_same(self.bad, "web2")
        staged = without_stage(self.rig.hash_host("web3"))  # its turn may still come
        self.assertEqual(differences(self.bad["web3"], staged), [])
        self.assertEqual(restarted(self.bad_units["web3"], self.rig.units("web3")), set())
        own = self.rig.ctl("web2", "run", "show", run).one("run")
        self.assertEqual((own["exit_code"], own["phase"]), (4, "done"), own)
        self.assertEqual(self.state(run), "paused")
        rows = self.host_rows(run)
        self.assertEqual({host: rows[host]["phase"] for host in rows},
                         {"web1": "done", "web2": "restored", "web3": "ready"})
        why = json.dumps(rows["web2"]["findings"])
        self.assertIn("HTTP 502", why)
        self.assertIn("shop.service", why)
        self.assertIn("cannot listen on 127.0.0.1:8080", why, "the unit's last log lines are missing")

    def test_resumed_it_goes_on_with_the_next_wave(self):
        run = self.paused()
        answer = self.fleet("run", "resume", run)
        self.assertEqual(self.state(run), "done", answer)
        self.assertEqual(answer.code, 6, answer)  # two of three
        self.assert_same(self.good, "web1")
        self.assert_same(self.bad, "web2")
        self.assert_same(self.good, "web3")

    def test_aborted_it_leaves_everything_as_it_is(self):
        run = self.paused()
        self.assertEqual(self.fleet("run", "abort", run).code, 0)
        wait_for("the run to end", lambda: self.state(run) == "done")
        self.assert_same(self.good, "web1")
        self.assert_untouched("web3")
        self.rig.free("web2")
        again = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(again.code, 0, again)  # no lock was left behind

    def test_with_undo_the_others_are_taken_back_too(self):
        answer = self.fleet("--to", "v2.4.1", "--on-failure", "undo", "-y")
        self.assertEqual(answer.code, 4, self.fleet("run", "show").items)
        for host in self.webs:
            self.assert_same(self.bad, host)
            self.assertEqual(self.rig.page(host)[0], 502, host)
        self.assertEqual(restarted(self.bad_units["web3"], self.rig.units("web3")), set())


class Crash(RolloutCase):
    def setUp(self):
        super().setUp()
        self.begin = time.time()

    def killed_at(self, reached):
        """The coordinator is killed when the stream of a run shows what `reached` looks for."""
        with self.rig.follow("coord", "fleet", "--to", "v2.4.1", "-y", "--timeout", "2m") as client:
            self.addCleanup(lambda: client.poll() is None and client.kill())
            run = None
            for line in client.stdout:
                item = json.loads(line)
                run = run or (item["id"] if item["schema"].endswith("/rollout") else None)
                if run and reached(item):
                    pid = self.rig.kill_main("coord", COORDINATOR)
                    break
            else:
                self.fail("the run ended before the point of the crash")
            client.communicate(timeout=60)
        wait_for("the coordinator to be restarted", lambda: self.rig.main_pid("coord", COORDINATOR) not in (0, pid))
        return run

    def assert_ends_right(self, run):
        wait_for("the run to end", lambda: self.state(run) == "done", 60)
        rollout = self.fleet("run", "show", run).one("rollout")
        self.assertEqual(rollout["exit_code"], 0, self.host_rows(run))
        for host in self.webs:
            self.assert_done_once(host, run)
            self.assert_same(self.good, host)
            self.assertEqual(self.rig.page(host), (200, "shop v2.4.1"), host)
            self.assertEqual(restarted(self.bad_units[host], self.rig.units(host)), {"shop.service"}, host)

    def assert_done_once(self, host, run):
        """A host keeps one record of a run however often it ran; what happened is told by events and systemd."""
        phases = [event["phase"] for event in self.rig.ctl(host, "run", "show", run).of("event")]
        entered = [phase for before, phase in zip([None, *phases], phases) if phase != before]
        self.assertEqual(entered.count("committing"), 1, f"{host}: {phases}")
        started = self.rig.fleet.run(host, "journalctl", "--no-pager", "-o", "cat", f"--since=@{self.begin:.6f}",
                                     "UNIT=shop.service", STARTED).stdout.splitlines()
        self.assertEqual(len(started), 1, f"{host}: {started}")

    def test_killed_while_the_hosts_are_checked(self):
        self.assert_ends_right(self.killed_at(lambda item: item["schema"].endswith("/rollout")))

    def test_killed_while_the_first_host_commits(self):
        self.assert_ends_right(self.killed_at(
            lambda item: item.get("name") == "web1" and item.get("phase") == "committing"))

    def test_killed_while_the_second_host_is_gated(self):
        self.assert_ends_right(self.killed_at(
            lambda item: item.get("host") == "web2" and item.get("phase") == "gating"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
