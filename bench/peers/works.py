# SPDX-License-Identifier: Apache-2.0
"""What is measured on one tree. Contenders take turns in every round, and a row compares their medians."""
import sys
from dataclasses import dataclass
from pathlib import Path

from hosts.errors import FleetError

from . import trees
from .table import median, row
from .tools import Borg, Casync, Floor, Ostree, Restic, Rsync, empty_directory, set_aside, sync_file_system

MEMORY = {"peak": 150, "idle anonymous": 12, "idle resident": 32}  # MB
CHANGED = 100  # one file of so many


@dataclass(frozen=True)
class Musts:
    """The highest ratio ours / theirs of each work and peer."""
    first: dict
    unchanged: dict
    restore: dict


# A snapshot of the larger tree is nearer to its floor: what is done once counts for less.
SMALL = Musts({"floor": 1.3, "restic": 1 / 3, "casync": 1 / 3, "borg": 1 / 2}, {"rsync": 1 / 2, "restic": 1 / 5, "borg": 1 / 5},
              {"restic": 1 / 2, "borg": 1 / 2})
LARGE = Musts({"floor": 1.2, "restic": 1 / 2, "borg": 1 / 2}, SMALL.unchanged, SMALL.restore)


class TreeBench:
    """All works on one tree; rows and processor times are collected in `rows` and `cpu`."""

    def __init__(self, ours, name, source, musts, options, scratch):
        self.ours, self.name, self.musts, self.options = ours, name, musts, options
        self.scratch, self.rows, self.cpu, self.peaks = Path(scratch), [], {}, {}
        ours.manage(source)
        files, size = trees.measure(ours.tree)  # reads all of it
        self.title = f"{name}: {files} files, {size / (1 << 20):.0f} MB"
        self.seconds = {}
        kinds = [Restic, Borg, Casync, Ostree] if musts is SMALL else [Restic, Borg]
        self.floor = Floor(self.scratch, ours.tree, options.floor)
        self.rsync = Rsync(self.scratch, ours.tree)
        self.peers = [peer for peer in (self.floor, self.rsync, *(kind(self.scratch, ours.tree) for kind in kinds))
                      if not options.peers or peer.name in options.peers]

    def run(self):
        wanted = self.options.wants
        if wanted("first") or wanted("unchanged") or wanted("restore"):
            for _ in range(self.options.repeat):
                self._first_and_unchanged()
        if wanted("restore"):
            for _ in range(self.options.repeat):
                self._restores()
        if wanted("changed"):
            self._changes()
        self._compare("first", self.musts.first)
        self._compare("unchanged", self.musts.unchanged)
        self._compare_changed()
        self._compare("restore", self.musts.restore)
        self._memory()

    # -- measuring

    def _time(self, work, who, action):
        """Nobody pays for what others left unwritten, or for what borg let go of the page cache."""
        sync_file_system(self.scratch.parent)
        if work != "restore":
            trees.measure(self.ours.tree)
        if who is self.ours:
            who.forget_peak()
        took = action()
        print(f"  {self._named(work)}: {who.name} {took.seconds:.2f} s", file=sys.stderr, flush=True)
        self.seconds.setdefault((work, who.name), []).append(took.seconds)
        self.cpu.setdefault((self._named(work), who.name), []).append(took.cpu)
        if who is self.ours:
            self.peaks[work] = max(self.peaks.get(work, 0), who.peak())

    def _first_and_unchanged(self):
        for who in (self.ours, *self.peers):
            if who is not self.rsync:
                who.fresh()
                self._time("first", who, who.snapshot)
            elif not who.taken:
                who.fresh()
                who.snapshot()
            if who is not self.floor and self.options.wants("unchanged"):
                self._time("unchanged", who, who.snapshot)

    def _changes(self):
        """Every hundredth file is changed, again in each round."""
        chosen = trees.files_of(self.ours.tree)[::CHANGED]
        copies = self.scratch / "changed"
        floor = Floor(self.scratch, copies, self.options.floor)
        self.ours.snapshot()  # what was restored is new to it, and read
        for number in range(self.options.repeat):
            self._time("unchanged", self.ours, self.ours.snapshot)
            trees.change(chosen, number)
            set_aside(copies)
            copies.mkdir(parents=True)
            for count, path in enumerate(chosen):
                (copies / str(count)).write_bytes(path.read_bytes())
            self._time("changed", self.ours, self.ours.snapshot)
            floor.fresh()
            self._time("changed", floor, floor.snapshot)

    def _restores(self):
        wanted = len(trees.files_of(self.ours.tree))
        for who in (self.ours, *self.peers):
            if not who.restores:
                continue
            if who is self.ours:
                self._time("restore", who, who.restore)
                self._require_whole(who, self.ours.tree, wanted)
                continue
            with empty_directory(self.scratch / "restored") as target:
                self._time("restore", who, lambda who=who, target=target: who.restore(target))
                self._require_whole(who, target, wanted)

    def _require_whole(self, who, target, wanted):
        found = len(trees.files_of(target))
        if found != wanted:
            raise FleetError(f"{who.name} restored {found} files of {self.name} instead of {wanted}")

    # -- comparing

    def _named(self, work):
        return {"first": "first snapshot", "unchanged": "unchanged again", "changed": "1 % changed",
                "restore": "full restore"}[work] + f", {self.name}"

    def _median(self, work, who):
        return median(self.seconds[work, who])

    def _compare(self, work, musts):
        if not self.options.wants(work):
            return
        for peer in self.peers:
            if (work, peer.name) in self.seconds and (work, self.ours.name) in self.seconds:
                self.rows.append(row(self._named(work), peer.name, self._median(work, self.ours.name),
                                     self._median(work, peer.name), "s", musts.get(peer.name)))

    def _compare_changed(self):
        """Against one and a half times an unchanged snapshot and the floor of the changed files alone."""
        if self.options.wants("changed"):
            theirs = 1.5 * self._median("unchanged", self.ours.name) + self._median("changed", "floor")
            self.rows.append(row(self._named("changed"), "1.5x + floor", self._median("changed", self.ours.name), theirs, "s", 1))

    def _memory(self):
        for work, peak in self.peaks.items():
            self.rows.append(row(f"{self._named(work)}", "peak", peak, MEMORY["peak"], "MB", 1))
        idle = self.ours.held_when_idle((MEMORY["idle anonymous"], MEMORY["idle resident"]))
        for what, held in zip(("idle anonymous", "idle resident"), idle):
            self.rows.append(row(f"memory afterwards, {self.name}", what.removeprefix("idle "), held, MEMORY[what], "MB", 1))
