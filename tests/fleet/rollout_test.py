#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A fleet of three real hosts is taken back: exactly, in waves, in spite of red gates and crashes."""
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import Rig, differences, on_all, restarted, wait_for, without_stage  # noqa: E402

COORDINATOR = "rollback-coordinator.service"
RIG = None  # one fleet for the whole file


def setUpModule():
    global RIG
    RIG = Rig("rollout")
    unittest.addModuleCleanup(RIG.down)
    RIG.deploy(["neighbours", "v2.4.1"])
    RIG.start_coordinator()
    RIG.enrol()
    for words in (("v2.4.0", "-l", "web1", "-l", "web2"), ("v2.4.1",)):
        recorded = RIG.ctl("coord", "fleet", "snapshot", *words)
        if recorded.code != 0:
            raise AssertionError(f"the release was not recorded: {recorded}")


class RolloutCase(unittest.TestCase):
    """Every test begins with v2.5.0 over v2.4.1 on all hosts; v2.4.0 (the same content) is known to web1 and web2."""

    def setUp(self):
        self.rig, self.webs = RIG, RIG.webs
        self.rig.reset("v2.4.1")
        self.good = on_all(self.rig.hash_host, self.webs)
        self.good_units = on_all(self.rig.units, self.webs)
        self.rig.deploy(["v2.5.0"])
        self.bad = on_all(self.rig.hash_host, self.webs)
        self.bad_units = on_all(self.rig.units, self.webs)

    def tearDown(self):
        for host in self.webs:
            self.rig.free(host)

    def fleet(self, *words):
        return self.rig.ctl("coord", "fleet", *words)

    def host_rows(self, run):
        """The report of a run: {host: rollout-host}."""
        return {row["name"]: row for row in self.fleet("run", "show", run).of("rollout-host")}

    def state(self, run):
        rollouts = self.fleet("run", "show", run).of("rollout")
        return rollouts[0]["state"] if rollouts else None

    def runs_of(self, host, run):
        return [item for item in self.rig.ctl(host, "run", "list").of("run") if item["id"] == run]

    def assert_same(self, before, host):
        self.assertEqual(differences(before[host], self.rig.hash_host(host)), [], host)

    def assert_untouched(self, host):
        self.assert_same(self.bad, host)
        self.assertEqual(restarted(self.bad_units[host], self.rig.units(host)), set(), host)


class Rollout(RolloutCase):
    def test_every_host_is_exactly_what_it_was(self):
        answer = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(answer.code, 0, answer)
        for host in self.webs:
            self.assert_same(self.good, host)
            self.assertEqual(self.rig.page(host), (200, "shop v2.4.1"), host)
        self.assertEqual(self.fleet("verify", "v2.4.1").code, 0)

    def test_only_the_shop_restarts_and_nginx_reloads(self):
        def workers(host):
            return set(self.rig.fleet.run(host, "pgrep", "-f", "nginx: worker").stdout.split())

        before = on_all(workers, self.webs)
        answer = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(answer.code, 0, answer)
        for host in self.webs:
            after = self.rig.units(host)
            self.assertEqual(restarted(self.bad_units[host], after), {"shop.service"}, host)
            self.assertEqual(after["nginx.service"], self.bad_units[host]["nginx.service"])
            self.assertFalse(before[host] & workers(host), f"{host}: nginx was not reloaded")
            header = self.rig.fleet.run(host, "curl", "-sI", "-m", "3", "http://127.0.0.1/healthz").stdout
            self.assertIn("X-Shop-Edge: 2.4", header)
            for name in self.good_units[host].keys() & after.keys():
                for what in ("ActiveState", "UnitFileState"):
                    self.assertEqual(after[name][what], self.good_units[host][name][what], f"{host} {name}")

    def test_a_second_time_there_is_nothing_to_do(self):
        self.assertEqual(self.fleet("--to", "v2.4.1", "-y").code, 0)
        before = on_all(self.rig.units, self.webs)
        again = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(again.code, 0, again)
        self.assertFalse(any(row["changed"] for row in self.host_rows(again.of("rollout")[0]["id"]).values()))
        for host in self.webs:
            self.assert_same(self.good, host)
            self.assertEqual(restarted(before[host], self.rig.units(host)), set(), host)

    def test_a_dry_run_changes_nothing(self):
        answer = self.fleet("--to", "v2.4.1", "-n")
        self.assertEqual(answer.code, 0, answer)
        for host in self.webs:
            self.assert_untouched(host)


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

    def test_the_host_is_back_on_its_origin_and_the_run_pauses(self):
        run = self.paused()
        self.assert_same(self.good, "web1")
        self.assert_same(self.bad, "web2")
        staged = without_stage(self.rig.hash_host("web3"))  # its turn may still come
        self.assertEqual(differences(self.bad["web3"], staged), [])
        self.assertEqual(restarted(self.bad_units["web3"], self.rig.units("web3")), set())
        own = self.rig.ctl("web2", "run", "show", run).one("run")
        self.assertEqual((own["exit_code"], own["phase"]), (4, "done"), own)
        self.assertEqual(self.state(run), "paused")

    def test_the_report_names_every_host_and_why(self):
        rows = self.host_rows(self.paused())
        self.assertEqual(sorted(rows), self.webs)
        self.assertEqual([rows[host]["phase"] for host in self.webs], ["done", "restored", "ready"])
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
        wait_for("web3 to drop what was staged", lambda: not differences(self.bad["web3"], self.rig.hash_host("web3")))
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
            own = self.runs_of(host, run)
            self.assertEqual(len(own), 1, f"{host} was done twice or not at all: {own}")
            self.assert_same(self.good, host)
            self.assertEqual(self.rig.page(host), (200, "shop v2.4.1"), host)
            self.assertEqual(restarted(self.bad_units[host], self.rig.units(host)), {"shop.service"}, host)

    def test_killed_while_the_hosts_are_checked(self):
        self.assert_ends_right(self.killed_at(lambda item: item["schema"].endswith("/rollout")))

    def test_killed_while_the_first_host_commits(self):
        self.assert_ends_right(self.killed_at(
            lambda item: item.get("name") == "web1" and item.get("phase") == "committing"))

    def test_killed_while_the_second_host_is_gated(self):
        self.assert_ends_right(self.killed_at(
            lambda item: item.get("host") == "web2" and item.get("phase") == "gating"))


class Shortfall(RolloutCase):
    def test_an_unknown_release_is_refused(self):
        answer = self.fleet("--to", "v9.9.9", "-y")
        self.assertEqual(answer.code, 2, answer)
        self.assertIn("v9.9.9", answer.text())
        for host in self.webs:
            self.assert_untouched(host)

    def test_a_release_that_one_host_lacks_is_refused_and_the_host_named(self):
        answer = self.fleet("--to", "v2.4.0", "-y")
        self.assertEqual(answer.code, 2, answer)
        self.assertIn("web3", answer.text())
        for host in self.webs:
            self.assert_untouched(host)

    def test_hosts_without_the_release_can_be_skipped(self):
        answer = self.fleet("--to", "v2.4.0", "--missing", "skip", "-y")
        self.assertEqual(answer.code, 6, answer)
        self.assert_same(self.good, "web1")
        self.assert_same(self.good, "web2")
        self.assert_untouched("web3")

    def test_an_offline_host_is_refused_or_skipped(self):
        self.addCleanup(wait_for, "web3 to be online", lambda: self.rig.is_online("web3"), 60)
        self.addCleanup(self.rig.fleet.heal, "web3")
        self.rig.fleet.partition("web3")
        wait_for("web3 to be offline", lambda: not self.rig.fleet_hosts()["web3"]["online"], 60)
        refused = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(refused.code, 2, refused)
        self.assertIn("web3", refused.text())
        for host in self.webs:
            self.assert_untouched(host)
        skipped = self.fleet("--to", "v2.4.1", "--offline", "skip", "-y")
        self.assertEqual(skipped.code, 6, skipped)
        self.assert_same(self.good, "web1")
        self.assert_same(self.good, "web2")
        self.assert_untouched("web3")


del RolloutCase  # holds no tests of its own

if __name__ == "__main__":
    unittest.main(verbosity=2)
