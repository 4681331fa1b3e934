#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs of one host as people see them: listed, shown, watched, aborted, and in the way of what would disturb them;
and the configuration, checked before it is loaded. Needs root and build/packages."""
import json
import sys
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lone import GATE, HOST, LoneHost  # noqa: E402
from rig import Answer, differences, wait_for  # noqa: E402

SOAK = "watching for"  # the event with which the soak begins
LONG = GATE.replace("soak: 0s", "soak: 60s")
AGENT = "rollback-agent.service"
YAML = "/etc/rollback/agent.yaml"
# Units whose sandbox must let them write where the release lies.
WRITERS = ("rollback-agent", "rollback-recover")
# A setting in a drop-in that takes away what the agent cannot do without, and what it says then.
CRIPPLED = (("RestrictSUIDSGID=yes", r"openat2 .*RestrictSUIDSGID="),
            ("CapabilityBoundingSet=~CAP_SYS_PTRACE", r"cannot read /proc/1/exe .*CAP_SYS_PTRACE"))


def setUpModule():
    Run.host = LoneHost("hostrun")
    unittest.addModuleCleanup(Run.host.down)
    Run.host.prepare()


class Run(unittest.TestCase):
    host = None

    def assert_sentence(self, words, *parts):
        self.assertEqual(len(words.strip().splitlines()), 1, words)
        for part in parts:
            self.assertIn(part, words)

    def assert_at(self, state):
        self.assertEqual(differences(state, self.host.managed()), [])

    def broken(self, gate):
        """v2.5.0 is live and broken."""
        self.host.start(gate=gate)
        if self.host.managed() != self.host.bad:
            self.host.reset("v2.4.1")
            self.host.break_it()
        self.assert_at(self.host.bad)


class Finished(Run):
    def test_a_finished_run_is_listed_shown_and_watched_again(self):
        self.broken(GATE)
        self.host.must("rollback", "--to", "v2.4.1", "-y", "-m", "v2.5.0 answers 502")
        run = self.host.last_run()
        self.assertEqual((run["outcome"], run["exit_code"], run["to"], run["reason"]),
                         ("succeeded", 0, "v2.4.1", "v2.5.0 answers 502"))
        shown = self.host.must("run", "show", run["id"])
        self.assertEqual(shown.one("run"), run)
        events = shown.of("event")
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual([phase for phase in ("committing", "activating", "gating")
                          if phase not in {event["phase"] for event in events}], [])
        for words in ((run["id"],), (run["id"][:6],), (run["id"], "--from", "1")):
            watched = self.host.must("run", "watch", *words)
            self.assertEqual((watched.of("event"), watched.one("run")), (events, run), words)
        self.assertEqual(self.host.must("run", "watch", run["id"], "--from", "4").of("event"), events[3:])
        self.assertEqual(self.host.must("run", "watch", run["id"], "--from", "999").of("event"), [])

    def test_what_is_not_running_cannot_be_aborted_or_watched(self):
        self.broken(GATE)
        self.host.must("rollback", "--to", "v2.4.1", "-y")
        run = self.host.last_run()["id"]
        before = self.host.everything()
        for words, part in ((("run", "abort", run), run), (("run", "abort", "0123456789ab"), "0123456789ab"),
                            (("run", "watch"), "no run is running"), (("run", "watch", "0123456789ab"), "0123456789ab"),
                            (("run", "show", "0123456789ab"), "run list"), (("run", "show", "xy"), "hex digits")):
            with self.subTest(words):
                done = self.host.ask(*words)
                self.assertEqual(done.code, 2, done)
                self.assert_sentence(done.words, part)
        self.assertEqual(differences(before, self.host.everything()), [])
        self.assertEqual(self.host.last_run()["outcome"], "succeeded")


class AtWork(Run):
    def followed(self, *words):
        """A rollbackctl that somebody left running; it is killed when it outlives the test or 90 seconds."""
        follower = self.enterContext(self.host.follow(HOST, *words))
        self.addCleanup(follower.kill)
        deadline = threading.Timer(90, follower.kill)
        deadline.start()
        self.addCleanup(deadline.cancel)
        return follower

    def lines_until(self, follower, text):
        lines = [follower.stdout.readline()]
        while text not in lines[-1]:
            self.assertTrue(lines[-1], f"ended before it said '{text}': {lines}")
            lines.append(follower.stdout.readline())
        return lines

    def collected(self, follower, lines=()):
        """The answer of a follower when it ends; `lines` of it were read before."""
        lines = [*lines, *follower.stdout]
        words = follower.stderr.read()
        return Answer(follower.wait(), [json.loads(line) for line in lines], words)

    def test_a_run_at_work_is_watched_guarded_and_aborted(self):
        self.broken(LONG)
        rollback = self.followed("rollback", "--to", "v2.4.1", "-y")
        run = wait_for("the run's soak", self.soaking)
        self.assert_at(self.host.good)
        watchers = [(self.followed("run", "watch", *words), first) for words, first in (((), 1), ((run, "--from", "3"), 3))]
        heard = [self.lines_until(watcher, SOAK) for watcher, _ in watchers]
        with self.subTest("what would disturb it is refused"):
            self.refuse_others(run)
        with self.subTest("the agent is not removed"):
            self.refuse_removal()
        with self.subTest("Ctrl-C of a watcher leaves it alone"):
            watch = ("timeout", "--preserve-status", "-s", "INT", "1", "rollbackctl", "run", "watch", run)
            left = self.host.run(*watch, check=False)
            self.assertEqual(left.returncode, 130, left)
            self.assertIn("goes on", left.stderr)
            self.assertEqual(self.host.must("status").one("status")["run"], run)
        with self.subTest("what only reads the store still answers"):
            for words in (("status",), ("history",), ("show", "v2.4.1"), ("run", "list"), ("run", "show", run), ("health",)):
                self.assertEqual(self.host.ask(*words).code, 0, words)
        self.assert_sentence(self.said("run", "abort", run), run, "takes back")
        ended = self.collected(rollback)
        self.assertEqual(ended.code, 4, ended)
        self.assert_at(self.host.bad)
        self.assertEqual(self.host.leftovers(), [])
        record = self.host.last_run()
        self.assertEqual((record["id"], record["outcome"], record["exit_code"]), (run, "restored", 4), record)
        self.assertIn("abort", " ".join(record["findings"]))
        events = self.host.must("run", "show", run).of("event")
        for (watcher, first), lines in zip(watchers, heard):
            seen = self.collected(watcher, lines)
            self.assertEqual((seen.code, seen.of("event")), (4, events[first - 1:]), seen)
        again = self.host.ask("run", "watch", run)
        self.assertEqual((again.code, again.of("event")), (4, events), again)
        self.assertEqual(self.host.ask("run", "abort", run).code, 2)

    def soaking(self):
        status = self.host.must("status").one("status")
        if status["run_phase"] != "gating" or SOAK not in self.host.must("run", "show", status["run"]).text():
            return None
        return status["run"]

    def said(self, *words):
        done = self.host.run("rollbackctl", *words)
        return done.stdout + done.stderr

    def refuse_others(self, run):
        for words in (("rollback", "--to", "v2.4.1", "-y"), ("undo", "-y"), ("snapshot", "v2.7.0"), ("plan", "--to", "v2.4.1"),
                      ("diff", "v2.4.1"), ("verify", "v2.4.1"), ("config", "check")):
            done = self.host.ask(*words)
            self.assertEqual(done.code, 7, (words, done))
            self.assert_sentence(done.words, "a rollback to v2.4.1 by root", "run watch")
        self.assertEqual(self.host.must("status").one("status")["run"], run)

    def refuse_removal(self):
        pid = self.host.main_pid(HOST, AGENT)
        done = self.host.run("dpkg", "--remove", "rollback-agent", check=False)
        self.assertNotEqual(done.returncode, 0, done)
        self.assertRegex(done.stderr, r"rollback-agent: not removed, .*'rollbackctl run abort RUN'")
        self.assertEqual(self.host.main_pid(HOST, AGENT), pid, "the agent was stopped")
        self.assertIn("install ok installed", self.host.run("dpkg", "-s", "rollback-agent").stdout)


class Configuration(Run):
    def test_a_good_one_is_good(self):
        self.host.start()
        done = self.host.must("config", "check")
        self.assertEqual([line["level"] for line in done.of("line")], ["info"], done)

    def test_a_path_elsewhere_needs_a_drop_in_and_works_with_it(self):
        self.host.reset("v2.4.1")
        self.host.start()
        self.addCleanup(self.host.start)
        self.addCleanup(self.host.run, "systemctl", "daemon-reload")
        site = self.host.path("/var/www/x/index.html")
        site.parent.mkdir(parents=True)
        site.write_text("one\n")
        text = self.host.read(HOST, YAML)
        line = text[:text.index("health:")].count("\n") + 1
        self.host.write(HOST, YAML, text.replace("health:", "  - { kind: files, name: www, paths: [/var/www/x] }\nhealth:"))
        setting = "ReadWritePaths=-/var/www"
        self.assertIn(setting, self.host.run("rollback-agent", "--check").stdout)
        done = self.host.ask("config", "check")
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.text(), rf"agent\.yaml:{line}: cannot write in /var/www: .*{setting}")
        self.refuses_to_start(rf"agent\.yaml:{line}: cannot write in /var/www: .*Read-only.*drop-in with {setting}")
        for unit in WRITERS:
            self.host.write(HOST, f"/etc/systemd/system/{unit}.service.d/write.conf", f"[Service]\n{setting}\n")
            self.addCleanup(self.host.path(f"/etc/systemd/system/{unit}.service.d/write.conf").unlink)
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", AGENT)
        self.host.must("config", "check")
        self.goes_back(site)

    def test_a_sandbox_that_takes_too_much_is_named_before_the_agent_is_ready(self):
        self.host.start()
        self.addCleanup(self.host.start)
        self.addCleanup(self.host.run, "systemctl", "daemon-reload")
        dropin = f"/run/systemd/system/{AGENT}.d/crippled.conf"
        self.addCleanup(self.host.run, "rm", "-f", dropin)
        for setting, sentence in CRIPPLED:
            with self.subTest(setting):
                self.host.run("install", "-D", "/dev/stdin", dropin, stdin=None, input=f"[Service]\n{setting}\n")
                self.host.run("systemctl", "daemon-reload")
                self.refuses_to_start(rf"(?m)^.*{sentence}.*$")

    def refuses_to_start(self, sentence):
        pid = self.host.main_pid(HOST, AGENT)
        self.assertNotEqual(self.host.run("systemctl", "restart", AGENT, check=False).returncode, 0)
        log = self.host.run("journalctl", "--no-pager", "-o", "cat", "-n", "40", "-u", AGENT).stdout
        self.assertRegex(log, sentence)
        self.assertNotEqual(self.host.run("systemctl", "is-active", AGENT, check=False).stdout.strip(), "active")
        self.assertNotIn(self.host.main_pid(HOST, AGENT), {pid} - {0}, "the old one goes on")

    def goes_back(self, site):
        """A release that holds the path is recorded, left, and reached again."""
        self.host.must("snapshot", "v3.0.0")
        site.write_text("two\n")
        self.assertIn("/var/www/x/index.html", [item["path"] for item in self.host.ask("verify").of("diff")])
        self.host.must("rollback", "--to", "v3.0.0", "-y")
        self.assertEqual(site.read_text(), "one\n")
        self.host.must("verify")

    def test_an_edited_file_is_checked_as_it_is_now(self):
        self.host.start()
        self.addCleanup(self.host.start)
        text = self.host.read(HOST, YAML)
        self.host.write(HOST, YAML, text + "resorces: []\n")
        done = self.host.ask("config", "check")
        self.assertEqual(done.code, 1, done)
        self.assert_sentence(done.words, f"agent.yaml:{text.count(chr(10)) + 1}", "resources")
        self.host.write(HOST, YAML, text.replace("soak: 0s", "soak: 1s"))
        done = self.host.must("config", "check")
        self.assertIn("systemctl restart rollback-agent", done.text())
        self.host.run("systemctl", "restart", AGENT)
        self.assertNotIn("systemctl restart", self.host.must("config", "check").text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
