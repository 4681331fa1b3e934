#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Dry runs of every verb that has them: they check what the verb would check, say what it would do, and leave files, units,
history and store as they are. Needs root and build/packages."""
import contextlib
import stat
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lone import HOST, LoneHost  # noqa: E402
from rig import differences  # noqa: E402

DRY = (("rollback", "--to", "v2.4.1", "-n"), ("rollback", "--previous", "--dry-run"), ("undo", "-n"),
       ("prune", "--keep", "1", "-n"), ("snapshot", "v2.9.0", "--unhealthy-ok", "-n"),
       ("deploy", "v2.9.0", "-n", "--", "touch", "/etc/shop/ran"), ("deploy", "begin", "v2.9.0", "--dry-run"))


class DryRun(unittest.TestCase):
    """v2.5.0 is live, broken, and recorded as failed; there was a rollback, and it was undone."""

    @classmethod
    def setUpClass(cls):
        cls.host = LoneHost("dryrun")
        cls.addClassCleanup(cls.host.down)
        cls.host.prepare()
        cls.host.must("rollback", "--to", "v2.4.1", "-y")
        cls.host.must("undo", "-y")

    def seen(self):
        """Every file with its times and every unit with its invocation; what is recorded, and how much is stored."""
        found = self.host.hash_host(HOST)
        for path in list(found):
            with contextlib.suppress(FileNotFoundError):  # /usr shows what differs from its image
                info = self.host.path(path).lstat()
                found[path] += (info.st_ino, info.st_mtime_ns)
                if not stat.S_ISDIR(info.st_mode):  # where a stage could be made was tried
                    found[path] += (info.st_ctime_ns,)
        for name, unit in self.host.units(HOST).items():
            if unit["InvocationID"]:
                found[f"unit {name}"] = unit["InvocationID"]
        for words in (("history",), ("run", "list", "-n", "0"), ("stats",)):
            # How much of the disk it takes changes while nobody looks.
            found[f"rollbackctl {words[0]}"] = [{**item, "disk": None} for item in self.host.must(*words).items]
        return found

    @contextlib.contextmanager
    def nothing_changes(self):
        before = self.seen()
        self.assertGreater(len([path for path in before if path in self.host.bad]), 30)
        yield
        self.assertEqual(differences(before, self.seen()), [])
        self.assertEqual(self.host.leftovers(), [])
        self.assertEqual(self.host.must("status").one("status")["run"], "")

    def test_no_verb_changes_anything(self):
        for words in DRY:
            with self.subTest(words), self.nothing_changes():
                done = self.host.ask(*words)
                self.assertEqual(done.code, 0, done)
                self.assertFalse(done.one("end")["changed"], done)

    def test_a_snapshot_says_what_would_be_recorded(self):
        with self.nothing_changes():
            new = self.host.must("snapshot", "v2.8.0", "--unhealthy-ok", "-n")
        item = new.one("revision")
        files = [path for path, facts in self.host.bad.items() if facts[0].startswith("0o100")]
        self.assertEqual((item["name"], item["status"], item["files"]), ("v2.8.0", "failed", len(files)))
        self.assertGreater(item["bytes"], 300_000)
        self.assertRegex(new.text(), r"v2\.8\.0 would have the content of v2\.[59]\.0")  # a deploy has recorded it as v2.9.0
        again = self.host.must("snapshot", "v2.5.0", "--unhealthy-ok", "-n")
        self.assertIn("v2.5.0 is recorded already with exactly this content", again.text())
        added = self.host.path("/etc/shop/added")
        self.addCleanup(added.unlink)
        added.write_text("1")
        drifted = self.host.must("snapshot", "v2.5.0", "--unhealthy-ok", "-n")
        self.assertEqual((drifted.one("revision")["name"], drifted.one("revision")["files"]), ("v2.5.0@2", len(files) + 1))
        self.assertIn("v2.5.0@2 would be new", drifted.text())

    def test_what_would_be_refused_is_refused(self):
        with self.nothing_changes():
            for words, code in ((("snapshot", "v2.9.0", "-n"), 2), (("rollback", "--to", "v9.9.9", "-n"), 2),
                                (("deploy", "v2.9.0", "-n", "--", "/no/such/program"), 1), (("deploy", "v2.9.0", "-n"), 1),
                                (("deploy", "begin", "latest", "-n"), 1), (("snapshot", "latest", "-n"), 1)):
                self.assertEqual(self.host.ask(*words).code, code, words)

    def test_a_host_that_is_held_says_so(self):
        self.host.must("deploy", "begin", "v2.9.0")
        self.addCleanup(self.host.ask, "deploy", "abort")
        for words in DRY[:3] + DRY[4:]:
            self.assertEqual(self.host.ask(*words).code, 7, words)


if __name__ == "__main__":
    unittest.main(verbosity=2)
