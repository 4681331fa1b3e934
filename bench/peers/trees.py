# SPDX-License-Identifier: Apache-2.0
"""The trees that are snapshotted: Debian packages with all they depend on, unpacked and not configured.

  usr    /usr of a small server: about 9,000 files, 230 MB
  large  more than 100,000 files and 2 GB: headers, scripts, libraries, symbols
They are kept beside the images of the test hosts. A tree under its final name is complete; it is copied before
anything is changed in it.
"""
import os
import stat
import subprocess
import tempfile
from pathlib import Path

from hosts.disk import require_space, write_file
from hosts.errors import FleetError
from hosts.image import PACKAGES, building, cache_dir, cache_lock, codename, debian_sources, digest, proxy_options, talk
from hosts.process import run

LARGE = """golang-1.19-src libboost1.74-dev llvm-15-dev libclang-14-dev python3-sympy python3-django python3-botocore
python3-scipy python3-pandas openjdk-17-jre-headless python3-azure linux-headers-amd64
ansible kicad-symbols""".split()
USR = PACKAGES + "python3 perl git openssh-server python3-setuptools python3-twisted".split()
PACKAGES_OF = {"usr": USR, "large": LARGE}
BYTES_OF = {"usr": 1 << 30, "large": 6 << 30}  # archives, what is unpacked, and the copy that is measured


def bench_cache(what):
    """Beside the images, with locks of its own: hosts boot while a tree is unpacked."""
    path = cache_dir() / "bench" / what
    path.mkdir(parents=True, exist_ok=True)
    return path


def tree(name):
    """Path of a tree, unpacked by mmdebstrap when the cache has none of this making."""
    cache, suite, packages = bench_cache(name), codename(), PACKAGES_OF[name]
    sources = debian_sources(suite)
    final = cache / f"tree-{digest(suite, *packages, *sources.values())}"
    with cache_lock(cache):
        if not final.is_dir():
            require_space(cache, BYTES_OF[name], f"the tree '{name}'")
            talk(f"unpacking the tree '{name}' (once) ...")
            with building(final) as partial:
                unpack(partial, suite, sources, packages)
    return final / "usr"


def unpack(target, suite, sources, packages):
    with tempfile.TemporaryDirectory(prefix="rollbackctl-bench-") as folder:
        os.chmod(folder, 0o755)
        files = []
        for name, text in sources.items():
            files.append(os.path.join(folder, name))
            write_file(files[-1], text)
        command = ["unshare", "--mount", "--propagation", "private", "--", "mmdebstrap", "--variant=extract",
                   f"--include={','.join(packages)}", *proxy_options(), suite, str(target), *files]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FleetError("mmdebstrap could not unpack a tree; is the Debian mirror of /etc/apt reachable? "
                         f"Its last words:\n{done.stderr.strip()[-1500:]}")


def copy_tree(source, target):
    """An equal tree of its own at `target`, all of it on the device: nothing of it is written back later."""
    run("cp", "-aT", "--reflink=auto", "--", source, target)
    run("sync", "-f", target)


def files_of(tree):
    """Regular files below `tree` in the order of their paths."""
    found = []
    for folder, folders, names in os.walk(tree):
        folders.sort()
        found += [path for name in sorted(names) if stat.S_ISREG((path := Path(folder, name)).lstat().st_mode)]
    return found


def measure(tree):
    """(files, bytes) of the regular files; reads each one, so that all of it is in the page cache afterwards."""
    files, size = files_of(tree), 0
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(1 << 20):
                size += len(piece)
    return len(files), size


def privileged(tree):
    """Files that a snapshot takes only when the configuration names them: setuid, setgid, with capabilities."""
    return [path for path in files_of(tree)
            if path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID) or "security.capability" in os.listxattr(path)]


def change(files, number):
    """Rewrites each file in place with a line more or less, another one with each `number`."""
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content + f"\n# edited in round {number}\n".encode())
