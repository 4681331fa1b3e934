# SPDX-License-Identifier: Apache-2.0
"""What ten successive releases of a program take on the disk, ours beside the peers' stores.

Each release is deployed over the one before, as files that changed, and then snapshotted by everybody; at the end the
stores are weighed as they are, the agent running. Every peer has its own defaults, and borg also zstd, which
makes its store smaller than its default.
"""
from pathlib import Path

from hosts.disk import remove_tree
from hosts.process import run

from .series import releases
from .table import row
from .tools import Borg, Casync, Ostree, Restic, allocated, sync_file_system
from .works import MEMORY

MUST = {"restic": 1, "borg": 1, "borg zstd": 1, "casync": 1}
WORK = "store, 10 releases"


class BorgZstd(Borg):
    name = "borg zstd"
    options = ("--compression=zstd,3",)


class SizeBench:
    def __init__(self, ours, options, scratch):
        self.ours, self.scratch, self.rows, self.cpu = ours, Path(scratch), [], {}
        self.series = releases()
        ours.manage(self.series[0])
        self.peers = [kind(self.scratch, ours.tree) for kind in (Restic, Borg, BorgZstd, Casync, Ostree)
                      if not options.peers or kind.name in options.peers]
        self.title = f"10 releases of {allocated(self.series[-1]) >> 20} MB"

    def run(self):
        for peer in self.peers:
            peer.fresh()
        self.ours.forget_peak()
        for release in self.series:
            run("rsync", "-a", "--delete", f"{release}/", f"{self.ours.tree}/")
            sync_file_system(self.ours.tree)
            for who in (self.ours, *self.peers):
                took = who.snapshot()
                self.cpu.setdefault((WORK, who.name), []).append(took.cpu)
        self._weigh()
        remove_tree(self.scratch)

    def _weigh(self):
        ours, peak = self.ours.size() / (1 << 20), self.ours.peak()
        for peer in self.peers:
            self.rows.append(row(WORK, peer.name, ours, peer.size() / (1 << 20), "MB", MUST.get(peer.name)))
        self.rows.append(row(WORK, "peak", peak, MEMORY["peak"], "MB", 1))
