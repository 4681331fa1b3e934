# SPDX-License-Identifier: Apache-2.0
"""The peers, each with its own defaults, a store of its own and one tree. All work on the same file system.

Everything is durable when a time ends. restic and ostree sync their files themselves, borg its segments; casync and
rsync do not, and no restore does: these get a syncfs of the file system, which belongs to their time. What is
needed once per store (`restic init`) is not timed, because the agent's store is there as well.
"""
import contextlib
import ctypes
import json
import os
import time
from pathlib import Path

from hosts.errors import FleetError
from hosts.process import run

from .clock import Took, timed

LIBC = ctypes.CDLL(None, use_errno=True)


def sync_file_system(path):
    """syncfs(2): everything of the file system that holds `path` is on the device."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if LIBC.syncfs(handle) != 0:
            raise FleetError(f"syncfs of {path} failed: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(handle)


def set_aside(path):
    """Out of the way without being deleted: ext4 looks for new inodes far longer for minutes after many were freed."""
    path = Path(path)
    if path.exists():
        aside = path.parent / ".aside"
        aside.mkdir(exist_ok=True)
        path.rename(aside / str(time.monotonic_ns()))


def allocated(folder):
    """Bytes that everything below `folder` takes on the disk, as du counts them."""
    return int(run("du", "-s", "--block-size=1", "--", folder).stdout.split()[0])


class Peer:
    """fresh() makes an empty store; snapshot() may then be called any number of times, restore() after one."""
    name = ""
    restores = True

    def __init__(self, scratch, tree):
        self.home, self.tree, self.taken = Path(scratch) / self.name, Path(tree), 0
        self.store = self.home / "store"

    def fresh(self):
        set_aside(self.home)
        self.home.mkdir(parents=True)
        self.taken = 0
        self.init()

    def snapshot(self):
        self.taken += 1
        return self.take(f"release{self.taken}")

    def size(self):
        return allocated(self.store)

    def sync(self):
        sync_file_system(self.home)

    def init(self):
        pass

    def take(self, release):
        raise NotImplementedError

    def restore(self, target):
        """The newest snapshot into the empty directory `target`."""
        raise NotImplementedError


class Restic(Peer):
    name = "restic"

    def _env(self):
        return {"RESTIC_REPOSITORY": str(self.store), "RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(self.home / "cache"),
                "RESTIC_PROGRESS_FPS": "0.1"}

    def init(self):
        timed(["restic", "init"], env=self._env())

    def take(self, release):
        return timed(["restic", "backup", "-q", "--tag", release, "."], cwd=self.tree, env=self._env())

    def restore(self, target):
        return timed(["restic", "restore", "-q", "latest", "--target", target], then=self.sync, env=self._env())


class Borg(Peer):
    name = "borg"
    options = ()

    def _env(self):
        return {"BORG_REPO": str(self.store), "BORG_BASE_DIR": str(self.home),
                "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}

    def init(self):
        timed(["borg", "init", "--encryption=none"], env=self._env())

    def take(self, release):
        return timed(["borg", "create", *self.options, f"::{release}", "."], cwd=self.tree, env=self._env())

    def restore(self, target):
        return timed(["borg", "extract", "--numeric-ids", f"::release{self.taken}"], then=self.sync, cwd=target, env=self._env())


class Casync(Peer):
    name = "casync"

    def _index(self, release):
        return self.store / f"{release}.caidx"

    def init(self):
        self.store.mkdir()

    def take(self, release):
        return timed(["casync", "make", f"--store={self.store}/chunks", self._index(release), self.tree], then=self.sync)

    def restore(self, target):
        return timed(["casync", "extract", f"--store={self.store}/chunks", self._index(f"release{self.taken}"), target],
                     then=self.sync)


class Ostree(Peer):
    name = "ostree"

    def init(self):
        timed(["ostree", f"--repo={self.store}", "init", "--mode=bare"])

    def take(self, release):
        return timed(["ostree", f"--repo={self.store}", "commit", "--branch=tree", f"--subject={release}", self.tree])

    def restore(self, target):
        """Every file copied: by default it makes hard links into the repository, which is no second copy."""
        return timed(["ostree", f"--repo={self.store}", "checkout", "--union", "--force-copy", "tree", target], then=self.sync)


class Rsync(Peer):
    """A copy that is kept equal. It keeps one state only, so it is a peer of the unchanged snapshot alone."""
    name = "rsync"
    restores = False

    def init(self):
        self.store.mkdir()

    def take(self, release):
        return timed(["rsync", "-a", "--delete", f"{self.tree}/", f"{self.store}/"], then=self.sync)


class Floor(Peer):
    """bench/snapshot_floor.cpp. Its seconds are those of its loop, not of opening a database."""
    name = "floor"
    restores = False

    def __init__(self, scratch, tree, program):
        super().__init__(scratch, tree)
        self.program = program

    def take(self, release):
        set_aside(self.store)
        took = timed([self.program, self.tree, self.store])
        return Took(json.loads(took.said)["seconds"], took.cpu)


@contextlib.contextmanager
def empty_directory(path):
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        set_aside(path)
