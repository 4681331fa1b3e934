# SPDX-License-Identifier: Apache-2.0
"""What the suites of rollouts begin with: three hosts on a broken release, compared whole."""
import unittest

from rig import Rig, differences, on_all, poll_until, restarted


def boot(name):
    """For setUpModule: one fleet of three hosts for all tests of a file."""
    rig = RolloutCase.rig = Rig(name)
    unittest.addModuleCleanup(rig.down)
    rig.deploy(["neighbours", "v2.4.1"])
    rig.start_coordinator()
    rig.enrol()
    for words in (("v2.4.0", "-l", "web1", "-l", "web2"), ("v2.4.1",)):
        recorded = rig.ctl("coord", "fleet", "snapshot", *words)
        if recorded.code != 0:
            raise AssertionError(f"the release was not recorded: {recorded}")


class RolloutCase(unittest.TestCase):
    """Every test begins with v2.5.0 over v2.4.1 on all hosts; v2.4.0 (the same content) is known to web1 and web2."""

    rig = None  # boot() makes it
    wants_good_units = False  # to ask a whole host takes a while

    def setUp(self):
        self.webs = self.rig.webs
        self.rig.reset("v2.4.1")
        self.good = on_all(self.rig.hash_host, self.webs)
        self.good_units = on_all(self.rig.units, self.webs) if self.wants_good_units else {}
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
        """A checked host drops what it staged when it is told that nothing comes; nobody waits for that."""
        poll_until(lambda: not differences(self.bad[host], self.rig.hash_host(host)), 10)
        self.assert_same(self.bad, host)
        self.assertEqual(restarted(self.bad_units[host], self.rig.units(host)), set(), host)
