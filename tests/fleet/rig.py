# SPDX-License-Identifier: Apache-2.0
"""What suites on real hosts share: a fleet with running daemons, the shop on it, and exact comparisons.

  rig = Rig("mine", web=3)                 boots coord, web1..web3 from the packages; nothing is configured
  rig.deploy(["neighbours", "v2.4.1"])     on all web hosts, side by side
  rig.start_coordinator(); rig.enrol()     agents run, are accepted and connected
  rig.ctl("web1", "rollback", "--to", "v2.4.1", "-y")   -> Answer(code, items, words)
  before = rig.hash_host("web1"); ...; differences(before, rig.hash_host("web1"))
The packages come from build/packages or $ROLLBACK_PACKAGES. Every wait polls a condition and has a deadline.
"""
import atexit
import concurrent.futures
import hashlib
import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "shop")]
import install  # noqa: E402
from hosts import Fleet  # noqa: E402
from hosts.process import poll_until  # noqa: E402

PACKAGES = Path(os.environ.get("ROLLBACK_PACKAGES", HERE.parents[1] / "build/packages"))
KEY = "/var/lib/rollback-coordinator/coordinator.pub"
# A gate that fails within seconds, so that suites which need a red one stay short.
QUICK_GATE = "gate: { successes: 2, interval: 100ms, window: 3s, soak: 300ms }"
# What changes on a host by itself, and what the agent keeps there. /usr is an overlay: see hash_host.
VOLATILE = tuple("/" + name for name in (
    "proc sys dev run tmp var/log var/tmp var/cache var/lib/rollback-agent var/lib/nginx var/lib/systemd "
    "var/lib/private usr etc/machine-id etc/.updated var/.updated etc/rollback").split())


@dataclass
class Answer:
    """What a rollbackctl said: exit code, JSON items of stdout, words of stderr."""
    code: int
    items: list
    words: str

    def of(self, kind):
        return [item for item in self.items if item["schema"] == f"rollbackctl/v1/{kind}"]

    def one(self, kind):
        found = self.of(kind)
        if len(found) != 1:
            raise AssertionError(f"expected one {kind}, got {len(found)}: {self}")
        return found[0]

    def text(self):
        return json.dumps(self.items) + self.words


def on_all(action, hosts):
    """action(host) for all hosts side by side -> {host: result}."""
    hosts = list(hosts)
    with concurrent.futures.ThreadPoolExecutor(max(1, len(hosts))) as pool:
        return dict(zip(hosts, pool.map(action, hosts)))


def wait_for(what, condition, seconds=30, interval=0.1):
    """The first true value of condition(); after the deadline the test fails and names what was missing."""
    value = poll_until(condition, seconds, interval)
    if not value:
        raise AssertionError(f"waited {seconds} s in vain for {what}")
    return value


def differences(before, after):
    """Lines that say how two hashed hosts differ; empty when they are equal."""
    lines = [f"gone: {path}" for path in sorted(before.keys() - after.keys())]
    lines += [f"added: {path}" for path in sorted(after.keys() - before.keys())]
    return lines + [f"changed: {path}: {before[path]} -> {after[path]}"
                    for path in sorted(before.keys() & after.keys()) if before[path] != after[path]]


def entries_of(folder):
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def without_stage(hashed):
    """A hashed host without what a prepared run has staged beside its targets."""
    return {path: facts for path, facts in hashed.items() if "/.rollback" not in path}


class Rig:
    def __init__(self, name, web=3, coordinator=True, packages=PACKAGES, disk=0, engine=False):
        self.fleet = Fleet(f"{name}{os.getpid() % 100000}")
        self.webs = [f"web{i}" for i in range(1, web + 1)]
        self.digests = {}  # (device, inode, size, mtime, ctime) -> digest, so that a second hash is quick
        install.build()
        atexit.register(self.down)  # Ctrl-C skips the clean-ups of unittest
        self.fleet.up(web, debs=packages, coordinator=coordinator, disk=disk, engine=engine)

    def down(self):
        atexit.unregister(self.down)
        self.fleet.down()

    # -- the shop

    def deploy(self, releases, hosts=None):
        on_all(lambda host: install.deploy(self.fleet, host, releases), hosts or self.webs)

    def reset(self, release, hosts=None):
        """The release on hosts whose shop is in any state, and nothing of another release beside it."""
        on_all(lambda host: install.uninstall(self.fleet.root(host)), hosts or self.webs)
        self.deploy(["neighbours", release], hosts)

    def page(self, host, path="/healthz"):
        """(status, body) as nginx of the host answers."""
        done = self.fleet.run(host, "curl", "-s", "-m", "3", "-w", "\n%{http_code}",
                              f"http://127.0.0.1{path}", check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body.strip()

    # -- daemons

    def write(self, host, path, text, mode=0o644):
        target = self.fleet.root(host) / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def read(self, host, path):
        return (self.fleet.root(host) / path.lstrip("/")).read_text(encoding="utf-8")

    def start_coordinator(self):
        self.write("coord", "/etc/rollback/coordinator.yaml", (HERE / "shop/coordinator.yaml").read_text())
        self.fleet.run("coord", "systemctl", "start", "rollback-coordinator.service")

    def configure_agent(self, host, gate=QUICK_GATE, extra="", key=None):
        """Writes the shop's agent.yaml with another gate; `key` is the coordinator's public key."""
        text = re.sub(r"^gate:.*$", gate, (HERE / "shop/agent.yaml").read_text(), flags=re.M) + extra
        if key is None and "coord" not in self.fleet.hosts():
            text = re.sub(r"^coordinators:.*\n", "", text, flags=re.M)
        else:
            self.write(host, "/etc/rollback/coordinator.pub", key or self.read("coord", KEY))
        self.write(host, "/etc/rollback/agent.yaml", text)

    def start_agent(self, host, **configuration):
        self.configure_agent(host, **configuration)
        self.fleet.run(host, "systemctl", "restart", "rollback-agent.service")

    def enrol(self, hosts=None, **configuration):
        """Starts the agents, accepts each by the fingerprint that its host shows, waits for the links."""
        hosts = list(hosts or self.webs)
        on_all(lambda host: self.start_agent(host, **configuration), hosts)
        for host in hosts:
            self.accept(host)
        for host in hosts:
            wait_for(f"{host} to be online", lambda host=host: self.is_online(host))

    def accept(self, host):
        fingerprint = wait_for(f"the fingerprint of {host}", lambda: self.fingerprint(host))
        return wait_for(f"{host} to be accepted", lambda: self.ctl(
            "coord", "fleet", "hosts", "accept", fingerprint).code == 0)

    def link(self, host):
        status = self.ctl(host, "status").of("status")
        return status[0]["link"] if status else ""

    def fingerprint(self, host):
        found = re.search(r"waiting to be accepted: ([0-9a-f:]+)", self.link(host))
        return found and found[1]

    def fleet_hosts(self):
        """{name: item} of `fleet hosts list`; hosts of one name come as name, name#2, ..."""
        found = {}
        for item in self.ctl("coord", "fleet", "hosts", "list").of("host"):
            name, number = item["name"], 2
            while name in found:
                name, number = f"{item['name']}#{number}", number + 1
            found[name] = item
        return found

    def is_online(self, host):
        item = self.fleet_hosts().get(host)
        return bool(item) and item["online"] and self.link(host).startswith("connected")

    def wait_health(self, verdicts, hosts=None):
        """Until the coordinator has heard one of the verdicts of every host, e.g. {"healthy"}."""
        def heard():
            known = self.fleet_hosts()
            return all(known.get(host, {}).get("health", {}).get("verdict") in verdicts for host in hosts or self.webs)
        wait_for(f"health {verdicts} of {' '.join(hosts or self.webs)}", heard)

    # -- rollbackctl

    def ctl(self, host, *words, user=None):
        """Runs `rollbackctl -o jsonl WORDS` on the host; with `user`, as that user."""
        prefix = ["runuser", "-u", user, "--"] if user else []
        done = self.fleet.run(host, *prefix, "rollbackctl", "-o", "jsonl", *words, check=False)
        items = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return Answer(done.returncode, items, done.stderr)

    def follow(self, host, *words):
        """Starts `rollbackctl -o jsonl WORDS`; iterate over items(follower) and wait for its end."""
        command = self.fleet.machine(host).enter_command(["rollbackctl", "-o", "jsonl", *words])
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def on_terminal(self, host, typed, *words, seconds=60):
        """Runs rollbackctl on a terminal of 80 columns, types one line when asked -> (exit code, all that was shown)."""
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        command = self.fleet.machine(host).enter_command(["env", "TERM=xterm", "rollbackctl", *words])
        with os.fdopen(master, "r+b", buffering=0) as terminal, subprocess.Popen(
                command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as asked:
            os.close(slave)
            try:
                shown = self._shown(terminal, typed, time.monotonic() + seconds)
            except BaseException:
                asked.kill()
                raise
        return asked.returncode, shown

    @staticmethod
    def _shown(terminal, typed, deadline):
        shown, answered = b"", False
        while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                shown += terminal.read(65536)
            except OSError:  # EIO: nobody holds the other side any more
                return shown.decode()
            if b"[y/N] " in shown and not answered:
                answered = True
                terminal.write(f"{typed}\n".encode())
        raise AssertionError(f"rollbackctl did not end on its terminal: {shown}")

    def squat(self, host, port=8080):
        """Takes a port of the host until free() is called; whoever connects is hung up on."""
        script = (f"use IO::Socket::INET; $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1:{port}', "
                  "Listen => 9, ReuseAddr => 1) "
                  "or die $!; while ($c = $s->accept) { close $c }")
        self.fleet.run(host, "systemd-run", "--quiet", "--collect", f"--unit=squatter-{port}", "perl", "-e", script)
        wait_for(f"port {port} of {host} to be taken", lambda: f":{port} " in self.fleet.run(
            host, "ss", "-ltnH", f"sport = :{port}").stdout)

    def free(self, host, port=8080):
        self.fleet.run(host, "systemctl", "stop", f"squatter-{port}", check=False)

    # -- what a host is

    def hash_host(self, host):
        """path -> type, mode, owner, xattrs, link target, digest of the content, of the whole host.

        /usr is an overlay over the image: the same is said of what differs from the image there.
        """
        root, found = self.fleet.root(host), {}
        self._hash_tree(root, "", found)
        self._hash_tree(root.parent / "upper", "/usr", found)
        self._hash_tree(root / "usr/local", "/usr/local", found)
        return found

    def _hash_tree(self, top, name, found):
        pending = [(str(top), name)]
        while pending:
            folder, shown = pending.pop()
            for entry in entries_of(folder):
                path = f"{shown}/{entry.name}"
                try:
                    if path in VOLATILE:
                        continue
                    found[path] = self._facts(entry)
                except FileNotFoundError:  # the host is alive
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, path))

    def _facts(self, entry):
        info = entry.stat(follow_symlinks=False)
        xattrs = sorted((name, os.getxattr(entry.path, name, follow_symlinks=False).hex())
                        for name in os.listxattr(entry.path, follow_symlinks=False)
                        if not name.startswith("trusted.overlay."))
        content = ""
        if stat.S_ISREG(info.st_mode):
            content = self._digest(entry.path, info)
        elif stat.S_ISLNK(info.st_mode):
            content = os.readlink(entry.path)
        elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            content = str(info.st_rdev)
        return (oct(info.st_mode), info.st_uid, info.st_gid, tuple(xattrs), content)

    def _digest(self, path, info):
        key = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        if key not in self.digests:
            with open(path, "rb") as file:
                self.digests[key] = hashlib.sha256(file.read()).hexdigest()
        return self.digests[key]

    def units(self, host):
        """unit -> its properties, for every unit that systemd of the host has loaded."""
        wanted = ("Id", "InvocationID", "MainPID", "ActiveState", "UnitFileState")
        shown = self.fleet.run(host, "systemctl", "show", "*", "--all", "-p", ",".join(wanted)).stdout
        blocks = (dict(line.partition("=")[::2] for line in block.splitlines())
                  for block in shown.split("\n\n"))
        return {block["Id"]: block for block in blocks if block.get("Id")}

    def main_pid(self, host, unit):
        return int(self.fleet.run(host, "systemctl", "show", "-P", "MainPID", unit).stdout)

    def kill_main(self, host, unit):
        """SIGKILL of the unit's main process; returns its pid (inside the host)."""
        pid = self.main_pid(host, unit)
        self.fleet.run(host, "kill", "-KILL", str(pid))
        return pid


def restarted(before, after):
    """Units of two units() whose invocation changed: started, restarted, stopped."""
    return {name for name in before.keys() & after.keys()
            if before[name]["InvocationID"] != after[name]["InvocationID"]}


class Stopwatch:
    """with Stopwatch() as watch: ...; watch.seconds"""

    def __enter__(self):
        self.begin = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.begin
