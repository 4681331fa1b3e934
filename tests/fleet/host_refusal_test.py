#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a host refuses with exit code 2 before its first byte changes. Needs root and build/packages."""
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lone import HOST, LoneHost  # noqa: E402
from rig import differences, wait_for  # noqa: E402

SITE = "/etc/nginx/sites-available/shop"
UNIT = "/etc/systemd/system/shop.service"
# Written, removed, a directory whose entries change, the place of the stage.
FLAGGED = ((SITE, "i", "chattr -i"), ("/etc/shop/rates-2025.csv", "i", "chattr -i"),
           ("/etc/shop/payments", "i", "chattr -i"), ("/etc", "i", "chattr -i"),
           ("/etc/shop/features.json", "a", "chattr -a"), ("/etc/systemd/system", "a", "chattr -a"))


class Refusal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = LoneHost("refuse")
        cls.addClassCleanup(cls.host.down)
        # Bytes that no compression changes, so that they can be found in the store's files.
        cls.noise = os.urandom(40000)
        noise = cls.host.path("/etc/shop/noise.bin")
        noise.parent.mkdir(parents=True, exist_ok=True)
        noise.write_bytes(cls.noise)
        cls.host.prepare()
        noise.unlink()
        cls.bad = cls.host.managed()

    def setUp(self):
        if self.host.managed() != self.bad:
            self.host.reset("v2.4.1")
            self.host.break_it()
        self.assertEqual(differences(self.bad, self.host.managed()), [])

    def assert_refused(self, release, *words):
        before = self.host.everything()
        done = self.host.ask("rollback", "--to", release, "-y")
        self.assertEqual(done.code, 2, done)
        for word in words:
            self.assertIn(word, done.words)
        self.assertEqual(len(done.words.strip().splitlines()), 1, done.words)
        self.assertEqual(differences(before, self.host.everything()), [])
        self.assertEqual(self.host.leftovers(), [])

    def record_with(self, release, path, old, new):
        """Records a release in which one line is wrong while everything still runs on the old one."""
        self.host.reset("v2.4.1")
        text = self.host.read(HOST, path)
        self.assertIn(old, text)
        self.host.path(path).write_text(text.replace(old, new))
        self.host.must("snapshot", release)
        self.host.path(path).write_text(text)
        self.host.reset("v2.4.1")
        self.host.break_it()

    def test_an_unknown_release(self):
        self.assert_refused("v9.9.9", "v9.9.9", "v2.4.1")

    def test_a_release_that_was_red_when_recorded(self):
        self.assert_refused("v2.5.0", "v2.5.0", "red")

    def test_a_target_whose_nginx_configuration_is_broken(self):
        self.record_with("v1.0.1", SITE, "proxy_connect_timeout 1s;", "proxy_connect_timeout soon;")
        self.assert_refused("v1.0.1", "v1.0.1", "/etc/nginx/sites-enabled/shop:8", "proxy_connect_timeout")

    def test_a_target_with_an_invalid_unit_value(self):
        self.record_with("v1.0.2", UNIT, "Restart=always", "Restart=sometimes")
        self.assert_refused("v1.0.2", "v1.0.2", "sometimes", f"{UNIT}:9")

    def mount_opt(self, options):
        """/opt, where the binary goes, on a file system of its own."""
        self.host.run("sh", "-c", f"cp -a /opt /var/tmp/opt && mount -t tmpfs -o mode=755,{options} full /opt && "
                      "cp -aT /var/tmp/opt /opt && systemctl restart shop.service rollback-agent.service")
        self.addCleanup(self.host.run, "sh", "-c", "umount -l /opt && rm -rf /var/tmp/opt && "
                        "systemctl restart shop.service rollback-agent.service")

    def assert_refused_on_opt(self, *words):
        def entries():  # the hash of the host sees what is below the mount
            found = {path: path.lstat() for path in self.host.inside("/opt").rglob("*")}
            return {path: (entry.st_ino, entry.st_size, entry.st_ctime_ns) for path, entry in found.items()}

        before = entries()
        self.assertTrue(before)
        self.assert_refused("v2.4.1", *words)
        self.assertEqual(entries(), before)

    def test_no_space_where_the_files_go(self):
        self.mount_opt("size=40m")
        self.host.run("sh", "-c", "head -c 30M /dev/zero > /opt/filler")
        self.assert_refused_on_opt("/opt", "MiB")

    def test_no_inodes_where_the_files_go(self):
        self.mount_opt("size=200m,nr_inodes=60")
        self.assert_refused_on_opt("/opt", "inodes")

    def mount_state(self, size):
        """The agent's state on a file system of its own, which holds nothing back yet."""
        state, copy = "/var/lib/rollback-agent", "/var/tmp/state"
        self.host.run("sh", "-c", f"systemctl stop rollback-agent.service && rm -f {state}/ballast && "
                      f"cp -a {state} {copy} && "
                      f"mount -t tmpfs -o mode=700,size={size} full {state} && cp -aT {copy} {state} && "
                      "systemctl start rollback-agent.service")
        self.addCleanup(self.host.run, "sh", "-c", "systemctl stop rollback-agent.service && "
                        f"umount {state} && rm -rf {copy} && systemctl start rollback-agent.service")
        return state

    def fill(self, state):
        filled = self.host.run("sh", "-c", f"head -c 1G /dev/zero > {state}/filler", check=False)
        self.assertIn("No space left", filled.stderr)

    def test_no_space_where_the_journal_goes(self):
        state = self.mount_state("64m")
        self.fill(state)
        self.assert_refused("v2.4.1", state, "0 MiB free", "make room there")
        checked = self.host.ask("config", "check")
        self.assertIn("no room is held back", str(checked))

    def go_back_on_a_full_disk(self, *before):
        """`before`: a command between the disk that fills and the rollback."""
        state = self.mount_state("240m")
        wait_for("the ballast", self.host.inside(f"{state}/ballast").exists)
        self.fill(state)
        if before:
            self.host.run(*before)
        done = self.host.ask("rollback", "--to", "v2.4.1", "-y")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(differences(self.host.good, self.host.managed()), [])
        self.host.run("rm", f"{state}/filler")
        wait_for("the ballast again", self.host.inside(f"{state}/ballast").exists)
        record = self.host.must("run", "show", done.items[0]["run"]).of("run")[0]
        self.assertEqual(record["outcome"], "succeeded", record)
        self.assertEqual(self.host.leftovers(), [])

    def test_a_full_state_directory_with_room_held_back_is_no_obstacle(self):
        self.go_back_on_a_full_disk()

    def test_an_agent_that_started_on_a_full_disk_is_none(self):
        self.go_back_on_a_full_disk("systemctl", "restart", "rollback-agent.service")

    def test_a_file_system_that_was_made_read_only(self):
        self.mount_opt("size=200m")
        self.host.run("mount", "-o", "remount,ro", "/opt")
        self.assert_refused_on_opt("/opt/shop/bin/shop", "read-only")

    def test_flags_that_forbid_what_the_run_would_do(self):
        for path, flag, what in FLAGGED:
            with self.subTest(path=path, flag=flag):
                self.host.run("chattr", f"+{flag}", path)
                try:
                    self.assert_refused("v2.4.1", path, what)
                finally:
                    self.host.run("chattr", f"-{flag}", path)

    def test_content_that_the_store_lost(self):
        with self.host.damaged_store(self.noise[1000:1100]):
            self.assert_refused("v2.4.1", "/etc/shop/noise.bin")

    def test_a_broken_current_nginx_configuration_is_no_obstacle(self):
        path = self.host.path(SITE)
        path.write_text(path.read_text().replace("proxy_connect_timeout 1s;", "proxy_connect_timeout soon;"))
        done = self.host.ask("rollback", "--to", "v2.4.1", "-y")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(differences(self.host.good, self.host.managed()), [])
        self.assertEqual(self.host.page(HOST), (200, "shop v2.4.1"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
