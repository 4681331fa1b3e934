# SPDX-License-Identifier: Apache-2.0
"""Where a host's processes are counted: every host needs a group of its own.

systemd-nspawn runs with --keep-unit and takes the group it is started in. Hosts in one group would
see each other's services in one tree. With systemd as PID 1 the group is a delegated scope; without,
it is made here in the hierarchies that the host's systemd manages.
"""
import os
import uuid
from pathlib import Path

from .process import poll_until

ROOT = Path("/sys/fs/cgroup")
PARENT = "rollbackctl-fleet"


def machine_has_systemd():
    return os.path.isdir("/run/systemd/system")


def own_scope(name):
    """The prefix of a command that shall run in a scope of its own; empty without systemd."""
    if not machine_has_systemd():
        return []
    # A fresh name each time: a scope whose processes were killed may linger under its own.
    return ["systemd-run", "--scope", "--quiet", "--collect", "--slice=machine.slice", "--property=Delegate=yes",
            f"--unit={name}-{uuid.uuid4().hex[:8]}", "--"]


def trees():
    """The hierarchies a nested systemd manages: named v1, its v2 companion, or plain v2."""
    named = [ROOT / "systemd", ROOT / "unified"]
    found = [tree for tree in named if (tree / "cgroup.procs").exists()]
    return found or ([ROOT] if (ROOT / "cgroup.procs").exists() else [])


def groups(fleet, host):
    return [tree / PARENT / fleet / host for tree in trees()]


def make(fleet, host):
    for group in groups(fleet, host):
        group.mkdir(parents=True, exist_ok=True)


def enter(fleet, host):
    """Moves the calling process; called between fork and exec."""
    for group in groups(fleet, host):
        (group / "cgroup.procs").write_text("0")


def processes(fleet):
    """Pids in any group of this fleet."""
    found = set()
    for tree in trees():
        for listing in (tree / PARENT / fleet).rglob("cgroup.procs"):
            found.update(int(pid) for pid in listing.read_text().split() if pid != "0")
    return found


def remove(fleet, host=""):
    """Removes the emptied groups of a host, or of the whole fleet."""
    tops = [tree / PARENT / fleet / host for tree in trees()]
    # The kernel takes a moment to empty the group of a process that has just ended.
    poll_until(lambda: all([_removed_below(top) for top in tops]), 5, interval=0.01)
    for tree in trees():
        for parent in (tree / PARENT / fleet, tree / PARENT):
            _removed(parent)  # stays while another host or fleet uses it


def _removed_below(top):
    return all([_removed(folder) for folder, _, _ in os.walk(top, topdown=False)])


def _removed(group):
    try:
        os.rmdir(group)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True
