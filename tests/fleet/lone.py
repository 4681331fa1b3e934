# SPDX-License-Identifier: Apache-2.0
"""One web host without any coordinator: what suites about a single host add to the rig."""
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from hosts import cgroups
from rig import PACKAGES, Rig, wait_for

HOST = "web1"
GATE = "gate: { successes: 2, interval: 50ms, window: 2s, soak: 0s }"
MANAGED = ("/etc/nginx", "/etc/shop", "/etc/systemd/system/shop.service", "/etc/systemd/system/shop.service.d",
           "/etc/systemd/system/multi-user.target.wants/shop.service", "/opt/shop/bin", "/srv/queue/.env",
           "/srv/queue/compose.yaml")


class LoneHost(Rig):
    def __init__(self, name, gate=GATE, extra="", packages=PACKAGES, disk=0, engine=False):
        super().__init__(name, web=1, coordinator=False, packages=packages, disk=disk, engine=engine)
        self.configuration = {"gate": gate, "extra": extra}

    def prepare(self):
        """v2.4.1 is deployed and recorded, v2.5.0 is live and recorded as failed."""
        self.deploy(["neighbours", "v2.4.1"])
        self.start()
        self.wait_served()
        self.must("snapshot", "v2.4.1")
        self.good = self.managed()
        self.break_it()
        self.must("snapshot", "v2.5.0", "--unhealthy-ok")
        self.bad = self.managed()

    def reset(self, release, hosts=None):
        super().reset(release, hosts)
        self.wait_served()

    def wait_served(self):
        """nginx reloads after systemctl has returned."""
        wait_for("the shop's answer", lambda: self.page(HOST)[0] == 200)

    def break_it(self):
        self.deploy(["v2.5.0"])

    def start(self, **changes):
        self.start_agent(HOST, **{**self.configuration, **changes})

    def run(self, *argv, **options):
        return self.fleet.run(HOST, *argv, **options)

    def ask(self, *words):
        return self.ctl(HOST, *words)

    def must(self, *words):
        answer = self.ask(*words)
        if answer.code != 0:
            raise AssertionError(f"rollbackctl {' '.join(words)}: {answer}")
        return answer

    def path(self, absolute):
        return self.fleet.root(HOST) / absolute.lstrip("/")

    def inside(self, absolute):
        """The path as the host's processes see it, with mounts that were made there."""
        return Path(f"/proc/{self.fleet.pid(HOST)}/root{absolute}")

    def managed(self):
        """The part of the host that the agent manages, hashed from outside."""
        return {path: facts for path, facts in self.hash_host(HOST).items()
                if any(path == top or path.startswith(top + "/") for top in MANAGED)}

    def everything(self):
        """Files of the whole host and the invocation of every unit that is not the agent's own."""
        found = self.hash_host(HOST)
        for name, unit in self.units(HOST).items():
            if name.endswith(".service") and not name.startswith(("rollback-", "systemd-")) and unit["InvocationID"]:
                found[f"unit {name}"] = unit["InvocationID"]
        return found

    def leftovers(self):
        """What runs left on the host: entries of stages, previews, the journal."""
        tops = [self.path(top) / ".rollback" for top in ("/", "/etc", "/opt", "/srv", "/usr/local")]
        found = [path for top in tops if top.exists() for path in top.rglob("*")]
        state = self.path("/var/lib/rollback-agent")
        return found + [path for path in state.iterdir() if path.name.startswith(("journal", "preview", "run"))]

    def last_run(self):
        return self.must("run", "list", "-n", "1").of("run")[0]

    @contextlib.contextmanager
    def damaged_store(self, content):
        """The store with `content` (which no compression changes) flipped in every file that holds it."""
        self.start()  # what was only logged goes into tables
        self.run("systemctl", "stop", "rollback-agent.service")
        folder = self.path("/var/lib/rollback-agent/store")
        whole = {path: held for path in folder.iterdir() if content in (held := path.read_bytes())}
        if not whole:
            raise AssertionError("the content was not found in the store")
        for path, held in whole.items():
            path.write_bytes(held.replace(content, bytes(byte ^ 255 for byte in content)))
        self.run("systemctl", "start", "rollback-agent.service")
        try:
            yield
        finally:
            self.run("systemctl", "stop", "rollback-agent.service")
            for path, held in whole.items():
                path.write_bytes(held)
            self.run("systemctl", "start", "rollback-agent.service")

    def outer(self, pid):
        """The pid on this machine of a process that the host knows as `pid`."""
        for candidate in cgroups.processes(self.fleet.name):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{candidate}/status").read_text(encoding="utf-8").splitlines():
                    if line.startswith("NSpid:") and line.split()[-1] == str(pid) and len(line.split()) > 2:
                        return candidate
        raise AssertionError(f"the host has no process {pid}")

    def agent(self):
        return self.outer(self.main_pid(HOST, "rollback-agent.service"))

    def restart_counter(self):
        return int(self.run("systemctl", "show", "-P", "NRestarts", "rollback-agent.service").stdout)

    @contextlib.contextmanager
    def injected(self, fault, path=None):
        """The agent under strace with one injected fault (of calls on `path`); yields a reader of what strace saw."""
        with tempfile.NamedTemporaryFile("r", prefix="rollbackctl-strace-") as seen:
            argv = ["strace", "-f", "-qq", "-o", seen.name, "-e", f"trace={fault.split(':')[0]}",
                    "-e", f"inject={fault}", *(["-P", path] if path else []), "-p", str(self.agent())]
            with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tracer:
                try:
                    wait_for("strace to hold every thread", lambda: self._traced(tracer.pid), 10)
                    yield lambda: Path(seen.name).read_text(encoding="utf-8", errors="replace")
                finally:
                    tracer.terminate()
                    try:
                        tracer.wait(5)
                    except subprocess.TimeoutExpired:  # it may wait for a thread that died in the same instant
                        tracer.kill()

    def _traced(self, tracer):
        tasks = f"/proc/{self.agent()}/task"
        return all(f"TracerPid:\t{tracer}\n" in Path(f"{tasks}/{task}/status").read_text(encoding="utf-8")
                   for task in os.listdir(tasks))
