# SPDX-License-Identifier: Apache-2.0
"""One web host whose agent works alone, for tests of what a host does by itself."""
import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [path for path in (str(HERE), str(HERE / "shop")) if path not in sys.path]
import install  # noqa: E402
from hosts import Fleet  # noqa: E402
from hosts.process import poll_until  # noqa: E402

DEBS = Path(os.environ.get("ROLLBACK_DEBS", HERE.parents[1] / "build/packages"))
HOST = "web1"
RESOURCES = """resources:
  - { kind: nginx }
  - { kind: systemd, units: [shop.service] }
  - { kind: binary, name: shop, paths: [/opt/shop/bin/shop], restart: [shop.service] }
  - { kind: files, name: shop-etc, paths: [/etc/shop], secret: ["/etc/shop/keys/*.key"], restart_on: [shop.service] }
  - { kind: compose, project_dir: /srv/queue }
"""
HEALTH = """health:
  - { http: "http://127.0.0.1/healthz", expect: 200 }
  - { unit: shop.service }
"""
CONFIG = ("coordinators: []\n" + RESOURCES + HEALTH +
          "gate: { successes: 2, interval: 50ms, window: 5s, soak: 0s }\n")
MANAGED = ("etc/nginx", "etc/shop", "etc/systemd/system/shop.service", "etc/systemd/system/shop.service.d",
           "opt/shop/bin", "srv/queue")
# What changes on a host by itself, and what the agent keeps of its own.
VOLATILE = {"proc", "sys", "dev", "run", "tmp", "var/tmp", "var/log", "var/cache", "var/lib/systemd",
            "var/lib/rollback-agent", "usr", "etc/.rollback", "opt/.rollback", "srv/.rollback"}


def describe(path):
    """Everything about one entry that a rollback decides; directories without size."""
    seen = os.lstat(path)
    words = [stat.S_IFMT(seen.st_mode), stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid]
    if stat.S_ISLNK(seen.st_mode):
        words.append(os.readlink(path))
    elif stat.S_ISREG(seen.st_mode):
        words.append(hashlib.sha256(Path(path).read_bytes()).hexdigest())
    words += [(name, os.getxattr(path, name, follow_symlinks=False))
              for name in sorted(os.listxattr(path, follow_symlinks=False))]
    return tuple(words)


class OneHost:
    """Deploys, asks the agent, and reads the host's files from outside, so that the agent cannot lie about them."""

    def __init__(self, word, config=CONFIG):
        self.fleet = Fleet(f"{word}{os.getpid() % 100000}")
        self.config = config

    def up(self):
        self.fleet.up(1, debs=DEBS)
        install.build()
        self.deploy("neighbours", "v2.4.1")
        self.start_agent()

    def run(self, *argv, **options):
        return self.fleet.run(HOST, *argv, **options)

    def systemctl(self, *words):
        return self.run("systemctl", *words).stdout.strip()

    def show(self, unit, *properties):
        """Properties of a unit as {name: text}."""
        listing = self.systemctl("show", unit, *[f"--property={name}" for name in properties])
        return dict(line.split("=", 1) for line in listing.splitlines())

    @property
    def root(self):
        """The host's root as its processes see it, with mounts that were made inside."""
        return Path(f"/proc/{self.fleet.pid(HOST)}/root")

    def path(self, absolute):
        return self.root / absolute.lstrip("/")

    # -- releases

    def deploy(self, *releases):
        for release in releases:
            install.install(release, self.root)
        install.activate(self.fleet, HOST, releases)

    def reset(self):
        """v2.4.1 as freshly deployed, whatever a test left."""
        install.uninstall(self.root)
        self.deploy("v2.4.1")
        self.await_page("shop v2.4.1\n")

    def page(self):
        return self.run("curl", "-s", "-m", "3", "http://127.0.0.1/healthz", check=False).stdout

    def await_page(self, text):
        if not poll_until(lambda: self.page() == text, 10):
            raise AssertionError(f"the host answers {self.page()!r} and not {text!r}")

    # -- the agent

    def write_config(self, text):
        path = self.path("/etc/rollback/agent.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def start_agent(self, config=None):
        self.write_config(config or self.config)
        self.run("systemctl", "restart", "rollback-agent.service")

    def ctl(self, *words, **options):
        """(exit code, stdout, stderr) of rollbackctl on the host."""
        done = self.run("rollbackctl", *words, check=False, **options)
        return done

    def items(self, *words):
        """The answer's items as rollbackctl prints them for programs."""
        done = self.ctl("-o", "json", *words)
        return json.loads(done.stdout)["items"] if done.stdout.strip() else []

    def snapshot(self, release, *words):
        done = self.ctl("snapshot", release, *words)
        if done.returncode != 0:
            raise AssertionError(f"snapshot {release}: {done.returncode} {done.stderr}")

    def agent_pid(self):
        """The agent's pid on this machine, not in the host's own numbering; 0 when there is none."""
        group = self.systemctl("show", "-P", "MainPID", "rollback-agent.service")
        for pid in self.fleet.machine(HOST).processes() if group != "0" else ():
            return pid
        return 0

    # -- what is there

    def content(self, *places):
        """{path: description} of everything below `places` (managed paths when not given)."""
        found = {}
        for place in places or MANAGED:
            top = self.root / place
            if not os.path.lexists(top):
                continue
            found[place] = describe(top)
            for folder, names, files in os.walk(top):
                inside = os.path.relpath(folder, self.root)
                names[:] = [name for name in names if f"{inside}/{name}" not in VOLATILE]
                for name in names + files:
                    found[f"{inside}/{name}"] = describe(os.path.join(folder, name))
        return found

    def whole(self):
        """The same of the whole host but what changes by itself, with the InvocationID of every unit."""
        tops = [name for name in os.listdir(self.root) if name not in VOLATILE]
        found = self.content(*tops, "usr/local")
        found.update(self.invocations())
        return found

    def invocations(self):
        """{unit: InvocationID} of every loaded service; transient validators are gone by then."""
        listing = self.systemctl("show", "*.service", "--property=Id,InvocationID")
        pairs = (dict(line.split("=", 1) for line in block.splitlines()) for block in listing.split("\n\n"))
        return {f"unit {pair['Id']}": pair["InvocationID"] for pair in pairs
                if not pair["Id"].startswith(("rollback-", "systemd-", "user", "run-"))}

    def stages(self):
        """What runs left of their own."""
        homes = [self.root / top / ".rollback" for top in ("", "etc", "opt", "srv", "usr/local")]
        found = [str(path) for home in homes if home.exists() for path in home.rglob("*")]
        previews = self.root / "var/lib/rollback-agent/preview"
        return found + ([str(path) for path in previews.iterdir()] if previews.exists() else [])


def differences(before, after):
    """Paths that are not what they were, for a message that a person can use."""
    return {path: (before.get(path), after.get(path)) for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)}
