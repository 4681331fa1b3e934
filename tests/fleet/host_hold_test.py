#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What holds a host: deploys with somebody else's command in them, runs that wait to be confirmed. What ends well stays, what
does not is taken back, whoever dies meanwhile. Needs root and build/packages."""
import signal
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lone import GATE, HOST, MANAGED, LoneHost  # noqa: E402
from rig import differences, wait_for  # noqa: E402

LONG = GATE.replace("soak: 0s", "soak: 60s")
# What a careless deploy does. $1: when it ends, and how.
SCRIPT = """#!/bin/bash
set -e
echo "unpacking $1"
rm -rf /etc/nginx /etc/shop /etc/systemd/system/shop.service.d
tar -C / --xattrs --xattrs-include='*' --acls -xpf "/root/$1.tar"
echo left > /etc/shop/left-behind
date > /root/outside
systemctl daemon-reload
systemctl restart shop.service
systemctl reload nginx.service
echo unpacked
while [ -e /root/wait ]; do timeout 0.1 tail -f /dev/null || :; done
exit "${2:-0}"
"""


def setUpModule():
    host = Hold.host = LoneHost("hold")
    unittest.addModuleCleanup(host.down)
    host.prepare()
    host.write(HOST, "/root/deploy", SCRIPT, 0o755)
    pack(host, "v2.5.0")
    host.reset("v2.4.1")
    pack(host, "v2.4.2")


def pack(host, release):
    """What is managed now as a tar file for SCRIPT."""
    there = [path[1:] for path in MANAGED if host.path(path).exists() or host.path(path).is_symlink()]
    host.run("tar", "-C", "/", "--xattrs", "--acls", "-cpf", f"/root/{release}.tar", *there)


class Hold(unittest.TestCase):
    host = None

    def setUp(self):
        self.host.path("/root/outside").unlink(missing_ok=True)
        if self.host.managed() != self.host.good:
            self.host.reset("v2.4.1")
        self.assertEqual(differences(self.host.good, self.host.managed()), [])

    def free(self):
        return self.host.must("status").one("status")["run"] == ""

    def assert_back(self):
        self.assertEqual(differences(self.host.good, self.host.managed()), [])
        self.assertEqual(self.host.page(HOST)[0], 200)
        self.assertEqual(self.host.leftovers(), [])
        self.assertTrue(self.free())


class Deploy(Hold):
    def deploy(self, release, *words, options=()):
        done = self.host.run("rollbackctl", "deploy", release, *options, "--", "/root/deploy", release, *words, check=False)
        return done.returncode, done.stdout, done.stderr

    def status_of(self, release):
        return next(item for item in self.host.must("history").of("revision") if item["name"] == release)["status"]

    def test_what_is_red_afterwards_is_taken_back_and_kept_for_who_asks(self):
        code, out, words = self.deploy("v2.5.0")
        self.assertEqual(code, 4, words)
        self.assertIn("unpacking v2.5.0\nunpacked\n", out)
        self.assertIn("HTTP 502", words + out)
        self.assert_back()
        self.assertTrue(self.host.path("/root/outside").exists(), "what is not managed stays")
        self.assertEqual(self.status_of("v2.5.0"), "failed")
        shown = self.host.must("show", "v2.5.0", "--tree")
        self.assertIn("/etc/shop/left-behind", [item["path"] for item in shown.of("path")])
        deploy = next(run for run in self.host.must("run", "list").of("run") if run["kind"] == "deploy")
        self.assertEqual((deploy["outcome"], deploy["exit_code"], deploy["command_exit"]), ("restored", 4, 0))

    def test_a_command_that_fails_is_taken_back(self):
        code, _, words = self.deploy("v2.4.2", "3")
        self.assertEqual(code, 4, words)
        self.assertIn("the command ended with 3", words)
        self.assert_back()

    def test_what_ends_well_is_recorded(self):
        code, out, words = self.deploy("v2.4.2", options=("--git-ref", "8f3c1d2", "-m", "routine"))
        self.assertEqual(code, 0, words)
        self.assertIn("unpacked", out)
        self.assertEqual(self.status_of("v2.4.2"), "deployed")
        entry = self.host.must("history").of("history")[-1]
        self.assertEqual((entry["action"], entry["to"], entry["reason"]), ("deploy", "v2.4.2", "routine"))
        self.host.must("rollback", "--to", f"run:{entry['run']}", "-y")
        self.assert_back()

    def test_no_undo_leaves_it(self):
        code, _, words = self.deploy("v2.5.0", options=("--no-undo",))
        self.assertEqual(code, 6, words)
        self.assertTrue(self.host.path("/etc/shop/left-behind").exists())
        run = next(run for run in self.host.must("run", "list").of("run") if run["kind"] == "deploy")
        self.host.must("rollback", "--to", f"run:{run['id']}", "-y")
        self.assert_back()

    def test_what_cannot_be_run_changes_nothing(self):
        before = self.host.everything()
        runs = len(self.host.must("run", "list").of("run"))
        for words in (("v2.6.0", "--", "/no/such/program"), ("v2.6.0",), ("latest", "--", "true"), ("--", "true")):
            done = self.host.run("rollbackctl", "deploy", *words, check=False)
            self.assertEqual(done.returncode, 1, (words, done))
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertEqual(differences(before, self.host.everything()), [])
        self.assertEqual(len(self.host.must("run", "list").of("run")), runs)

    # -- somebody dies meanwhile

    def begun(self, release="v2.5.0"):
        """A deploy whose command has done its work and goes on while /root/wait is there."""
        self.host.write(HOST, "/root/wait", "")
        self.addCleanup(self.host.path("/root/wait").unlink, True)
        command = self.host.fleet.machine(HOST).enter_command(
            ["rollbackctl", "deploy", release, "--", "/root/deploy", release])
        deploy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  start_new_session=True)
        self.addCleanup(deploy.communicate)
        self.addCleanup(deploy.kill)
        while "unpacked" not in (line := deploy.stdout.readline()):
            self.assertTrue(line, "the command ended early")
        return deploy

    def rollbackctl(self):
        pids = self.host.run("pgrep", "-f", "^rollbackctl deploy").stdout.split()
        return int(pids[0])

    def test_the_host_is_held_and_others_are_told(self):
        deploy = self.begun()
        for words in (("snapshot", "v9.9.9"), ("rollback", "--to", "v2.4.1", "-y"), ("deploy", "begin", "v9.9.9")):
            done = self.host.ask(*words)
            self.assertEqual(done.code, 7, (words, done))
        status = self.host.must("status").one("status")
        self.assertEqual(status["run_phase"], "deploying", status)
        with self.subTest("run abort ends it"):
            done = self.host.ask("run", "abort", status["run"])
            self.assertEqual(done.code, 4, done)
            self.assertEqual(deploy.wait(60), 4)
            self.assert_back()

    def test_a_session_that_dies_leaves_the_command_to_its_end(self):
        self.begun()
        self.host.run("kill", "-9", str(self.rollbackctl()))
        self.host.path("/root/wait").unlink()
        wait_for("the way back", self.free, seconds=60)
        run = next(run for run in self.host.must("run", "list").of("run") if run["kind"] == "deploy")
        self.assertEqual(run["outcome"], "restored", run)
        self.assertIn("without telling", " ".join(run["findings"]))
        self.assert_back()

    def test_an_agent_that_is_restarted_meanwhile_goes_on(self):
        deploy = self.begun("v2.4.2")
        self.host.run("systemctl", "kill", "-s", "KILL", "rollback-agent.service")
        self.host.path("/root/wait").unlink()
        self.assertEqual(deploy.wait(90), 0, deploy.stderr.read())
        self.assertEqual(self.status_of("v2.4.2"), "deployed")

    def test_a_signal_for_rollbackctl_reaches_the_command(self):
        deploy = self.begun()
        self.host.run("kill", "-TERM", str(self.rollbackctl()))
        self.assertEqual(deploy.wait(60), 4)
        run = next(run for run in self.host.must("run", "list").of("run") if run["kind"] == "deploy")
        self.assertEqual(run["command_exit"], 128 + signal.SIGTERM, run)
        self.assert_back()

    # -- for tools that run elsewhere

    def test_begin_and_end_are_for_tools_that_run_elsewhere(self):
        run = self.host.must("deploy", "begin", "v2.4.3").one("run")
        self.assertEqual((run["kind"], run["outcome"]), ("deploy", "running"))
        self.host.write(HOST, "/etc/shop/shop.conf.d.note", "x")
        self.assertEqual(self.host.ask("deploy", "end").code, 0)
        self.assertEqual(self.status_of("v2.4.3"), "deployed")
        with self.subTest("abort"):
            self.host.must("deploy", "begin", "v2.4.4")
            self.host.write(HOST, "/etc/shop/another", "x")
            self.assertEqual(self.host.ask("deploy", "abort").code, 4)
            self.assertFalse(self.host.path("/etc/shop/another").exists())
        with self.subTest("told twice, done once"):
            again = self.host.ask("deploy", "end", run["id"])
            self.assertEqual((again.code, again.one("run")["outcome"]), (0, "succeeded"))
        with self.subTest("none is open"):
            self.assertEqual(self.host.ask("deploy", "end").code, 2)

    def test_nobody_who_ends_it_is_its_end_at_the_deadline(self):
        self.host.must("deploy", "begin", "v2.4.5", "--timeout", "2s")
        self.host.write(HOST, "/etc/shop/another", "x")
        wait_for("the way back", self.free, seconds=60)
        self.assertFalse(self.host.path("/etc/shop/another").exists())
        deploy = next(run for run in self.host.must("run", "list").of("run") if run["kind"] == "deploy")
        self.assertIn("--timeout", " ".join(deploy["findings"]))


class Confirm(Hold):
    """v2.5.0 is live and broken; v2.4.1 is gone back to, and waits."""

    def waiting(self, window):
        self.host.break_it()
        rollback = self.enterContext(self.host.follow(HOST, "rollback", "--to", "v2.4.1", "-y", "--confirm-timeout", window))
        self.addCleanup(rollback.kill)
        while "run confirm" not in (line := rollback.stdout.readline()):
            self.assertTrue(line, "the rollback ended early")
        self.assertEqual(differences(self.host.good, self.host.managed()), [])
        return rollback

    def test_confirmed_it_stays(self):
        rollback = self.waiting("60s")
        self.assertEqual(self.host.must("status").one("status")["run_phase"], "confirming")
        self.assertEqual(self.host.must("lock", "status").one("run")["to"], "v2.4.1")
        self.assertEqual(self.host.ask("lock", "break", "-m", "in my way").code, 7)
        self.host.must("run", "confirm")
        self.assertEqual(rollback.wait(30), 0)
        self.assert_back()
        self.assertEqual(self.host.ask("run", "confirm").code, 2)

    def test_forgotten_it_is_taken_back(self):
        rollback = self.waiting("1s")
        self.assertEqual(rollback.wait(30), 4)
        self.assertEqual(differences(self.host.bad, self.host.managed()), [])

    def test_the_time_outlives_the_agent(self):
        self.waiting("60s")
        self.host.run("systemctl", "kill", "-s", "KILL", "rollback-agent.service")
        wait_for("the agent's return", lambda: self.host.ask("run", "confirm").code == 0)
        wait_for("the end of the run", self.free)
        self.assertEqual(self.host.last_run()["outcome"], "succeeded")
        self.assert_back()

    def test_nobody_holds_a_host_at_rest(self):
        for words in (("lock", "status"), ("lock", "break", "-m", "why")):
            self.assertIn("nobody holds this host", self.host.must(*words).text())
        self.assertEqual(self.host.ask("run", "resume").code, 2)
        self.assertEqual(self.host.ask("lock", "break").code, 1)


class Direct(Hold):
    """rollbackctl --direct, for a host whose agent does not run."""

    def setUp(self):
        super().setUp()
        self.host.run("systemctl", "stop", "rollback-agent.service")
        self.addCleanup(self.host.run, "systemctl", "start", "rollback-agent.service")

    def direct(self, *words):
        return self.host.ask("--direct", *words)

    def agents(self):
        return self.host.run("pgrep", "-f", "rollback-agent --direct", check=False).stdout.split()

    def test_goes_back_without_an_agent_that_runs(self):
        self.host.break_it()
        done = self.direct("rollback", "--to", "v2.4.1", "-y")
        self.assertEqual((done.code, done.one("run")["outcome"]), (0, "succeeded"), done)
        self.assertEqual(differences(self.host.good, self.host.managed()), [])
        self.assertEqual(self.host.page(HOST)[0], 200)
        self.assertEqual(self.agents(), [])
        with self.subTest("what it did is known to all later agents"):
            self.assertEqual(self.direct("run", "list", "-n", "1").of("run")[0], done.one("run"))
            self.host.run("systemctl", "start", "rollback-agent.service")
            self.assertEqual(self.host.last_run(), done.one("run"))
        with self.subTest("and refused beside one that runs"):
            beside = self.direct("status")
            self.assertEqual(beside.code, 1, beside)
            self.assertIn("leave out --direct", beside.words)

    def test_finishes_what_a_dead_agent_left(self):
        self.host.run("systemctl", "start", "rollback-agent.service")
        self.host.start(gate=LONG)
        self.addCleanup(self.host.start)
        self.host.break_it()
        rollback = self.enterContext(self.host.follow(HOST, "rollback", "--to", "v2.4.1", "-y"))
        self.addCleanup(rollback.kill)
        while "gating" not in (line := rollback.stdout.readline()):
            self.assertTrue(line, "the rollback ended early")
        self.host.run("systemctl", "kill", "-s", "KILL", "rollback-agent.service")
        self.host.run("systemctl", "stop", "rollback-agent.service")
        self.direct("status")  # its agent finishes what it found before it ends
        run = self.direct("run", "list", "-n", "1").of("run")[0]
        self.assertEqual(run["outcome"], "restored", run)
        self.assertEqual(differences(self.host.bad, self.host.managed()), [])

    def test_a_mistake_is_said_in_one_sentence(self):
        for program, part in (("/no/such/agent", "/no/such/agent"), ("/bin/false", "could not start")):
            done = self.host.ask("--direct", "--agent-program", program, "status")
            self.assertEqual(done.code, 1, done)
            self.assertEqual(len(done.words.strip().splitlines()), 1, done.words)
            self.assertIn(part, done.words)


if __name__ == "__main__":
    unittest.main()
