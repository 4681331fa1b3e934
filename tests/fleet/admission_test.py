#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who belongs to a fleet: strangers, wrong keys, forged ids and unprivileged users get nothing."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import Rig, differences, on_all, restarted, wait_for  # noqa: E402

AGENT, COORDINATOR = "rollback-agent.service", "rollback-coordinator.service"
HOST_ID = "/var/lib/rollback-agent/host-id"
RIG = None  # one fleet for the whole file: web1 and web2 belong to it, web3 is a stranger


def setUpModule():
    global RIG
    RIG = Rig("admission")
    unittest.addModuleCleanup(RIG.down)
    RIG.deploy(["neighbours", "v2.4.1"])
    RIG.start_coordinator()
    RIG.enrol(["web1", "web2"])
    recorded = RIG.ctl("coord", "fleet", "snapshot", "v2.4.1")
    if recorded.code != 0:
        raise AssertionError(f"the release was not recorded: {recorded}")


def said(words):
    """Whether the coordinator wrote this down since the fleet was made."""
    return words in RIG.fleet.run("coord", "journalctl", "-u", COORDINATOR, "-o", "cat").stdout


class AdmissionCase(unittest.TestCase):
    def setUp(self):
        self.rig = RIG
        self.rig.reset("v2.4.1")
        self.rig.deploy(["v2.5.0"])
        self.bad = on_all(self.rig.hash_host, self.rig.webs)
        self.bad_units = on_all(self.rig.units, self.rig.webs)

    def fleet(self, *words, **options):
        return self.rig.ctl("coord", "fleet", *words, **options)

    def restart_agent(self, host):
        self.rig.fleet.run(host, "systemctl", "restart", AGENT)

    def wait_online(self, host):
        wait_for(f"{host} to be online", lambda: self.rig.is_online(host), 60)

    def assert_untouched(self, host):
        """By files and by units; an agent that a test restarts itself does not count."""
        self.assertEqual(differences(self.bad[host], self.rig.hash_host(host)), [], host)
        self.assertLessEqual(restarted(self.bad_units[host], self.rig.units(host)), {AGENT}, host)

    def assert_knows_nothing(self, host):
        self.assertEqual(self.rig.ctl(host, "run", "list").of("run"), [], host)
        self.assertEqual(self.rig.ctl(host, "history").of("history"), [], host)


class Stranger(AdmissionCase):
    def setUp(self):
        super().setUp()
        self.rig.start_agent("web3")
        wait_for("web3 to ask for admission", lambda: self.rig.fingerprint("web3"))
        self.addCleanup(self.rig.fleet.run, "web3", "systemctl", "stop", AGENT)

    def test_it_is_listed_as_pending_with_the_fingerprint_it_shows(self):
        item = wait_for("web3 to be listed", lambda: self.rig.fleet_hosts().get("web3"))
        self.assertEqual(item["admission"], "pending")
        self.assertEqual(item["fingerprint"], self.rig.fingerprint("web3"))
        self.assertFalse(item["online"])

    def test_no_verb_of_the_fleet_reaches_it(self):
        self.assertEqual(self.fleet("snapshot", "v2.5.0-rc.1", "-l", "web3").code, 1)
        self.assertEqual(self.fleet("--to", "v2.4.1", "-l", "web3", "-y").code, 1)
        for words in (("status",), ("health",), ("verify", "v2.4.1"), ("history",), ("plan", "--to", "v2.4.1")):
            self.assertTrue([item for item in self.fleet(*words).items if item.get("host") == "web1"], words)
            self.assertFalse([item for item in self.fleet(*words).items if item.get("host") == "web3"], words)
        answer = self.fleet("--to", "v2.4.1", "-y")
        self.assertEqual(answer.code, 0, answer)
        rows = self.fleet("run", "show", answer.of("rollout")[0]["id"]).of("rollout-host")
        self.assertEqual(sorted(row["name"] for row in rows), ["web1", "web2"])
        self.assert_untouched("web3")
        self.assert_knows_nothing("web3")

    def test_with_the_id_of_another_host_it_is_refused(self):
        known = self.rig.fleet_hosts()["web1"]
        own = self.rig.read("web3", HOST_ID)
        self.addCleanup(self.rig.write, "web3", HOST_ID, own, 0o600)
        self.rig.write("web3", HOST_ID, self.rig.read("web1", HOST_ID), 0o600)
        self.restart_agent("web3")
        wait_for("the coordinator to drop what web3 says", lambda: said("a stranger that calls itself web3"))
        now = self.rig.fleet_hosts()["web1"]
        for what in ("id", "name", "fingerprint", "admission", "online"):
            self.assertEqual(now[what], known[what])
        same_id = [item for item in self.rig.fleet_hosts().values() if item["id"] == known["id"]]
        self.assertEqual(len(same_id), 1, same_id)
        self.assert_untouched("web1")
        self.assert_untouched("web3")

    def test_with_a_wrong_key_of_the_coordinator_it_never_gets_there(self):
        key = self.rig.read("coord", "/var/lib/rollback-coordinator/coordinator.pub")
        wrong = self.rig.read("web1", "/var/lib/rollback-agent/agent.pub")  # a real key, of somebody else
        self.rig.start_agent("web3", key=wrong)
        self.restart_agent("web2")  # with the right key it takes a moment
        self.wait_online("web2")
        self.assertTrue(self.rig.link("web3").startswith("connecting"), self.rig.link("web3"))
        self.rig.start_agent("web3", key=key)
        wait_for("web3 to ask for admission with the right key", lambda: self.rig.fingerprint("web3"))


class Impostor(AdmissionCase):
    """web2 belongs to the fleet and says that it is web1."""

    def setUp(self):
        super().setUp()
        own = self.rig.read("web2", HOST_ID)
        self.known = self.rig.fleet_hosts()["web1"]
        self.addCleanup(self.wait_online, "web2")
        self.addCleanup(self.restart_agent, "web2")
        self.addCleanup(self.rig.write, "web2", HOST_ID, own, 0o600)
        self.rig.write("web2", HOST_ID, self.known["id"] + "\n", 0o600)
        self.restart_agent("web2")
        wait_for("the coordinator to drop what web2 says", lambda: said("dropped a hello of web2"))

    def test_the_record_of_the_other_host_is_intact(self):
        now = self.rig.fleet_hosts()["web1"]
        for what in ("id", "name", "fingerprint", "admission", "online", "labels"):
            self.assertEqual(now[what], self.known[what])

    def test_what_is_meant_for_the_other_host_does_not_reach_it(self):
        before = self.rig.ctl("web2", "run", "list").of("run")
        answer = self.fleet("--to", "v2.4.1", "-l", "web1", "-y")
        self.assertEqual(answer.code, 0, answer)
        self.assertEqual(self.rig.page("web1"), (200, "shop v2.4.1"))
        self.assert_untouched("web2")
        self.assertEqual(self.rig.ctl("web2", "run", "list").of("run"), before)


class Nobody(AdmissionCase):
    def test_a_user_without_rights_changes_nothing_on_the_coordinator(self):
        runs = len(self.fleet("run", "list").of("rollout"))
        for words in (("--to", "v2.4.1", "-y"), ("snapshot", "v2.5.0-rc.2"), ("hosts", "remove", "web1")):
            answer = self.fleet(*words, user="nobody")
            self.assertEqual(answer.code, 8, (words, answer))
        self.assertEqual(len(self.fleet("run", "list").of("rollout")), runs)
        self.assertEqual(self.rig.fleet_hosts()["web1"]["admission"], "accepted")
        for host in self.rig.webs:
            self.assert_untouched(host)

    def test_nor_on_a_host(self):
        for words in (("rollback", "--to", "v2.4.1", "-y"), ("snapshot", "v2.5.0-rc.2"), ("undo", "-y")):
            answer = self.rig.ctl("web1", *words, user="nobody")
            self.assertEqual(answer.code, 8, (words, answer))
        self.assert_untouched("web1")


if __name__ == "__main__":
    unittest.main(verbosity=2)
