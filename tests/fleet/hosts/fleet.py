# SPDX-License-Identifier: Apache-2.0
"""A fleet: named hosts web1..webN (and coord) that know each other by /etc/hosts.

  /run/rollbackctl-fleet/NAME      spec.json, one .nspawn record and console log per host
  CACHE/hosts/NAME/HOST/root       the host's root directory
Every name is derived from the fleet's name, so leftovers of a killed run are found without its
help. One verb at a time changes a fleet: all of them hold NAME.lock.
"""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

from . import cgroups
from .disk import mount_disk, mounts_below, overlay_root, plain_root, remove_tree, require_space, write_file
from .errors import FleetError, require_programs, require_root
from .image import base_image, cache_dir, layer_image, talk
from .machine import Machine
from .network import Network, address_of
from .process import Process, undisturbed

RUN = Path("/run/rollbackctl-fleet")
HOST_BYTES = 100 << 20
# The kernel's settings of a host's network cannot be written in it, so containers have none.
ENGINE = '{ "bridge": "none", "iptables": false, "ip-forward": false }\n'


class Fleet:
    def __init__(self, name="fleet"):
        if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
            raise FleetError(f"fleet name {name!r}: use up to 16 lower-case letters and digits")
        require_root()
        require_programs()
        self.name = name
        self.state = RUN / name
        self.roots = cache_dir() / "hosts" / name
        self.network = Network(name)
        self.machines = {}
        self.engine = False

    # -- what there is

    def spec(self):
        """What `up` made, or None; only a completed `up` writes it."""
        try:
            return json.loads((self.state / "spec.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def hosts(self):
        spec = self.spec()
        return spec["hosts"] if spec else []

    def machine(self, host):
        if host not in self.hosts():
            known = " ".join(self.hosts()) or "none: run `fleet.py up` first"
            raise FleetError(f"fleet {self.name} has no host {host!r} (hosts: {known})")
        return self._machine(host)

    def describe(self):
        """One row per host: host, address, state (down, starting, running, degraded), pid of its init."""
        rows = []
        for host in self.hosts():
            machine = self._machine(host)
            init = machine.init()
            state = machine.system_state() or "starting" if init else "down"
            rows.append({"host": host, "address": address_of(host), "state": state, "pid": init and init.pid})
        return rows

    def pid(self, host):
        init = self.machine(host).init()
        if not init:
            raise FleetError(f"host {host} is down: start it with `fleet.py boot {host}`")
        return init.pid

    def root(self, host):
        """The host's root directory on this machine (its /run and /tmp are not in it)."""
        return self.roots / host / "root"

    def _machine(self, host):
        if host not in self.machines:
            self.machines[host] = Machine(self.name, host, self.state, self.root(host), self.network.path(host),
                                          self.engine)
        return self.machines[host]

    # -- up and down

    def up(self, count, debs=None, coordinator=False, overlay=False, fresh=False, disk=0, engine=False):
        """Boots coord (when asked for) and web1..webN. A fleet of the same making is kept, another replaced.

        With `disk`, their root directories share an ext4 of that many bytes. With `engine`, they run containers.
        """
        self.engine = engine
        hosts = (["coord"] if coordinator else []) + [f"web{i}" for i in range(1, count + 1)]
        with self.locked():
            base = base_image(engine)
            layers = {role: layer_image(base, role, debs) if debs else base for role in self._roles(hosts)}
            images = {host: str(layers["coord" if host == "coord" else "web"]) for host in hosts}
            wanted = {"hosts": hosts, "images": images, "overlay": overlay, "disk": disk, "engine": engine}
            try:
                if fresh or self.spec() != wanted:
                    self.wipe()
                    self._create(wanted)
                self._boot_all(hosts)
                write_file(self.state / "spec.json", json.dumps(wanted))
            except BaseException:
                self.wipe()
                raise

    @staticmethod
    def _roles(hosts):
        return {"coord" if host == "coord" else "web" for host in hosts}

    def _create(self, wanted):
        require_space(self.roots.parent.parent, HOST_BYTES * len(wanted["hosts"]), "the hosts' root directories")
        self.state.mkdir(mode=0o700, parents=True)
        self.roots.mkdir(mode=0o700, parents=True)
        if wanted["disk"]:
            mount_disk(self.roots, wanted["disk"])
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda host: self._make_root(host, wanted), wanted["hosts"]))
        self.network.up(wanted["hosts"])

    def _make_root(self, host, wanted):
        make = overlay_root if wanted["overlay"] else plain_root
        make(Path(wanted["images"][host]), self.roots / host)
        etc = self.root(host) / "etc"
        lines = ["127.0.0.1 localhost", *(f"{address_of(name)} {name}" for name in wanted["hosts"])]
        write_file(etc / "hosts", "\n".join(lines) + "\n")
        write_file(etc / "hostname", host + "\n")
        write_file(etc / "machine-id", uuid.uuid4().hex + "\n", 0o444)
        if wanted["engine"]:
            (etc / "docker").mkdir(exist_ok=True)
            write_file(etc / "docker/daemon.json", ENGINE)

    def _boot_all(self, hosts):
        for host in hosts:
            self._machine(host).launch()
        for host in hosts:
            self._report(host, self._machine(host).await_boot())
            if self.engine:
                self._machine(host).open_cgroups()

    def _report(self, host, state):
        if state == "degraded":
            failed = self._machine(host).run("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout
            talk(f"host {host} is degraded: {', '.join(line.split()[0] for line in failed.splitlines())} failed")

    def down(self):
        with self.locked():
            for nspawn in [self._machine(host).request_stop() for host in self.hosts()]:
                if nspawn:
                    nspawn.wait(30)
            self.wipe()

    def wipe(self):
        """Removes every trace of this fleet, in whatever state an earlier run left it."""
        with undisturbed():
            for record in self.state.glob("*.nspawn"):
                self._machine(record.stem).kill()
            self._kill_strays()
            remove_tree(self.roots)
            self.network.down()
            cgroups.remove(self.name)
            shutil.rmtree(self.state, ignore_errors=True)
            for machine in self.machines.values():
                machine.reap()
            self.machines = {}

    def _kill_strays(self):
        """Processes without a record: still inside this fleet's own namespaces or groups."""
        pids = self.network.processes() | cgroups.processes(self.name)
        strays = [p for p in map(Process.find, pids - {os.getpid()}) if p]
        for stray in strays:
            stray.send(signal.SIGKILL)
        for stray in strays:
            if not stray.wait(10):
                raise FleetError(f"process {stray.pid} of fleet {self.name} does not end: is its disk hanging?")

    # -- one host

    def boot(self, host):
        with self.locked():
            machine = self.machine(host)
            if not mounts_below(machine.root):
                raise FleetError(f"host {host} lost its mounts: run `fleet.py up --fresh`")
            machine.launch()
            state = machine.await_boot()
            self._report(host, state)
            return state

    def kill(self, host):
        with self.locked():
            self.machine(host).kill()

    def stop(self, host):
        with self.locked():
            self.machine(host).stop()

    def partition(self, host):
        self.network.cable(self.machine(host).name, "down")

    def heal(self, host):
        self.network.cable(self.machine(host).name, "up")

    def run(self, host, *argv, **options):
        """Runs argv in the host; output captured, a failure raises unless check=False."""
        return self.machine(host).run(*argv, **options)

    def copy(self, host, source, target):
        """Copies a file to the path `target`, or the contents of a directory into it, owners kept."""
        machine, source = self.machine(host), Path(source)
        if not source.exists():
            raise FleetError(f"{source} does not exist on this machine: nothing to copy to {host}")
        folder = target if source.is_dir() else str(Path(target).parent)
        machine.run("mkdir", "-p", "--", folder)
        inside, names = (source, ["."]) if source.is_dir() else (source.parent, [source.name])
        with run_tar(inside, names) as stream:
            machine.run("tar", "-C", folder, "-xp", "--xattrs", "--acls", stdin=stream)
        if not source.is_dir() and Path(target).name != source.name:
            machine.run("mv", "-T", "--", f"{folder}/{source.name}", target)

    @contextlib.contextmanager
    def locked(self):
        RUN.mkdir(mode=0o755, exist_ok=True)
        with open(RUN / f"{self.name}.lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                talk(f"waiting for another run that works on fleet {self.name} ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def run_tar(folder, names):
    """A stream with an archive of `names`; an error of tar is one of the copy."""
    command = ["tar", "-C", str(folder), "-c", "--xattrs", "--acls", "--", *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar:
        yield tar.stdout
    if tar.returncode != 0:
        raise FleetError(f"tar of {folder} ended with exit code {tar.returncode}")
