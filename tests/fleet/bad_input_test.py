#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad configuration, bad words, files that cannot be captured, garbage on sockets: one sentence each and nothing
changed. Needs root and build/packages."""
import contextlib
import os
import re
import socket
import stat
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lone import HOST, LoneHost  # noqa: E402
from rig import KEY, Rig, differences, wait_for  # noqa: E402

NGINX = "  - { kind: nginx }\n"
# what is wrong, the text of agent.yaml, the line that must be named, a word of the sentence
CONFIGURATIONS = (
    ("an unknown key", "labels: { role: web }\nresource:\n" + NGINX, 2, "resources"),
    ("a key given twice", "resources:\n" + NGINX + "labels: {}\nlabels: {}\n", 4, "labels"),
    ("a wrong type", "resources:\n" + NGINX + "max_removals: many\n", 3, "many"),
    ("a list for a map", "resources:\n" + NGINX + "gate: [ 3 ]\n", 3, "list"),
    ("no paths", "resources:\n  - { kind: files, name: shop-etc }\n", 2, "paths"),
    ("no unit", "resources:\n  - { kind: systemd, units: [] }\n", 2, "at least one"),
    ("overlapping resources", "resources:\n" + NGINX +
     "  - { kind: files, name: sites, paths: [/etc/nginx/sites-enabled] }\n", 3, "overlaps"),
    ("a relative path", "resources:\n  - { kind: files, name: x, paths: [etc/shop] }\n", 2, "etc/shop"),
    ("a path that leaves its place", "resources:\n  - { kind: files, name: x, paths: [/etc/shop/../passwd] }\n", 2, ".."),
    ("a directory of the system", "resources:\n  - { kind: files, name: x, paths: [/etc] }\n", 2, "/etc"),
    ("a place of rollbackctl itself", "resources:\n  - { kind: files, name: x, paths: [/var/lib/rollback-agent] }\n", 2,
     "rollback-agent"),
    ("a gate that is never green", "resources:\n" + NGINX + "gate: { successes: 9, interval: 60s, window: 1s }\n", 3, "never"),
    ("no YAML", "resources: [ { kind: nginx }\n", 1, "bad.yaml"),
)
LABELS = ("latest", "v2.4", "20240520", "", "main", "v2.4.1+build5", "v2.4.1/../x")
DRY = (("rollback", "--to", "--dry-run", "-y"), ("rollback", "--to", "v2.4.1", "-y", "-m", "--dry-run"),
       ("rollback", "--to", "-n", "-y"), ("undo", "-y", "-m", "--dry-run"), ("snapshot", "v2.4.9", "-m", "--unhealthy-ok"))
# What a hostile neighbour may send: nothing, text, lengths that lie, a message that ends in the middle.
FRAMES = (b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4, b"\xff" * 64, b"\0\0\0\0" * 16, b"\x7f\xff\xff\xff" + b"A" * 4096,
          b"\0\0\1\0" + b"B" * 10, b"\x10\0\0\0" + b"C" * 16, b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE" + b"\0" * 48, os.urandom(1 << 20))

# Names come and go, and one file grows, as fast as the host can.
MOTION = """
open my $log, '>>', '/etc/shop/motion.log';
while (1) {
  for my $n (1..20) { open my $f, '>', "/etc/shop/motion-$n.conf"; close $f; syswrite $log, "line\\n"; }
  unlink "/etc/shop/motion-$_.conf" for 1..20;
}
"""


class Bad(unittest.TestCase):
    def assert_sentence(self, words, *parts):
        self.assertEqual(len(words.strip().splitlines()), 1, words)
        for part in parts:
            self.assertIn(part, words)


class Alone(Bad):
    @classmethod
    def setUpClass(cls):
        cls.host = LoneHost("badin")
        cls.addClassCleanup(cls.host.down)
        cls.host.prepare()

    def history(self):
        return self.host.must("history").items

    @contextlib.contextmanager
    def nothing_changes(self):
        files, history = self.host.everything(), self.history()
        yield
        self.assertEqual(differences(files, self.host.everything()), [])
        self.assertEqual(self.history(), history)
        self.assertEqual(self.host.leftovers(), [])

    def check(self, text):
        self.host.write(HOST, "/etc/rollback/bad.yaml", text)
        return self.host.run("rollback-agent", "--check", "--config", "/etc/rollback/bad.yaml", check=False)

    def test_configurations_are_refused_with_file_and_line(self):
        for what, text, line, word in CONFIGURATIONS:
            with self.subTest(what):
                done = self.check(text)
                self.assertEqual(done.returncode, 1, done)
                self.assert_sentence(done.stderr + done.stdout, f"bad.yaml:{line}", word)

    def test_paths_and_units_that_are_not_there_are_named(self):
        for text, name in (("resources:\n  - { kind: files, name: x, paths: [/etc/no-such-place] }\n", "/etc/no-such-place"),
                           ("resources:\n  - { kind: systemd, units: [no-such.service] }\n", "no-such.service")):
            with self.subTest(name), self.nothing_changes():
                self.addCleanup(self.host.start)
                self.host.write(HOST, "/etc/rollback/agent.yaml", text)
                self.host.run("systemctl", "restart", "rollback-agent.service", check=False)
                done = self.host.ask("snapshot", "v3.0.0")
                self.assertEqual(done.code, 1, done)
                self.assert_sentence(done.words, name, "agent.yaml:2")

    def test_labels_that_are_no_release_are_refused(self):
        for label in LABELS:
            for words in (("snapshot", label), ("rollback", "-y", f"--to={label}")):
                with self.subTest(words), self.nothing_changes():
                    done = self.host.ask(*words)
                    self.assertEqual(done.code, 1, done)
                    if label or words[0] == "snapshot":  # `--to=` lists the releases there are
                        self.assert_sentence(done.words)

    def test_an_option_is_never_taken_for_a_value(self):
        for words in DRY:
            with self.subTest(words), self.nothing_changes():
                done = self.host.ask(*words)
                self.assertEqual(done.code, 1, done)
                self.assert_sentence(done.words, "looks like another option")

    def test_a_file_that_never_holds_still_fails_the_capture(self):
        # Large enough that nobody reads it between two touches.
        script = "truncate -s 64M /etc/shop/restless.conf; while :; do touch /etc/shop/restless.conf; done"
        self.host.run("systemd-run", "-q", "--unit=restless", "bash", "-c", script)
        wait_for("the file", self.host.path("/etc/shop/restless.conf").exists)
        history = self.history()
        try:
            done = self.host.ask("snapshot", "v3.0.0", "--unhealthy-ok")
        finally:
            self.host.run("systemctl", "stop", "restless.service")
            self.host.path("/etc/shop/restless.conf").unlink()
        self.assertNotEqual(done.code, 0, done)
        self.assert_sentence(done.words, "/etc/shop/restless.conf")
        self.assertEqual(self.history(), history)
        self.assertEqual(self.host.ask("show", "v3.0.0").code, 2)

    def test_a_file_that_cannot_be_read_fails_the_capture(self):
        path, dropin = "/etc/shop/rates-2025.csv", "/run/systemd/system/rollback-agent.service.d"
        # Under its filter an injected error would be an unknown call, and the kernel would end the agent.
        self.host.run("mkdir", "-p", dropin)
        self.host.run("tee", f"{dropin}/traced.conf", stdin=None, input="[Service]\nSystemCallFilter=\n")
        self.addCleanup(self.host.run, "systemctl", "restart", "rollback-agent.service")
        self.addCleanup(self.host.run, "systemctl", "daemon-reload")
        self.addCleanup(self.host.run, "rm", "-r", dropin)
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "restart", "rollback-agent.service")
        self.host.path(path).touch()  # what did not change since the last snapshot would not be read
        with self.nothing_changes():
            with self.host.injected("read,pread64:error=EIO", path) as seen:
                done = self.host.ask("snapshot", "v3.0.0", "--unhealthy-ok")
                self.assertIn("EIO", seen())
            self.assertEqual(done.code, 2, done)
            self.assert_sentence(done.words, path)

    def test_what_is_no_file_is_left_alone(self):
        special = {self.host.path(f"/etc/shop/{name}"): kind for name, kind in (
            ("pipe", stat.S_IFIFO), ("door", stat.S_IFSOCK), ("tty", stat.S_IFCHR))}
        for path, kind in special.items():
            os.mknod(path, kind | 0o600, os.makedev(5, 0))
            self.addCleanup(path.unlink)
        done = self.host.ask("snapshot", "v2.6.0", "--unhealthy-ok")
        self.assertEqual(done.code, 0, done)
        self.assertEqual({path: stat.S_IFMT(path.lstat().st_mode) for path in special}, special)

    def test_a_tree_in_motion_is_captured_whole_or_not_at_all(self):
        self.host.run("systemd-run", "-q", "--unit=motion", "perl", "-e", MOTION)
        self.addCleanup(self.host.run, "sh", "-c", "rm -f /etc/shop/motion*")
        self.addCleanup(self.host.run, "systemctl", "stop", "motion.service")
        wait_for("the files", self.host.path("/etc/shop/motion.log").exists)
        before, recorded, refused = self.labels(), [], []

        def capture():
            label = f"v3.1.{len(recorded) + len(refused)}"
            done = self.host.ask("snapshot", label, "--unhealthy-ok")
            if done.code == 0:
                recorded.append(label)
                return False
            self.assertEqual(done.code, 2, done)
            self.assert_sentence(done.words, "/etc/shop/motion")
            refused.append(label)
            return True

        wait_for("a capture that is refused", capture, 60)
        self.assertEqual(self.labels() - before, set(recorded))
        self.assertEqual(self.host.ask("show", refused[0]).code, 2)

    def labels(self):
        return {item["name"] for item in self.host.must("history").of("revision")}

    def test_garbage_on_the_agents_socket_is_dropped(self):
        pid = self.host.main_pid(HOST, "rollback-agent.service")
        path = str(self.host.inside("/run/rollback-agent/agent.sock"))
        for frame in FRAMES:
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(10)
                door.connect(path)
                with contextlib.suppress(OSError):  # it may hang up while we still send
                    door.sendall(frame)
                    door.shutdown(socket.SHUT_WR)
                    while door.recv(4096):
                        pass
            self.assertEqual(self.host.ask("status").code, 0, frame[:20])
        self.assertEqual(self.host.main_pid(HOST, "rollback-agent.service"), pid, "the agent was restarted")
        wait_for("the agent to count what it refused", self.counted_refusals)

    def counted_refusals(self):
        log = self.host.run("journalctl", "--no-pager", "-o", "cat", "-u", "rollback-agent.service").stdout
        said = re.findall(r"^refused since the start: (\d+) malformed .* (\d+) bad frames ", log, re.M)
        return said and sum(map(int, said[-1])) >= len([frame for frame in FRAMES if frame])

# Sends each line of stdin (hex) to a port and waits until the other side hangs up or is bored.
SENDER = """
import socket, sys
for line in sys.stdin:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as peer:
        peer.settimeout(0.3)
        try:
            peer.sendall(bytes.fromhex(line))
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(4096):
                pass
        except OSError:
            pass
"""


class CoordinatorPorts(Bad):
    def test_garbage_is_dropped_and_hosts_are_still_admitted(self):
        rig = Rig("badco", web=1)
        self.addCleanup(rig.down)
        rig.start_coordinator()
        wait_for("the coordinator's key", lambda: (rig.fleet.root("coord") / KEY.lstrip("/")).exists())
        pid = rig.main_pid("coord", "rollback-coordinator.service")
        for port in ("7400", "7401"):
            argv = ["ip", "netns", "exec", rig.fleet.network.bridge, sys.executable, "-c", SENDER, "10.77.0.10", port]
            subprocess.run(argv, input="\n".join(frame.hex() for frame in FRAMES), text=True, check=True, timeout=60)
        path = f"/proc/{rig.fleet.pid('coord')}/root/run/rollback-coordinator/coordinator.sock"
        for frame in FRAMES:
            with socket.socket(socket.AF_UNIX) as door, contextlib.suppress(OSError):
                door.settimeout(5)
                door.connect(path)
                door.sendall(frame)
                door.shutdown(socket.SHUT_WR)
                while door.recv(4096):
                    pass
        self.assertEqual(rig.ctl("coord", "fleet", "hosts", "list").code, 0)
        self.assertEqual(rig.main_pid("coord", "rollback-coordinator.service"), pid, "the coordinator was restarted")
        rig.deploy(["v2.4.1"])
        rig.enrol()


if __name__ == "__main__":
    unittest.main(verbosity=2)
