#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The verbs that only look, plan, diff, show, history, verify, health, status, which say what is so and change
nothing, and those that change the store only: export, import, pin, prune. Needs root and build/packages."""
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lone import HOST, LoneHost  # noqa: E402
from rig import differences  # noqa: E402

KEY = "/etc/shop/keys/session.key"
NOISE = "/etc/shop/noise.bin"
FORMATS = ("table", "json", "jsonl", "yaml")
VERBS = ("snapshot", "history", "export", "import", "pin", "prune", "show", "diff", "stats", "plan", "verify", "health", "status", "rollback", "undo", "run", "run list",
         "run show", "run watch", "run abort", "config", "config check", "fleet", "fleet snapshot", "fleet run watch")
# what is typed, a word of the sentence
MISTAKES = (("statuss", "status"), ("run wach", "watch"), ("frobnicate", "--help"), ("status --frobnicate", "--frobnicate"),
            ("plan --too v2.4.1", "--too"), ("history -n many", "many"), ("history -n -3", "-n"), ("show", "release"),
            ("diff", "from"), ("run show", "run"), ("diff v2.4.1 v2.5.0 v2.6.0", "v2.6.0"), ("plan --to latest", "latest"),
            ("show main", "main"), ("diff v2.4 live", "v2.4"), ("verify 20240520", "20240520"), ("-o xml status", "xml"),
            ("config chekc", "check"), ("run", "subcommand"))


def setUpModule():
    Look.host = host = LoneHost("look")
    unittest.addModuleCleanup(host.down)
    noise = host.path(NOISE)
    noise.parent.mkdir(parents=True, exist_ok=True)
    noise.write_bytes(Look.noise)
    host.prepare()


class Look(unittest.TestCase):
    """v2.5.0 is live, broken, and recorded as failed; v2.4.1 is recorded as good."""

    host = None
    noise = os.urandom(40000)  # bytes that can be found in the store's files

    def setUp(self):
        if self.host.managed() != self.host.bad:
            self.restore("v2.4.1")
            self.host.break_it()
        self.assertEqual(differences(self.host.bad, self.host.managed()), [])

    def restore(self, release):
        self.host.reset(release)
        self.host.path(NOISE).write_bytes(self.noise)

    @contextlib.contextmanager
    def nothing_changes(self):
        files, history = self.host.everything(), self.host.must("history").items
        yield
        self.assertEqual(differences(files, self.host.everything()), [])
        self.assertEqual(self.host.must("history").items, history)
        self.assertEqual(self.host.leftovers(), [])

    def printed(self, form, *words):
        """Everything that rollbackctl says in this form, and its exit code."""
        done = self.host.run("rollbackctl", "-o", form, *words, check=False)
        return done.stdout + done.stderr, done.returncode

    def on_screen(self, *words):
        """The lines that a terminal of 80 columns shows, without colours."""
        code, shown = self.host.on_terminal(HOST, "n", *words)
        self.assertEqual(code, 0, shown)
        lines = re.sub("\x1b\\[[0-9;]*[mK]", "", shown).replace("\r\n", "\n").splitlines()
        return [line.rpartition("\r")[2] for line in lines]  # what a line of progress left behind

    def host_differences(self):
        """[(gone, added or changed, path)] from v2.4.1 to v2.5.0, told without the agent."""
        return [re.match(r"(\w+): ([^:]+)", line).groups() for line in differences(self.host.good, self.host.bad)]

    def assert_sentence(self, words, *parts):
        self.assertEqual(len(words.strip().splitlines()), 1, words)
        for part in parts:
            self.assertIn(part, words)


class Plan(Look):
    def test_says_which_units_restart_and_why_and_changes_nothing(self):
        with self.nothing_changes():
            plan = self.host.must("plan", "--to", "v2.4.1")
            again = self.host.must("plan", "--to", "v2.4.1")
        self.assertEqual(plan.one("plan")["to"], "v2.4.1")
        self.assertEqual(plan.one("plan")["digest"], again.one("plan")["digest"])
        steps = {(step["action"], step["subject"]): step["why"] for step in plan.of("step")}
        self.assertTrue(all(step["why"] and step["reverse"] for step in plan.of("step")), plan)
        units = {step: why for step, why in steps.items() if step[0] in ("stop", "start", "restart", "reload")}
        self.assertEqual(set(units), {("stop", "shop.service"), ("start", "shop.service"), ("reload", "nginx.service")})
        self.assertRegex(units["stop", "shop.service"], r"files/shop-etc changes \(restart_on\)")
        self.assertRegex(units["reload", "nginx.service"], r"/etc/nginx/\S+ changes")
        self.assertEqual(plan.of("step")[-1]["subject"], "nginx.service", "nginx reloads last")
        differing = {path for _, path in self.host_differences()}
        self.assertEqual({path for _, path in steps if path.startswith("/")}, differing)

    def test_without_a_target_means_the_previous_good_release(self):
        self.assertEqual(self.host.must("plan").one("plan")["to"], "v2.4.1")

    def test_prints_a_table_with_a_row_for_each_step(self):
        text, code = self.printed("table", "plan", "--to", "v2.4.1")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"PHASE +STEP +WHAT +WHY +REVERSE")
        self.assertRegex(text, r"activate +reload +nginx\.service +its configuration /etc/nginx/\S+ changes +reload it again")

    def test_one_json_object_has_a_schema_in_every_item(self):
        text, code = self.printed("json", "plan", "--to", "v2.4.1")
        answer = json.loads(text)
        self.assertEqual((code, answer["schema"]), (0, "rollbackctl/v1/answer"))
        self.assertEqual({item["schema"].rpartition("/")[2] for item in answer["items"]}, {"plan", "step", "end"})

    def test_what_is_no_target_is_refused_in_one_sentence(self):
        with self.nothing_changes():
            for release, code, word in (("v9.9.9", 2, "v2.4.1"), ("v2.5.0", 2, "red"), ("latest", 1, "latest")):
                done = self.host.ask("plan", "--to", release)
                self.assertEqual(done.code, code, done)
                self.assert_sentence(done.words, release, word)


class Diff(Look):
    def changes(self, *words):
        return {item["path"]: item for item in self.host.must("diff", *words).of("diff")}

    def test_two_releases_differ_in_exactly_what_the_hosts_differed_in(self):
        found = self.changes("v2.4.1", "v2.5.0")
        unit = found.pop("unit shop.service")
        found = {path: item for path, item in found.items() if not path.startswith("fact ")}
        self.assertEqual(unit["differences"], ["enabled -> disabled"])
        wanted = self.host_differences()
        for ours, theirs in (("gone", "removed"), ("added", "added"), ("changed", "changed")):
            self.assertEqual({path for how, path in wanted if how == ours},
                             {path for path, item in found.items() if item["change"] == theirs})

    def test_text_is_unified_and_stat_leaves_it_out(self):
        item = self.changes("v2.4.1", "v2.5.0")["/etc/shop/features.json"]
        self.assertEqual(item["text"].splitlines(), [
            "--- /etc/shop/features.json", "+++ /etc/shop/features.json", "@@ -1,1 +1,1 @@",
            '-{"checkout": "classic", "search": true}', '+{"checkout": "one-click", "search": true, "payments": true}'])
        self.assertIn("mode 0644 -> 0640", item["differences"])
        self.assertEqual({item["text"] for item in self.changes("v2.4.1", "v2.5.0", "--stat").values()}, {""})

    def test_stat_counts_lines_and_has_hashes_for_secrets(self):
        path = self.host.path(KEY)
        old, new = path.read_text(), secrets.token_hex(20) + "\n"
        path.write_text(new)
        lines = self.on_screen("diff", "v2.4.1", "--stat")
        self.assertEqual(lines[0].split(), ["CHANGE", "LINES", "+-", "PATH"])
        self.assertRegex("\n".join(lines), r"\nchanged +2 +\+- +/etc/shop/features\.json \(content, mode 0644")
        self.assertEqual([line for line in lines if len(line) > 80 or "…" in line], [])
        self.assertRegex(lines[-1], r"^\d+ files changed, \d+ of units and facts, \d+ insertions\(\+\), \d+ deletions\(-\)$")
        text, code = self.printed("table", "diff", "v2.4.1", "--stat")
        hashes = [hashlib.sha256(each.encode()).hexdigest()[:16] for each in (old, new)]
        self.assertRegex(text, rf"{KEY} \(content.*\): secret, sha256 {hashes[0]} -> sha256 {hashes[1]}\n")
        self.assertEqual((code, [each for each in (old, new) if each.strip() in text]), (0, []))

    def test_live_is_a_name_and_the_default(self):
        recorded = self.changes("v2.4.1", "v2.5.0")
        with self.nothing_changes():
            self.assertEqual(self.changes("v2.4.1"), recorded)
            self.assertEqual(self.changes("v2.4.1", "live"), recorded)
            back = self.changes("live", "v2.4.1")
            self.assertEqual(self.changes("v2.5.0", "live"), {})
        turned = {"added": "removed", "removed": "added", "changed": "changed"}
        self.assertEqual({path: turned[item["change"]] for path, item in back.items()},
                         {path: item["change"] for path, item in recorded.items()})

    def test_an_unknown_release_is_refused(self):
        done = self.host.ask("diff", "v2.4.1", "v9.9.9")
        self.assertEqual(done.code, 2, done)
        self.assert_sentence(done.words, "v9.9.9", "v2.4.1")

    def test_secrets_are_hashes_wherever_they_could_be_printed(self):
        path = self.host.path(KEY)
        old, new, added = path.read_text().strip(), secrets.token_hex(20), secrets.token_hex(20)
        path.write_text(new + "\n")
        path.with_name("added.key").write_text(added + "\n")
        self.host.must("snapshot", "v2.6.0", "--unhealthy-ok")
        self.addCleanup(path.with_name("added.key").unlink)
        hashes = [hashlib.sha256(f"{text}\n".encode()).hexdigest() for text in (old, new, added)]
        for words in (("diff", "v2.4.1"), ("diff", "v2.4.1", "v2.6.0"), ("plan", "--to", "v2.4.1", "-D"),
                      ("diff", "v2.4.1", "--stat"), ("verify", "v2.4.1"), ("show", "v2.6.0", "--tree")):
            for form in FORMATS:
                with self.subTest(words, form=form):
                    text, _ = self.printed(form, *words)
                    self.assertIn(KEY, text)
                    self.assertEqual([each for each in (old, new, added) if each in text], [])
                    if words[0] == "diff" and "--stat" not in words or "-D" in words:
                        self.assertEqual([each for each in hashes if each not in text], [])
        log = self.host.run("journalctl", "--no-pager", "-u", "rollback-agent.service").stdout
        self.assertEqual([each for each in (old, new, added) if each in log], [])


class Records(Look):
    def test_show_says_what_a_release_is_made_of(self):
        shown = {item["kind"]: item for item in self.host.must("show", "v2.4.1").of("resource")}
        self.assertEqual(set(shown), {"nginx", "systemd", "binary", "files", "compose"})
        files = [path for path, facts in self.host.good.items()
                 if path.startswith("/etc/shop/") and facts[0].startswith("0o100")]
        self.assertEqual(shown["files"]["files"], len(files))
        self.assertEqual([(unit["name"], unit["active"], unit["enablement"]) for unit in shown["systemd"]["units"]],
                         [("shop.service", True, "enabled")])
        tree = {item["path"]: item for item in self.host.must("show", "v2.4.1", "--tree").of("path")}
        self.assertEqual([path for path in self.host.good if path.startswith("/etc/shop") and path not in tree], [])
        text, code = self.printed("table", "show", "v2.4.1", "--tree")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, rf"-rw------- +root:root +\d+ B .* {KEY}")
        self.assertEqual(self.host.ask("show", "v9.9.9").code, 2)

    def test_the_tree_of_a_release_looks_as_ls_shows_it(self):
        top = self.host.path("/etc/shop/odd")
        self.addCleanup(shutil.rmtree, top)
        (top / "empty").mkdir(parents=True)
        (top / "first").write_text("12345")
        os.setxattr(top / "first", "user.origin", b"build 7")
        os.link(top / "first", top / "second")
        os.symlink("../nowhere", top / "link")
        os.mkfifo(top / "pipe")
        os.chmod(top / "empty", 0o3750)
        (top / "esc\x1b[2J").write_text("")
        self.host.must("snapshot", "v2.7.0", "--unhealthy-ok")
        lines = self.on_screen("show", "v2.7.0", "--tree")
        self.assertRegex("\n".join(lines[:6]), r"^release +v2\.7\.0 .*\nrecorded .*\nsnapshot +[0-9a-f]{64}\ncontent +\d+ files, .*\n")
        below = {path: (mode, owner, size, more) for mode, owner, size, path, more in re.findall(
            r"(?m)^(\S+) +(\S+) +(-|\d+ B) .* /etc/shop/odd/(\S+) *(.*)$", "\n".join(lines))}
        self.assertEqual(below, {
            "empty": ("drwxr-s--T", "root:root", "-", ""),
            "esc\\x1b[2J": ("-rw-r--r--", "root:root", "0 B", ""),
            "first": ("-rw-r--r--+", "root:root", "5 B", "(1 more hard link)"),
            "second": ("-rw-r--r--+", "root:root", "5 B", "(1 more hard link)"),
            "link": ("lrwxrwxrwx", "root:root", "-", "-> ../nowhere"),
            "pipe": ("?", "-", "-", "(not stored: no file, or another file system)")})

    def test_stats_say_what_each_release_takes(self):
        stats = self.host.must("stats")
        releases = {item["revision"]: item for item in stats.of("release-stats")}
        store = stats.one("store-stats")
        files = [path for path, facts in self.host.good.items() if facts[0].startswith("0o100")]
        self.assertEqual(releases["v2.4.1"]["files"], len(files))
        self.assertEqual(store["logical"], sum(item["logical"] for item in releases.values()))
        self.assertGreater(store["logical"], store["distinct"], "releases share files")
        for item in releases.values():
            self.assertLessEqual(item["unique"], item["stored"], item)
            self.assertLessEqual(item["stored"], store["stored"], item)
        lines = self.on_screen("stats")
        self.assertEqual(lines[0].split(), ["RELEASE", "FILES", "SIZE", "STORED", "UNIQUE", "STAYS"])
        self.assertEqual(releases["v2.4.1"]["stays"], "the previous good release")
        self.assertEqual([line for line in lines if len(line) > 80], [])
        self.assertRegex("\n".join(lines), r"\n\d+ revisions +\d.*\neach content once +\d.*\ncompressed +\d.*\non disk +\d")

    def test_history_loses_no_mark_at_80_columns(self):
        self.host.must("pin", "v2.4.1")
        self.addCleanup(self.host.must, "unpin", "v2.4.1")
        self.host.must("block", "v2.4.1")
        self.addCleanup(self.host.must, "unblock", "v2.4.1")
        row = next(line for line in self.on_screen("history") if line.startswith("v2.4.1 "))
        self.assertRegex(row, r"^v2\.4\.1 +\w+ +[-0-9]{10} [:0-9]{8} .* blocked, pinned$")

    def test_history_is_the_same_in_every_form(self):
        items = self.host.must("history").items
        releases = {item["name"]: item["status"] for item in items if item["schema"].endswith("/revision")}
        self.assertEqual((releases["v2.4.1"], releases["v2.5.0"]), ("available", "failed"))
        self.assertEqual(json.loads(self.printed("json", "history")[0])["items"], items)
        yaml = self.printed("yaml", "history")[0]
        for item in items:
            for value in (item["schema"], item.get("snapshot"), item.get("actor")):
                self.assertIn(f'"{value}"' if value else "", yaml)
        self.assertEqual(yaml.count("schema:"), len(items) + 1)
        newest = self.host.must("history", "-n", "1").of("history")
        self.assertEqual(newest, [item for item in items if item["schema"].endswith("/history")][-1:])


class Verify(Look):
    def test_names_what_differs_until_the_host_is_the_release(self):
        done = self.host.ask("verify")
        self.assertEqual(done.code, 2, done)
        self.assert_sentence(done.words, "good release", "rollbackctl verify")
        with self.nothing_changes():
            done = self.host.ask("verify", "v2.4.1")
        self.assertEqual(done.code, 5, done)
        self.assertIn("/opt/shop/bin/shop", {item["path"] for item in done.of("diff")})
        self.restore("v2.4.1")
        self.assertEqual(self.host.must("verify", "v2.4.1").of("diff"), [])
        drift = self.host.path("/etc/shop/features.json")
        drift.write_text("{}\n")
        done = self.host.ask("verify", "v2.4.1")
        self.assertEqual((done.code, [item["path"] for item in done.of("diff")]), (5, ["/etc/shop/features.json"]), done)
        self.assert_sentence(done.words, "1 path", "v2.4.1")

    def test_a_damaged_content_is_named_and_the_rest_still_answers(self):
        self.restore("v2.4.1")
        with self.host.damaged_store(self.noise[1000:1100]):
            done = self.host.ask("verify", "v2.4.1")
            self.assertEqual((done.code, done.of("diff")), (5, []), done)
            damage = done.of("damage")
            self.assertEqual([item["paths"] for item in damage], [[NOISE]], done)
            self.assertIn("v2.4.1", damage[0]["releases"])
            self.assertIn("v2.4.1", done.words)
            for words in (("history",), ("show", "v2.4.1"), ("diff", "v2.4.1"), ("status",)):
                self.assertEqual(self.host.ask(*words).code, 0, words)
        self.assertEqual(self.host.ask("verify", "v2.4.1").code, 0)


class Archives(Look):
    ARCHIVE = "/root/v2.4.1.archive"

    def test_a_release_goes_to_a_file_and_into_a_pipe_and_is_known_again(self):
        written = self.host.must("export", "v2.4.1", self.ARCHIVE).one("archive")
        kept = self.host.path(self.ARCHIVE).read_bytes()
        self.assertEqual((written["bytes"], written["sha256"]), (len(kept), hashlib.sha256(kept).hexdigest()))
        export = self.host.fleet.machine(HOST).enter_command(("rollbackctl", "export", "v2.4.1"))
        piped = subprocess.run([str(word) for word in export], capture_output=True, check=True)
        self.assertEqual(piped.stdout, kept)
        with subprocess.Popen(["cat", self.host.path(self.ARCHIVE)], stdout=subprocess.PIPE) as cat:
            done = self.host.run("rollbackctl", "-o", "json", "import", stdin=cat.stdout)
        self.assertFalse(json.loads(done.stdout)["items"][-1]["changed"], done)
        entry = self.host.must("history").of("history")[-1]
        self.assertEqual((entry["action"], entry["to"]), ("import", "v2.4.1"), entry)
        self.assertIn("exported by", entry["reason"])

    def test_a_damaged_one_is_refused(self):
        self.host.must("export", "v2.4.1", self.ARCHIVE)
        path = self.host.path(self.ARCHIVE)
        path.write_bytes(path.read_bytes()[:-1000])
        with self.nothing_changes():
            done = self.host.ask("import", self.ARCHIVE)
        self.assertEqual(done.code, 2, done)
        self.assert_sentence(done.words, "damaged", "nothing was imported")


class Prune(Look):
    STORE = "/var/lib/rollback-agent/store"

    def used(self):
        return sum(path.stat().st_blocks * 512 for path in self.host.path(self.STORE).iterdir())

    def releases(self):
        return {item["name"] for item in self.host.must("history").of("revision")}

    def test_what_goes_gives_its_space_back_and_what_is_pinned_stays(self):
        before = self.releases()
        for release in before:
            self.host.must("pin", release)
            self.addCleanup(self.host.must, "unpin", release)
        for number in range(4):
            self.host.path(NOISE).write_bytes(os.urandom(3_000_000))
            self.host.must("snapshot", f"v9.0.{number}", "--unhealthy-ok")
        self.host.path(NOISE).write_bytes(self.noise)
        full = self.used()
        with self.nothing_changes():
            shown = self.host.must("prune", "--keep", "1", "-n")
        goes = {item["revision"] for item in shown.of("prune") if item["removed"]}
        self.assertEqual(goes, {"v9.0.0", "v9.0.1", "v9.0.2"})
        expected = shown.one("prune-summary")
        self.assertEqual((expected["dry_run"], expected["removed"]), (True, 3))
        self.assertGreater(expected["bytes"], 8_900_000)
        done = self.host.must("prune", "--keep", "1", "-y", "-m", "the disk is full").one("prune-summary")
        self.assertEqual((done["dry_run"], done["removed"], done["bytes"]), (False, 3, expected["bytes"]))
        self.assertLess(self.used(), full - 8_000_000)
        self.assertEqual(self.releases(), before | {"v9.0.3"})
        entries = [item for item in self.host.must("history").of("history") if item["action"] == "prune"]
        self.assertEqual({item["to"] for item in entries}, goes)
        self.assertIn("the disk is full", entries[0]["reason"])
        self.assertEqual(self.host.ask("verify", "v9.0.0").code, 2)
        self.host.must("verify", "--all", "--deep")
        text, code = self.printed("table", "prune", "--keep", "1", "-y")
        self.assertEqual((code, "pinned" in text), (0, True), text)

    def test_without_a_rule_it_removes_nothing(self):
        with self.nothing_changes():
            done = self.host.ask("prune", "-y")
        self.assertEqual(done.code, 1, done)
        self.assert_sentence(done.words, "--keep", "retention")


class Health(Look):
    def verdict(self):
        answer = self.host.ask("health")
        return answer.code, answer.one("health")["verdict"], self.host.must("status").one("status")["health"]

    def test_is_red_with_6_while_a_required_probe_is_red(self):
        self.assertEqual(self.verdict(), (6, "unhealthy", "unhealthy"))
        red = [probe for probe in self.host.ask("health").one("health")["probes"] if not probe["green"]]
        self.assertEqual([(probe["required"], probe["answer"]) for probe in red], [(True, "HTTP 502, expected 200")])
        self.assertRegex(self.printed("table", "health")[0], r"unhealthy +http http://127\.0\.0\.1/healthz: HTTP 502")
        self.restore("v2.4.1")
        self.assertEqual(self.verdict(), (0, "healthy", "healthy"))
        text, code = self.printed("table", "--detailed-exitcode", "plan", "--to", "v2.4.1")
        self.assertEqual(code, 3, text)


class Words(Look):
    def test_a_terminal_is_asked_and_no_changes_nothing(self):
        with self.nothing_changes():
            code, shown = self.host.on_terminal(HOST, "n", "rollback", "--to", "v2.4.1")
        self.assertEqual(code, 1, shown)
        self.assertEqual(re.sub("\x1b\\[[0-9;]*m", "", shown).split("\r\n"), [
            "Take this host back to v2.4.1? [y/N] n", "rollbackctl: not confirmed; nothing was changed", ""])

    def test_a_mistake_is_one_sentence_and_exit_code_1(self):
        for typed, word in MISTAKES:
            with self.subTest(typed):
                done = self.host.run("rollbackctl", *typed.split(), check=False)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done)
                self.assert_sentence(done.stderr, word)

    def test_every_verb_has_help(self):
        for verb in VERBS:
            with self.subTest(verb):
                done = self.host.run("rollbackctl", *verb.split(), "--help", check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("Usage: rollbackctl", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
