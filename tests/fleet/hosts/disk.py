# SPDX-License-Identifier: Apache-2.0
"""Directory trees that may hold mounts: removing them never reaches another file system."""
import os
import shutil
import tempfile
from pathlib import Path

from .errors import FleetError
from .process import run


def mounts_below(path):
    """Mount points at or below `path`, deepest first."""
    root = os.path.realpath(path)
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        points = [line.split()[4].encode().decode("unicode_escape") for line in table]
    return sorted((p for p in points if p == root or p.startswith(root + "/")), key=len, reverse=True)


def unmount_below(path):
    for point in mounts_below(path):
        if run("umount", point, check=False).returncode != 0:
            run("umount", "--lazy", point)


def remove_tree(path):
    if not os.path.lexists(path):
        return
    unmount_below(path)
    run("rm", "-rf", "--one-file-system", "--", path)


def copy_without_usr(image, root):
    """Copies everything but /usr, with owners, xattrs, ACLs and hard links."""
    copied = [entry for entry in image.iterdir() if entry.name != "usr"]
    run("cp", "-a", "--reflink=auto", "--", *copied, root)


def layer_tree(image, root):
    """A copy to install packages in. /usr is hard links: dpkg replaces files there, it never writes into one."""
    root.mkdir()
    copy_without_usr(image, root)
    run("cp", "-al", "--", image / "usr", root / "usr")


def plain_root(image, folder):
    """folder/root as a real host has it: a plain copy on the machine's own file system.

    Only /usr is an overlay (it is never managed and is nine tenths of the bytes), with a plain
    /usr/local bound over it.
    """
    root = folder / "root"
    for part in (root / "usr", folder / "local"):
        part.mkdir(parents=True)
    copy_without_usr(image, root)
    run("cp", "-aT", "--", image / "usr/local", folder / "local")
    mount_overlay(image / "usr", folder, root / "usr")
    run("mount", "--bind", folder / "local", root / "usr/local")


def overlay_root(image, folder):
    """folder/root as an overlay: a directory that comes from the image cannot be renamed (EXDEV)."""
    (folder / "root").mkdir(parents=True)
    mount_overlay(image, folder, folder / "root")


def mount_overlay(lower, folder, target):
    for part in ("upper", "work"):
        (folder / part).mkdir()
    options = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work"
    run("mount", "-t", "overlay", "rollbackctl-fleet", "-o", options, target)


def mount_disk(folder, size):
    """An ext4 of its own over `folder`, for hosts whose disk is to be full. The image is gone with the mount."""
    with tempfile.TemporaryDirectory(prefix="disk-", dir=folder.parent) as beside:
        image = Path(beside) / "image"
        run("truncate", "-s", size, "--", image)
        run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", image)
        run("mount", "-o", "loop,noinit_itable", image, folder)


def require_space(path, needed, what):
    free = shutil.disk_usage(path).free
    if free < needed:
        raise FleetError(f"{what} needs {needed >> 20} MiB in {path} and {free >> 20} MiB are free: "
                         "free some space or point ROLLBACK_FLEET_CACHE to a larger disk")


def write_file(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, mode)
