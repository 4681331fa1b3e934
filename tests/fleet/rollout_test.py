#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A fleet of three real hosts is taken back exactly; hosts that lack something are refused or skipped."""
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import on_all, restarted, wait_for  # noqa: E402
from rollout_case import RolloutCase, boot  # noqa: E402


def setUpModule():
    boot("rollout")


class Rollout(RolloutCase):
    wants_good_units = True

    def test_asked_on_a_terminal_every_host_is_exactly_what_it_was(self):
        code, shown = self.rig.on_terminal("coord", "y", "fleet", "--to", "v2.4.1")
        self.assertEqual(code, 0, shown)
        self.assert_drawn_in_place(shown)
        for host in self.webs:
            self.assert_same(self.good, host)
            self.assertEqual(self.rig.page(host), (200, "shop v2.4.1"), host)
        self.assertEqual(self.fleet("verify", "v2.4.1").code, 0)

    def assert_drawn_in_place(self, shown):
        """What a terminal of 24 lines and 80 columns was sent: a question, pictures over one another, the report."""
        *pictures, report = re.split("\x1b\\[[0-9]+A\r\x1b\\[J", re.sub("\x1b\\[[0-9;]*m", "", shown))
        self.assertTrue(pictures[0].startswith("Take 3 hosts back to v2.4.1: web1, web2, web3? [y/N] y\r\n"), shown)
        self.assertIn(" -> v2.4.1  waving  ", "".join(pictures))
        self.assertNotIn("\x1b", "".join([*pictures, report]), "something else moves the cursor")
        for picture in [*pictures, report]:
            lines = picture.split("\r\n")
            self.assertLess(len(lines), 24, picture)
            self.assertEqual([line for line in lines if len(line) > 80], [])
        self.assertRegex(report, r"^rollout \w+ to v2\.4\.1: done after [0-9.]+ s\r\nHOST +WAVE +STATE\r\n"
                                 r"(web[123] +[123] +done\r\n){3}\r\nHOST +PLAN +STAGE +STOP +COMMIT +START +GATE +VERIFY\r\n"
                                 r"(web[123]( +[0-9.]+ m?s){7}\r\n){3}$")

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
            self.assertEqual(self.bad_units[host]["shop.service"]["UnitFileState"], "disabled", "v2.5.0 disables it")
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
