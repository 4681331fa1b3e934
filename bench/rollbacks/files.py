# SPDX-License-Identifier: Apache-2.0
"""Rollbacks of files only, on a host that manages one tree."""
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from hosts.errors import FleetError
from peers import trees
from peers.agent_host import AgentHost
from peers.clock import timed
from peers.table import median, row
from peers.tools import set_aside, sync_file_system

CHANGED = 100  # one file of so many
WINDOW_FILES = 1000
ANSWERS = {"status": ["status"], "health": ["health"], "run abort": ["run", "abort", "000000000000"]}
LONGEST = {"window": 15.0, "recovery": 1.0, "answer": 100.0}  # ms, s, ms
MS = 1000


class FileBench:
    def __init__(self, options, sources, source, scratch):
        self.options, self.source, self.scratch, self.rows = options, source, scratch, []
        self.host = AgentHost(options.programs, sources)
        self.host.install(Path(options.programs) / "agent/rollback-recover", "/usr/sbin/rollback-recover", 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.host.down()

    def run(self):
        self.host.manage(self.source)
        trees.measure(self.host.tree)
        self.host.snapshot()
        if self.options.wants("files"):
            self._one_percent()
        if self.options.wants("window"):
            self._window()
        if self.options.wants("recovery"):
            self._recovery()
        if self.options.wants("answers"):
            self._answers()
        return self.rows

    def _told(self, work, who, seconds):
        print(f"  {work}: {who} {seconds:.3f} s", file=sys.stderr, flush=True)
        return seconds

    def _changed(self, count):
        """`count` files of the tree, spread over it, changed in place."""
        files = trees.files_of(self.host.tree)
        chosen = files[:: max(1, len(files) // count)][:count]
        trees.change(chosen, time.monotonic_ns())
        sync_file_system(self.host.tree)
        return chosen

    def _roll_back(self):
        return self.host.ask_timed("-o", "jsonl", "rollback", "--to", "v1.0.1", "-y")

    # -- 1 % of the files, command to verified, beside rsync on an equal tree with the same files changed

    def _one_percent(self):
        work, ours, theirs = "rollback of 1 % of the files", [], []
        good, live = self.scratch / "good", self.scratch / "live"
        trees.copy_tree(self.host.tree, good)
        trees.copy_tree(self.host.tree, live)
        trees.measure(good)
        count = len(trees.files_of(good)) // CHANGED
        for number in range(self.options.repeat):
            self._changed(count)
            trees.measure(self.host.tree)
            ours.append(self._told(work, "rollbackctl", self._roll_back().seconds))
            trees.change(trees.files_of(live)[::CHANGED], number)
            sync_file_system(live)
            trees.measure(live)
            argv = ["rsync", "-a", "-c", "--delete", "--fsync", f"{good}/", f"{live}/"]
            theirs.append(self._told(work, "rsync", timed(argv).seconds))
        set_aside(live)
        self.rows.append(row(work, "rsync", median(ours), median(theirs), "s", 1.5))

    # -- from the first rename to the last

    def _window(self):
        windows = []
        for _ in range(self.options.repeat):
            self._changed(WINDOW_FILES)
            said = self._roll_back().said
            events = [json.loads(line).get("text", "") for line in said.splitlines()]
            found = [re.fullmatch(r"changed within (\d+) ms", text) for text in events]
            windows += [self._told("first to last rename of 1,000", "rollbackctl", int(hit[1]) / MS) for hit in found if hit]
        if not windows:
            raise FleetError("no rollback said how long its renames took")
        self.rows.append(row("first to last rename, 1,000", "15 ms", median(windows) * MS, LONGEST["window"], "ms", 1))

    # -- at boot

    def _recovery(self):
        """The agent is killed once the files are the target's; then rollback-recover, as at boot, decides them."""
        took = []
        for _ in range(self.options.repeat):
            self._changed(WINDOW_FILES)
            self._kill_after_commit()
            begin = time.monotonic()
            said = self.host.run("/usr/sbin/rollback-recover").stdout
            took.append(self._told("recovery of 1,000", "rollback-recover", time.monotonic() - begin))
            if "taken back" not in said:
                raise FleetError(f"rollback-recover had nothing to take back: {said}")
            self.host.run("systemctl", "start", "rollback-agent.service")
            self.host.pid = self.host.agent()
            self._roll_back()
        self.rows.append(row("recovery at boot, 1,000", "1 s", median(took), LONGEST["recovery"], "s", 1))

    def _kill_after_commit(self):
        self.host.run("systemctl", "stop", "rollback-agent.service")
        self.host.write_gate("soak: 60s")
        self.host.run("systemctl", "start", "rollback-agent.service")
        with self._asked("rollback", "--to", "v1.0.1", "-y") as rollback:
            for line in rollback.stdout:
                if json.loads(line).get("phase") == "gating":
                    break
            self.host.run("systemctl", "kill", "-s", "KILL", "rollback-agent.service")
            self.host.run("systemctl", "stop", "rollback-agent.service")
        self.host.write_gate("soak: 0s")

    def _asked(self, *words):
        return subprocess.Popen([self.host.ctl_program, "--agent-socket", self.host.socket(), "-o", "jsonl", *words],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    # -- while it works

    def _answers(self):
        """Times of short questions while a first snapshot and a rollback of the whole tree go on."""
        times = {name: [] for name in ANSWERS}
        self.host.fresh()
        self._while(self.host.snapshot, times)
        self._while(self.host.restore, times)
        for name, seconds in times.items():
            seconds.sort()
            p99 = seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)] * MS
            self.rows.append(row(f"{name} meanwhile, p99 of {len(seconds)}", "100 ms", p99, LONGEST["answer"], "ms", 1))

    def _while(self, work, times):
        done = threading.Event()

        def ask():
            while not done.is_set():
                for name, words in ANSWERS.items():
                    begin = time.monotonic()
                    subprocess.run([self.host.ctl_program, "--agent-socket", self.host.socket(), *words], check=False,
                                   stdin=subprocess.DEVNULL, capture_output=True)
                    times[name].append(time.monotonic() - begin)
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            work()
        finally:
            done.set()
            asking.join()
