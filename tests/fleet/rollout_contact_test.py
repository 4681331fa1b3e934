#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hosts that a rollout must not cut off: with --confirm-timeout they go back by themselves. Needs root and build/packages."""
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import wait_for  # noqa: E402
from rollout_case import RolloutCase, boot  # noqa: E402

COORDINATOR = "rollback-coordinator.service"
# With the release that the rollout starts, the host's network is gone; /run is nothing that a release manages.
CUTS = """[Service]
ExecStartPost=+/bin/sh -c 'if test -e /root/cut; then rm /root/cut; ip link set eth0 down; fi'
"""


def setUpModule():
    boot("rollcontact")


class Contact(RolloutCase):
    def begun(self):
        """A rollout of whose hosts each goes back when it reaches nobody for 5 s; ended with the test."""
        client = self.rig.follow("coord", "fleet", "--to", "v2.4.1", "-y", "--confirm-timeout", "5s")
        self.addCleanup(client.__exit__, None, None, None)
        self.addCleanup(client.kill)
        return client

    def run_of(self, answer):
        return answer.of("rollout")[0]["id"]

    def phases(self, host, run):
        return [event["phase"] for event in self.rig.ctl(host, "run", "show", run).of("event")]

    def cut_off(self, host):
        """The host's network goes down as soon as the shop is started again."""
        self.rig.write(host, "/root/cut.conf", CUTS)
        self.rig.fleet.run(host, "install", "-D", "/root/cut.conf", "/run/systemd/system/shop.service.d/cut.conf")
        self.rig.fleet.run(host, "rm", "/root/cut.conf")
        self.rig.fleet.run(host, "systemctl", "daemon-reload")
        self.rig.write(host, "/root/cut", "")
        self.addCleanup(self.mend, host)

    def mend(self, host):
        self.rig.fleet.run(host, "ip", "link", "set", "eth0", "up")
        (self.rig.fleet.root(host) / "root/cut").unlink(missing_ok=True)
        self.rig.fleet.run(host, "rm", "-rf", "/run/systemd/system/shop.service.d")
        self.rig.fleet.run(host, "systemctl", "daemon-reload")
        wait_for(f"{host} to be online", lambda: self.rig.is_online(host))

    def test_a_host_that_can_be_reached_stays(self):
        answer = self.fleet("--to", "v2.4.1", "-y", "--confirm-timeout", "60s")
        self.assertEqual(answer.code, 0, answer)
        for host in self.webs:
            self.assert_same(self.good, host)
            self.assertIn("confirming", self.phases(host, self.run_of(answer)))

    def test_a_host_that_the_release_cuts_off_goes_back_by_itself(self):
        self.cut_off("web2")
        self.addCleanup(self.fleet, "run", "abort")
        client = self.begun()
        run = json.loads(client.stdout.readline())["id"]
        back = wait_for("web2 to go back", lambda: [
            own for own in self.runs_of("web2", run) if own["outcome"] == "restored"], 90)
        self.assertIn("reached nobody for 5", json.dumps(back[0]["findings"]))
        journal = self.rig.fleet.root("web2") / "var/lib/rollback-agent/journal"
        wait_for("web2 to let go of the run", lambda: not journal.exists())
        self.assert_same(self.bad, "web2")
        self.mend("web2")
        client.communicate(timeout=60)
        self.assertEqual(client.returncode, 6)
        rows = self.host_rows(run)
        self.assertEqual({host: rows[host]["phase"] for host in rows},
                         {"web1": "done", "web2": "restored", "web3": "ready"})
        self.assertIn("the coordinator", json.dumps(rows["web2"]["findings"]))

    def test_a_coordinator_that_is_gone_for_a_while_is_no_loss_of_contact(self):
        client = self.begun()
        self.addCleanup(self.rig.fleet.run, "coord", "systemctl", "start", COORDINATOR)
        run = None
        for line in client.stdout:
            item = json.loads(line)
            run = run or item.get("id")
            if item.get("host") == "web1" and item.get("phase") == "activating":
                break
        self.rig.fleet.run("coord", "systemctl", "stop", COORDINATOR)
        done = wait_for("web1 to be done", lambda: [
            own for own in self.runs_of("web1", run) if own["outcome"] != "running"], 60)
        self.assertEqual(done[0]["outcome"], "succeeded", done)
        self.rig.fleet.run("coord", "systemctl", "start", COORDINATOR)
        client.communicate(timeout=90)
        wait_for("the run to end", lambda: self.state(run) == "done", 90)
        for host in self.webs:
            self.assert_same(self.good, host)


if __name__ == "__main__":
    unittest.main(verbosity=2)
