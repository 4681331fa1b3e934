#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Deploys releases of the shop the way a careless deploy script does: file by file, over the live ones.

  install.py v2.4.1 --root DIR                files only, below DIR
  install.py v2.5.0 --fleet demo web1 web2    files, then daemon-reload, restart, nginx reload
  install.py neighbours v2.4.1 ...            several releases, one after the other
The shop's binaries are built into build/shop when they are not up to date.

A release is releases/NAME/root (files, 0644 root root unless told otherwise) and a manifest:
  f PATH MODE OWNER GROUP   file        d PATH MODE OWNER GROUP   directory, made when missing
  b PATH MODE OWNER GROUP   the binary  l PATH TARGET             symbolic link
  a PATH ENTRY              ACL entry   x PATH NAME VALUE         extended attribute
  r PATH                    removed, with everything below
"""
import argparse
import fcntl
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from hosts import Fleet, FleetError  # noqa: E402
from hosts.process import run  # noqa: E402

NAMES = sorted(p.name for p in (HERE / "releases").iterdir())
BUILD = HERE.parents[2] / "build/shop"


class Target:
    """The root directory of a host; owners are looked up in its own passwd and group files."""

    def __init__(self, root):
        self.root = Path(root)
        self.users = self._ids("passwd")
        self.groups = self._ids("group")

    def _ids(self, table):
        path = self.root / "etc" / table
        if not path.is_file():
            raise FleetError(f"{path} does not exist: {self.root} is not the root directory of a host")
        rows = [line.split(":") for line in path.read_text(encoding="utf-8").splitlines()]
        return {row[0]: int(row[2]) for row in rows}

    def path(self, absolute):
        return self.root / absolute.lstrip("/")

    def put(self, source, path, mode="0644", owner="root", group="root"):
        """A new inode renamed over the old one: a running binary cannot be written to."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        shutil.copyfile(source, fresh)
        self.own(fresh, mode, owner, group)
        fresh.rename(path)

    def own(self, path, mode, owner, group):
        os.chown(path, self.users[owner], self.groups[group])
        path.chmod(int(mode, 8))


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link(path, goal):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(goal)


def acl(target, path, entry):
    kind, name, rights = entry.split(":")
    ids = target.users if kind == "user" else target.groups
    run("setfacl", "-m", f"{kind}:{ids[name]}:{rights}", "--", path)


def apply_line(target, binary, line):
    letter, path, *rest = line.split()
    live = target.path(path)
    if letter == "f":
        target.own(live, *rest)
    elif letter == "d":
        live.mkdir(parents=True, exist_ok=True)
        target.own(live, *rest)
    elif letter == "b":
        target.put(binary, live, *rest)
    elif letter == "l":
        link(live, rest[0])
    elif letter == "a":
        acl(target, live, rest[0])
    elif letter == "x":
        os.setxattr(live, rest[0], rest[1].encode())
    elif letter == "r":
        remove(live)
    else:
        raise FleetError(f"manifest line {line!r}: {letter!r} is none of f d b l a x r")


def build(folder=BUILD):
    """Both binaries of the shop; a no-op of a tenth of a second when nothing changed.

    The linker writes in place: who builds at the same time waits, so that nobody installs half of a binary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run("cmake", "-S", HERE, "-B", folder, "-G", "Ninja")
        run("ninja", "-C", folder)


def install(release, root):
    """Puts the files of one release below `root`; nothing is restarted."""
    folder, target, binary = HERE / "releases" / release, Target(root), BUILD / release / "shop"
    lines = [line for line in (folder / "manifest").read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    for source in sorted(p for p in (folder / "root").rglob("*") if p.is_file()):
        target.put(source, target.path(str(source.relative_to(folder / "root"))))
    for line in lines:
        apply_line(target, binary, line)


def uninstall(root):
    """Takes away what any release of the shop put there, so that the next install starts clean."""
    target = Target(root)
    for release in NAMES:
        tree = HERE / "releases" / release / "root"
        for source in tree.rglob("*") if release != "neighbours" else ():
            if source.is_file():
                remove(target.path(str(source.relative_to(tree))))
    for path in ("/etc/shop", "/etc/systemd/system/shop.service.d"):
        remove(target.path(path))


def activate(fleet, host, releases):
    """What the deploy script runs at the end; it does not look whether the shop answers."""
    fleet.run(host, "systemctl", "daemon-reload")
    if "neighbours" in releases:
        fleet.run(host, "systemctl", "restart", "other.service")
    if any(release != "neighbours" for release in releases):
        fleet.run(host, "systemctl", "restart", "shop.service")
        fleet.run(host, "nginx", "-t", "-q")
        fleet.run(host, "systemctl", "reload", "nginx.service")


def deploy(fleet, host, releases):
    """Installs and activates releases on a booted host of a Fleet; build() comes first."""
    for release in releases:
        install(release, fleet.root(host))
    activate(fleet, host, releases)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="\n".join(__doc__.split("\n")[1:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="RELEASE|HOST", help=f"releases: {' '.join(NAMES)}")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--root", metavar="DIR")
    where.add_argument("--fleet", metavar="NAME")
    options = parser.parse_intermixed_args()
    options.releases = [word for word in options.words if word in NAMES]
    options.hosts = [word for word in options.words if word not in NAMES]
    if not options.releases:
        parser.error(f"no release given; there are {' '.join(NAMES)}")
    if bool(options.fleet) != bool(options.hosts):
        parser.error("name hosts together with --fleet, and only then")
    return options


def main():
    options = parse()
    try:
        build()
        if options.root:
            for release in options.releases:
                install(release, options.root)
        else:
            fleet = Fleet(options.fleet)
            for host in options.hosts:
                fleet.machine(host)
                deploy(fleet, host, options.releases)
    except FleetError as error:
        print(f"install.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
