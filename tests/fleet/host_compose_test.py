#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real host with a real container engine: its compose project goes back with its release, is refused where that could
not work, and the host is out of traffic meanwhile. Needs root and build/packages (scripts/package.sh)."""
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lone import HOST, LoneHost  # noqa: E402
from rig import wait_for  # noqa: E402

CONFIGURATION = """
resources:
  - { kind: compose, project_dir: /srv/queue }
hooks: { drain: [[/usr/local/bin/lb, drain]], readmit: [[/usr/local/bin/lb, readmit]] }
gate: { successes: 2, interval: 100ms, window: 5s, soak: 300ms }
"""
# Says what it was told; fails, and says why, where a file tells it to.
LB = """#!/bin/bash
echo "$1" >> /var/lib/lb
[ ! -e "/var/lib/lb-no-$1" ] || { echo "lb1 does not answer"; exit 3; }
"""
SERVICE = """  {name}:
    image: queue:${{TAG}}
    command: ["/bin/busybox", {words}]
    network_mode: none
    stop_grace_period: 0s
"""
SLEEPS = '"sleep", "100000"'


def compose(**services):
    return "services:\n" + "".join(SERVICE.format(name=name, words=words) for name, words in services.items())


V1 = (compose(web=SLEEPS, worker=SLEEPS), "TAG=1\n")
V2 = (compose(web=SLEEPS, cache=SLEEPS), "TAG=2\n")


def setUpModule():
    Compose.host = LoneHost("compose", engine=True)
    unittest.addModuleCleanup(Compose.host.down)
    host = Compose.host
    host.run("systemctl", "restart", "docker.service")
    host.run("install", "-D", "/bin/busybox", "/root/image/bin/busybox")
    host.run("tar", "-C", "/root/image", "-cf", "/root/image.tar", ".")
    for tag in ("1", "2"):
        host.run("docker", "import", "/root/image.tar", f"queue:{tag}")
    host.write(HOST, "/usr/local/bin/lb", LB, 0o755)
    host.write(HOST, "/etc/rollback/agent.yaml", CONFIGURATION)
    Compose.deploy(V1)
    host.run("systemctl", "restart", "rollback-agent.service")
    host.must("snapshot", "v1.0.0")
    Compose.deploy(V2)
    host.must("snapshot", "v2.0.0")


class Compose(unittest.TestCase):
    host = None

    @classmethod
    def deploy(cls, release, up=True):
        text, env = release
        cls.host.write(HOST, "/srv/queue/compose.yaml", text)
        cls.host.write(HOST, "/srv/queue/.env", env)
        if up:
            cls.host.run("env", "-C", "/srv/queue", "docker-compose", "up", "-d", "--remove-orphans")

    def setUp(self):
        self.deploy(V2)
        self.host.run("rm", "-f", "/var/lib/lb", "/var/lib/lb-no-drain", "/var/lib/lb-no-readmit")

    def containers(self):
        """{service: (image, state, id)}"""
        listed = self.host.run("docker", "ps", "-a", "--format",
                               '{{.Label "com.docker.compose.service"}} {{.Image}} {{.State}} {{.ID}}').stdout
        return {line.split()[0]: tuple(line.split()[1:]) for line in listed.splitlines()}

    def running(self):
        return {service: image for service, (image, state, _) in self.containers().items() if state == "running"}

    def files(self):
        return self.host.read(HOST, "/srv/queue/compose.yaml"), self.host.read(HOST, "/srv/queue/.env")

    def said(self):
        """What the load balancer was told."""
        path = self.host.path("/var/lib/lb")
        return path.read_text().split() if path.exists() else []

    def back(self, release="v1.0.0", *words):
        return self.host.ask("rollback", "--to", release, "-y", *words)

    def assert_v2(self):
        self.assertEqual(self.files(), V2)
        self.assertEqual(self.running(), {"web": "queue:2", "cache": "queue:2"})

    def assert_refused(self, done, why):
        self.assertEqual(done.code, 2, done)
        self.assertIn(why, done.text())
        self.assertEqual(self.said(), [])
        self.assertEqual(self.files(), V2)

    def test_goes_back_and_forth_with_its_release(self):
        before = self.containers()
        self.assertEqual(self.host.ask("rollback", "--to", "v1.0.0", "-n", "-y").code, 0)
        self.assertEqual((self.containers(), self.said()), (before, []))
        done = self.back()
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.files(), V1)
        self.assertEqual(self.running(), {"web": "queue:1", "worker": "queue:1"})
        self.assertEqual(self.said(), ["drain", "readmit"])
        self.assertEqual(self.host.ask("verify", "v1.0.0").code, 0)
        undone = self.host.ask("undo", "-y")
        self.assertEqual(undone.code, 0, undone)
        self.assert_v2()
        self.assertEqual(self.host.ask("verify", "v2.0.0").code, 0)

    def test_that_was_down_ends_down(self):
        self.host.run("docker", "stop", *(found[2] for found in self.containers().values()))
        self.host.must("snapshot", "v2.1.0")
        self.deploy(V2)
        self.assert_v2()
        self.assertEqual(self.back("v2.1.0").code, 0)
        self.assertEqual(self.running(), {})
        self.assertEqual(self.containers().keys(), {"web", "cache"})

    def test_that_does_not_stay_up_is_taken_back(self):
        self.deploy((compose(web='"false"').replace("network_mode", "restart: always\n    network_mode"), "TAG=2\n"))
        wait_for("a container that is restarted", lambda: self.containers()["web"][1] == "restarting")
        self.host.must("snapshot", "v2.2.0")
        self.deploy(V2)
        done = self.back("v2.2.0")
        self.assertEqual(done.code, 4, done)
        self.assertIn("service web of /srv/queue is restarting", done.text())
        self.assertEqual(self.said(), ["drain", "readmit"])
        self.assert_v2()

    def test_that_could_not_come_up_is_refused(self):
        with self.subTest("broken"):
            self.deploy((V2[0] + "  nonsense: [\n", V2[1]), up=False)
            self.host.must("snapshot", "v2.3.0")
            self.deploy(V2, up=False)
            self.assert_refused(self.back("v2.3.0"), "compose config of /srv/queue")
        with self.subTest("without its image"):
            self.host.run("docker", "tag", "queue:1", "kept:1")
            self.host.run("docker", "rmi", "-f", "queue:1")
            self.assert_refused(self.back(), "the image queue:1 of service web of /srv/queue is not on this host")
            self.host.run("docker", "tag", "kept:1", "queue:1")
        with self.subTest("without its engine"):
            self.host.run("systemctl", "stop", "docker.socket", "docker.service")
            self.addCleanup(self.host.run, "systemctl", "start", "docker.socket", "docker.service")
            self.assert_refused(self.back(), "Cannot connect to the Docker daemon")

    def test_hooks_that_fail(self):
        before = self.containers()
        self.host.write(HOST, "/var/lib/lb-no-drain", "")
        done = self.back()
        self.assertEqual(done.code, 4, done)
        self.assertIn("lb1 does not answer", done.text())
        self.assertEqual((self.containers(), self.said()), (before, ["drain", "readmit"]))
        self.host.run("rm", "/var/lib/lb-no-drain")
        self.host.write(HOST, "/var/lib/lb-no-readmit", "")
        done = self.back()
        self.assertEqual(done.code, 5, done)
        self.assertEqual(self.host.last_run()["outcome"], "succeeded")
        self.assertEqual(self.files(), V1)

    def test_a_crash_leaves_nothing_halfway(self):
        with self.host.follow(HOST, "rollback", "--to", "v1.0.0", "-y") as work:
            for line in work.stdout:
                if '"activating"' in line:
                    break
            self.host.run("systemctl", "kill", "-s", "KILL", "rollback-agent.service")
            work.communicate()
        wait_for("the end of the run", lambda: self.host.ask("status").code == 0 and self.said()[-1:] == ["readmit"])
        wait_for("its record", lambda: self.host.last_run()["outcome"] == "restored")
        self.assert_v2()


if __name__ == "__main__":
    unittest.main(verbosity=2)
