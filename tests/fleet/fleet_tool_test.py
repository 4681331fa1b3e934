#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tool that boots test hosts, tried on two of them. Needs root; takes about 10 s with a cached image."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from hosts import Fleet, FleetError  # noqa: E402
from hosts import cgroups  # noqa: E402
from hosts.disk import mounts_below  # noqa: E402
from hosts.fleet import RUN  # noqa: E402
from hosts.process import Process, poll_until, start  # noqa: E402

NAME = f"tool{os.getpid() % 100000}"  # not the name of anybody's fleet
# A shell that runs the suites in its background has it ignored, by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def traces(fleet):
    """Everything a fleet leaves on the machine, as words."""
    found = [f"namespace {name}" for name in fleet.network.existing()]
    found += [f"mount {point}" for point in mounts_below(fleet.roots)]
    found += [f"process {pid}" for pid in cgroups.processes(fleet.name)]
    found += [str(group) for tree in cgroups.trees() for group in (tree / cgroups.PARENT).glob(fleet.name)]
    found += [str(path) for path in (fleet.roots, fleet.state) if path.exists()]
    return found


def page(fleet, client, server):
    """HTTP status of the server's first page as the client host sees it; 000 when unreachable."""
    return fleet.run(client, "curl", "-s", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}",
                     f"http://{server}/", check=False).stdout


def tool(*arguments, **options):
    return subprocess.run([str(HERE / "fleet.py"), "--name", NAME, *arguments], capture_output=True, text=True,
                          check=False, **options)


class TwoHosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(NAME)
        cls.addClassCleanup(cls.fleet.down)
        cls.fleet.up(2)

    def test_hosts_reach_each_other_by_name(self):
        self.assertEqual(page(self.fleet, "web1", "web2"), "200")
        self.assertEqual(page(self.fleet, "web2", "web1"), "200")

    def test_each_host_has_its_own_service_tree(self):
        for host in ("web1", "web2"):
            with open(f"/proc/{self.fleet.pid(host)}/cgroup", encoding="utf-8") as listing:
                self.assertIn(host, listing.read())

    def test_services_see_a_loopback_device_of_their_own(self):
        answer = self.fleet.run("web1", "systemd-run", "--wait", "--pipe", "-q", "-p", "PrivateNetwork=yes",
                                "ip", "-o", "link", "show", "up")
        self.assertIn("lo:", answer.stdout)

    def test_a_crash_keeps_files_and_the_host_boots_again(self):
        self.fleet.run("web1", "tee", "/srv/kept", input="before the crash", stdin=None)
        before = self.fleet.pid("web1")
        self.fleet.kill("web1")
        self.assertEqual(page(self.fleet, "web2", "web1"), "000")
        self.assertEqual(self.fleet.boot("web1"), "running")
        self.assertNotEqual(self.fleet.pid("web1"), before)
        self.assertEqual(self.fleet.run("web1", "cat", "/srv/kept").stdout, "before the crash")
        self.assertEqual(page(self.fleet, "web2", "web1"), "200")

    def test_stop_runs_the_services_stop_commands(self):
        unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/usr/bin/touch /srv/stopped\n"
        self.fleet.run("web1", "tee", "/etc/systemd/system/last.service", input=unit, stdin=None)
        self.fleet.run("web1", "systemctl", "start", "last.service")
        self.fleet.stop("web1")
        self.assertTrue((self.fleet.root("web1") / "srv/stopped").exists())
        self.fleet.boot("web1")

    def test_a_partitioned_host_lives_on_unreachable(self):
        self.fleet.partition("web2")
        self.assertEqual(page(self.fleet, "web1", "web2"), "000")
        self.assertEqual(page(self.fleet, "web2", "127.0.0.1"), "200")
        self.fleet.heal("web2")
        self.assertEqual(page(self.fleet, "web1", "web2"), "200")

    def test_a_second_up_keeps_the_running_hosts(self):
        pids = [self.fleet.pid(host) for host in self.fleet.hosts()]
        self.fleet.up(2)
        self.assertEqual([self.fleet.pid(host) for host in self.fleet.hosts()], pids)

    def test_up_boots_what_is_down(self):
        self.fleet.kill("web2")
        self.fleet.up(2)
        self.assertEqual([row["state"] for row in self.fleet.describe()], ["running", "running"])

    def test_exec_passes_input_output_and_exit_code(self):
        done = tool("exec", "web1", "--", "sh", "-c", "cat; pwd; exit 7", input="words ")
        self.assertEqual((done.returncode, done.stdout), (7, "words /\n"))

    def test_exec_has_a_clean_environment(self):
        done = tool("exec", "web1", "--", "env", env={**os.environ, "LEAKED": "yes"})
        self.assertNotIn("LEAKED", done.stdout)

    def test_copy_keeps_modes_and_names_the_target(self):
        source = Path(self.enterContext(temporary_folder())) / "file"
        source.write_text("text", encoding="utf-8")
        source.chmod(0o640)
        self.fleet.copy("web1", source, "/srv/new/name")
        listed = self.fleet.run("web1", "stat", "-c", "%a %s", "/srv/new/name").stdout
        self.assertEqual(listed, "640 4\n")

    def test_unknown_and_stopped_hosts_are_named(self):
        self.assertRaisesRegex(FleetError, "no host 'web9' .*web1 web2", self.fleet.kill, "web9")
        self.fleet.kill("web2")
        self.assertRaisesRegex(FleetError, "web2 is down.*boot web2", self.fleet.run, "web2", "true")
        self.fleet.boot("web2")


class Leftovers(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(NAME)
        self.addCleanup(self.fleet.down)

    def test_down_leaves_nothing(self):
        for overlay in (False, True):
            self.fleet.up(1, overlay=overlay, fresh=True)
            self.assertNotEqual(traces(self.fleet), [])
            self.fleet.down()
            self.assertEqual(traces(self.fleet), [])

    def test_a_killed_run_is_cleaned_by_the_next(self):
        self.interrupt_up(signal.SIGKILL)
        self.assertNotEqual(traces(self.fleet), [])
        self.fleet.up(1)
        self.assertEqual(page(self.fleet, "web1", "127.0.0.1"), "200")
        self.fleet.down()
        self.assertEqual(traces(self.fleet), [])

    def test_ctrl_c_in_the_middle_leaves_nothing(self):
        self.assertEqual(self.interrupt_up(signal.SIGINT), 130)
        self.assertEqual(traces(self.fleet), [])

    def test_ctrl_c_while_a_host_is_forked_is_not_lost(self):
        begun = []
        for _ in range(300):
            with self.assertRaises(KeyboardInterrupt):
                begun.append(start(["true"], lambda: os.kill(os.getppid(), signal.SIGINT)))
                begun.pop().wait()
        for child in begun:
            child.wait()

    def test_an_unrecorded_host_is_found(self):
        self.fleet.up(1)
        init = Process.find(self.fleet.pid("web1"))
        (self.fleet.state / "web1.nspawn").unlink()
        self.fleet.down()
        self.assertFalse(init.alive())
        self.assertEqual(traces(self.fleet), [])

    def interrupt_up(self, number):
        """Signals `up` as soon as its first host has an init; its exit code."""
        with subprocess.Popen([str(HERE / "fleet.py"), "--name", NAME, "up", "--hosts", "2", "--fresh"],
                              stderr=subprocess.DEVNULL) as run:
            record = RUN / NAME / "web1.nspawn"
            self.assertTrue(poll_until(record.exists, 120, interval=0.005), "up did not start a host")
            run.send_signal(number)
            return run.wait(60)


class Input(unittest.TestCase):
    def test_bad_names_and_counts_are_refused(self):
        for arguments in (["--name", "../x", "list"], ["up", "--hosts", "-1"], ["up", "--hosts", "x"], ["exec", "web1"]):
            done = subprocess.run([str(HERE / "fleet.py"), *arguments], capture_output=True, text=True, check=False)
            self.assertIn(done.returncode, (1, 2), arguments)
            self.assertNotIn("Traceback", done.stderr)

    def test_packages_that_are_not_there_are_named(self):
        fleet = Fleet(NAME)
        with temporary_folder() as folder:
            self.assertRaisesRegex(FleetError, "no .deb for a web host.*package.sh", fleet.up, 1, folder)


def temporary_folder():
    return tempfile.TemporaryDirectory(prefix="rollbackctl-fleet-")


if __name__ == "__main__":
    unittest.main(verbosity=2)
