#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator asks of a rollout: waves, how many may fail and what then, a budget, some hosts only, undo."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import on_all, restarted, wait_for  # noqa: E402
from rollout_case import RolloutCase, boot  # noqa: E402

CONFIGURATION = "/etc/rollback/agent.yaml"


def setUpModule():
    boot("policy")
    rig = RolloutCase.rig
    rig.write("web3", CONFIGURATION, rig.read("web3", CONFIGURATION).replace("role: web", "role: edge"))
    rig.fleet.run("web3", "systemctl", "restart", "rollback-agent.service")
    wait_for("web3 to say its new role", lambda: rig.fleet_hosts()["web3"]["labels"].get("role") == "edge")
    wait_for("web3 to be online", lambda: rig.is_online("web3"))


class PolicyCase(RolloutCase):
    def phases(self, run):
        return {name: row["phase"] for name, row in self.host_rows(run).items()}

    def assert_at(self, **states):
        """Each host, to the byte: `good` is v2.4.1, `bad` is v2.5.0 where it began, untouched or taken back."""
        for host, state in states.items():
            self.assert_same({"good": self.good, "bad": self.bad}[state], host)

    def assert_free(self):
        """No host is locked: the fleet goes to the release at once."""
        answer = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(answer.code, 0, answer)
        self.assert_at(web1="good", web2="good", web3="good")


class Waves(PolicyCase):
    def test_a_wave_begins_when_the_one_before_is_done(self):
        answer = self.fleet("--to", "v2.4.1", "-b", "2,100%", "-y")
        self.assertEqual(answer.code, 0, answer)
        run = answer.of("rollout")[0]["id"]
        self.assertEqual({name: row["wave"] for name, row in self.host_rows(run).items()},
                         {"web1": 1, "web2": 1, "web3": 2})
        seen = [(item.get("name") or item.get("host"), item["phase"]) for item in answer.items if "phase" in item]
        first = [seen.index((host, "committing")) for host in ("web1", "web2")]
        done = [seen.index((host, "done")) for host in ("web1", "web2")]
        self.assertLess(max(first), min(done), seen)
        self.assertLess(max(done), seen.index(("web3", "committing")), seen)


class Afterwards(PolicyCase):
    def test_undo_without_a_run_takes_back_the_newest_that_changed_something(self):
        done = self.fleet("--to", "v2.4.1", "-b", "100%", "-y")
        self.assertEqual(done.code, 0, done)
        run = done.of("rollout")[0]["id"]
        self.assertEqual(self.fleet("--to", "v2.4.1", "-n").code, 0)
        newest = self.fleet("run", "list").of("rollout")
        self.assertEqual((newest[0]["dry_run"], newest[1]["id"]), (True, run))

        undone = self.fleet("run", "undo")
        self.assertEqual((undone.code, undone.of("rollout")[0]["id"]), (0, run), undone)
        self.assert_at(web1="bad", web2="bad", web3="bad")
        for host in self.webs:
            self.assertEqual(self.rig.page(host)[0], 502, host)
        self.assertEqual(self.phases(run), dict.fromkeys(self.webs, "undone"))

        listed = [item for item in self.fleet("run", "list").of("rollout") if item["id"] == run]
        shown = self.fleet("run", "show", run).one("rollout")
        watched = self.fleet("run", "watch", run)
        self.assertEqual([item["state"] for item in listed], ["done"])
        self.assertEqual(listed, [shown])
        self.assertEqual((watched.code, watched.of("rollout")[0]), (shown["exit_code"], shown), watched)

        before = {host: self.rig.units(host) for host in self.webs}
        again = self.fleet("run", "undo")
        self.assertEqual(again.code, 2, again)
        self.assertIn(run, again.words)
        for host in self.webs:
            self.assertEqual(restarted(before[host], self.rig.units(host)), set(), host)
        self.assert_at(web1="bad", web2="bad", web3="bad")

    def test_undo_of_a_run_leaves_the_hosts_of_another_where_they_are(self):
        first = self.fleet("--to", "v2.4.1", "-l", "role=edge", "-y")
        second = self.fleet("--to", "v2.4.1", "-l", "web2", "-y")
        self.assertEqual((first.code, second.code), (0, 0), (first, second))
        self.assert_at(web1="bad", web2="good", web3="good")
        self.fleet("run", "undo", first.of("rollout")[0]["id"])
        self.assert_at(web1="bad", web2="good", web3="bad")


class OneRedGate(PolicyCase):
    """Another program holds the port that v2.4.1 needs; v2.5.0 listens elsewhere."""

    def roll(self, red, *words):
        self.rig.squat(red)
        self.addCleanup(self.fleet, "run", "abort")  # what is paused by mistake keeps its locks
        answer = self.fleet("--to", "v2.4.1", "-b", "1", "-y", *words)
        run = answer.of("rollout")[0]["id"]
        self.assertEqual(self.state(run), "done", answer)
        return answer, self.phases(run)

    def test_stop_in_the_first_wave(self):
        answer, phases = self.roll("web1", "--on-failure", "stop")
        self.assertEqual(answer.code, 4, answer)
        self.assertEqual(phases, {"web1": "restored", "web2": "skipped", "web3": "skipped"})
        self.assert_same(self.bad, "web1")
        for host in ("web2", "web3"):
            self.assert_untouched(host)

    def test_stop_in_the_second_wave(self):
        answer, phases = self.roll("web2", "--on-failure", "stop")
        self.assertEqual(answer.code, 6, answer)
        self.assertEqual(phases, {"web1": "done", "web2": "restored", "web3": "skipped"})
        self.assert_at(web1="good", web2="bad")
        self.assert_untouched("web3")
        self.rig.free("web2")
        self.assert_free()

    def assert_others_are_done(self, answer, phases):
        self.assertEqual(answer.code, 6, answer)
        self.assertEqual(phases, {"web1": "done", "web2": "restored", "web3": "done"})
        self.assert_at(web1="good", web2="bad", web3="good")

    def test_continue_takes_all_others_back(self):
        self.assert_others_are_done(*self.roll("web2", "--on-failure", "continue"))

    def test_as_many_as_max_fail_allows_are_no_reason_to_stop(self):
        self.assert_others_are_done(*self.roll("web2", "--on-failure", "stop", "--max-fail", "1"))

    def test_half_of_three_hosts_is_one(self):
        self.assert_others_are_done(*self.roll("web2", "--on-failure", "stop", "--max-fail", "50%"))


class Budget(PolicyCase):
    def signal(self, name):
        self.rig.fleet.run("web3", "systemctl", "kill", f"--signal={name}", "rollback-agent.service")

    def test_nothing_is_changed_when_not_all_are_checked_in_time(self):
        short = self.fleet("--to", "v2.4.1", "--timeout", "1ms", "-y")
        self.assertEqual(short.code, 9, short)
        self.addCleanup(self.signal, "CONT")
        self.signal("STOP")
        answer = self.fleet("--to", "v2.4.1", "--timeout", "2s", "-y")
        self.signal("CONT")
        self.assertEqual(answer.code, 9, answer)
        run = answer.of("rollout")[0]["id"]
        self.assertEqual(self.phases(run), dict.fromkeys(self.webs, "skipped"))
        for host in self.webs:
            self.assert_untouched(host)
            self.assertEqual([own["outcome"] for own in self.runs_of(host, run) if own["changed"]], [], host)
        recorded = self.rig.ctl("web1", "snapshot", "v2.5.0", "--unhealthy-ok")
        self.assertEqual(recorded.code, 0, recorded)
        wait_for("web3 to be online", lambda: self.rig.is_online("web3"))
        self.assert_free()


class Selection(PolicyCase):
    CHOSEN = ((("-l", "role=web"), {"web1", "web2"}), (("-l", "web[23]"), {"web2", "web3"}),
              (("-l", "!web2"), {"web1", "web3"}), (("-l", "web*,!role=edge"), {"web1", "web2"}),
              (("-l", "web1", "-l", "role=edge"), {"web1", "web3"}), (("--exclude", "web1"), {"web2", "web3"}))

    def setUp(self):  # nothing here changes a host
        self.webs = self.rig.webs
        self.bad = on_all(self.rig.hash_host, self.webs)
        self.bad_units = on_all(self.rig.units, self.webs)

    def test_only_the_selected_hosts_are_checked(self):
        for words, hosts in self.CHOSEN:
            with self.subTest(words):
                answer = self.fleet("--to", "v2.4.1", "-n", *words)
                self.assertEqual(answer.code, 0, answer)
                self.assertEqual(self.phases(answer.of("rollout")[0]["id"]).keys(), hosts)

    def test_a_host_that_there_is_not_is_a_mistake(self):
        runs = self.fleet("run", "list").items
        for words in (("-l", "web9"), ("-l", "web1", "-l", "web9"), ("-l", "!web9"), ("--exclude", "web9")):
            with self.subTest(words):
                answer = self.fleet("--to", "v2.4.1", "-y", *words)
                self.assertEqual(answer.code, 1, answer)
                self.assertEqual(len(answer.words.strip().splitlines()), 1, answer)
                self.assertIn("'web9'", answer.words)
        self.assertEqual(self.fleet("run", "list").items, runs)
        for host in self.webs:
            self.assert_untouched(host)


if __name__ == "__main__":
    unittest.main(verbosity=2)
