# SPDX-License-Identifier: Apache-2.0
"""Base image (mmdebstrap) and package layers, cached by the hash of what goes into them.

  CACHE/base-KEY          Debian with nginx, nothing of ours
  CACHE/layer-ROLE-KEY    base plus our packages for that role, installed by dpkg
A directory under its final name is complete: it is built beside and renamed.
"""
import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .disk import layer_tree, mounts_below, remove_tree, require_space, write_file
from .errors import FleetError
from .process import run

PACKAGES = """systemd systemd-sysv dbus nginx-light iproute2 procps curl ca-certificates acl attr
libzmq5 libcapnp-0.9.2 librocksdb7.8 libsodium23 libyaml-cpp0.7 libcurl4 libfmt9 libspdlog1.10
libssl3 libzstd1 libsystemd0""".split()
# Of hosts that run containers; the images for them are made of busybox.
ENGINE = "docker.io docker-compose iptables busybox-static".split()
# Timers and logins that would change files or cost seconds on a test host.
MASKED = """apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
e2scrub_reap.service fstrim.timer logrotate.timer console-getty.service getty@tty1.service
systemd-networkd-wait-online.service""".split()
RECIPE = "1"  # raise when build_base changes what it makes
BASE_BYTES = 700 << 20  # mmdebstrap's peak
ENGINE_BYTES = 500 << 20  # more of it
KEPT_LAYERS = 6
KEPT_BASES = 3
CHROOT_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                      "LC_ALL": "C.UTF-8"}


def talk(text):
    print(text, file=sys.stderr, flush=True)


def cache_dir():
    path = Path(os.environ.get("ROLLBACK_FLEET_CACHE", "/var/cache/rollbackctl-fleet"))
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path


def codename():
    with open("/etc/os-release", encoding="utf-8") as release:
        found = re.search(r"^VERSION_CODENAME=(\S+)", release.read(), re.M)
    if not found:
        raise FleetError("/etc/os-release has no VERSION_CODENAME: the test hosts need a Debian machine")
    return found.group(1)


def debian_sources(suite, apt=Path("/etc/apt")):
    """The machine's own entries for `suite` component main: {file name: text}. Others are left out."""
    sources = {}
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if path.suffix == ".sources":
            parts = [p.strip() for p in re.split(r"\n\s*\n", text)]
            parts = [p for p in parts if re.search(rf"^Suites:.*\b{suite}", p, re.M)
                     and re.search(r"^Components:.*\bmain\b", p, re.M) and not re.search(r"^Enabled:\s*no", p, re.M)]
            text = "\n\n".join(parts)
        elif path.suffix == ".list":
            text = "\n".join(re.findall(rf"^deb\s.*\b{suite}\S*\s.*\bmain\b.*$", text, re.M))
        else:
            text = ""
        if text:
            sources[path.name] = text + "\n"
    if not sources:
        raise FleetError(f"no apt source for {suite} main under {apt}: add the Debian archive first")
    return sources


def proxy_options():
    """The machine's apt proxies, which mmdebstrap does not read by itself."""
    options = []
    for key in ("Acquire::http::Proxy", "Acquire::https::Proxy"):
        line = run("apt-config", "shell", "VALUE", key).stdout.strip()
        if line:
            options.append(f'--aptopt={key} "{line.partition("=")[2].strip(chr(39))}"')
    return options


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def cache_lock(cache):
    """Two fleets that come up together build an image once."""
    with open(cache / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def building(final):
    """A directory to build in; renamed to `final` on success, removed on any failure."""
    partial = final.with_name(f".partial-{final.name}")
    remove_tree(partial)
    try:
        yield partial
        partial.rename(final)
    except BaseException:
        remove_tree(partial)
        raise


def base_image(engine=False):
    """Path of the base image, with a container engine or without, built when the cache has none for this recipe."""
    cache, suite = cache_dir(), codename()
    sources = debian_sources(suite)
    packages = PACKAGES + (ENGINE if engine else [])
    final = cache / f"base-{digest(RECIPE, suite, *packages, *MASKED, *sources.values())}"
    with cache_lock(cache):
        if not final.is_dir():
            require_space(cache, BASE_BYTES + (ENGINE_BYTES if engine else 0), "the base image")
            started = time.monotonic()
            talk(f"building the base image of the test hosts ({suite}) ...")
            with building(final) as partial:
                build_base(partial, suite, sources, packages)
            talk(f"base image ready in {time.monotonic() - started:.1f} s: {final}")
        os.utime(final)
        prune(cache, "base-*", KEPT_BASES)
    return final


def build_base(target, suite, sources, packages):
    with tempfile.TemporaryDirectory(prefix="rollbackctl-fleet-") as folder:
        files = []
        for name, text in sources.items():
            write_file(os.path.join(folder, name), text)
            files.append(os.path.join(folder, name))
        os.chmod(folder, 0o755)
        # An own mount namespace: what mmdebstrap mounts goes away with it, however it ends.
        command = ["unshare", "--mount", "--propagation", "private", "--", "mmdebstrap",
                   "--variant=minbase", f"--include={','.join(packages)}", *proxy_options(),
                   "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/man/*",
                   suite, str(target), *files]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FleetError("mmdebstrap could not build the base image; is the Debian mirror of /etc/apt "
                         f"reachable? Its last words:\n{done.stderr.strip()[-1500:]}")
    for unit in MASKED:
        (target / "etc/systemd/system" / unit).symlink_to("/dev/null")
    write_file(target / "etc/resolv.conf", "")
    (target / "etc/machine-id").unlink(missing_ok=True)


def debs_for(role, folder):
    """Which of our packages a host gets: coord the coordinator, web hosts the agent, both the command."""
    unwanted = "rollback-agent_" if role == "coord" else "rollback-coordinator_"
    debs = sorted(p for p in Path(folder).glob("*.deb") if not p.name.startswith(unwanted))
    if not debs:
        raise FleetError(f"{folder} holds no .deb for a {role} host: build them with scripts/package.sh")
    return debs


def layer_image(base, role, folder):
    """Base plus the packages of `folder` for hosts of this role, installed with real dependencies."""
    cache, debs = cache_dir(), debs_for(role, folder)
    hashes = [hashlib.sha256(deb.read_bytes()).hexdigest() for deb in debs]
    final = cache / f"layer-{role}-{digest(base.name, *hashes)}"
    with cache_lock(cache):
        if not final.is_dir():
            require_space(cache, BASE_BYTES, "a package layer")
            with building(final) as partial:
                layer_tree(base, partial)
                install_debs(partial, debs)
        os.utime(final)
        prune(cache, "layer-*", KEPT_LAYERS)
    return final


def install_debs(root, debs):
    """dpkg -i in the image, in a mount namespace with /proc; a missing dependency is an error."""
    inbox = root / "var/tmp/debs"
    inbox.mkdir()
    for deb in debs:
        run("cp", "--", deb, inbox / deb.name)
    names = [f"/var/tmp/debs/{deb.name}" for deb in debs]
    done = run("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc",
               f"--root={root}", "dpkg", "-i", *names, check=False, env=CHROOT_ENVIRONMENT)
    if done.returncode != 0:
        raise FleetError("dpkg could not install the packages in a test host; a library that is missing "
                         f"belongs in PACKAGES of tests/fleet/hosts/image.py: {done.stderr.strip()[-1500:]}")
    remove_tree(inbox)


def prune(cache, pattern, count):
    """Keeps the images used last, and whatever is under a running host."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        mounted = table.read()
    images = sorted(cache.glob(pattern), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in images[count:]:
        if str(old) not in mounted and not mounts_below(old):
            remove_tree(old)
