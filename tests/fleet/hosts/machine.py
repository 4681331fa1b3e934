# SPDX-License-Identifier: Apache-2.0
"""One booted host: systemd-nspawn around a root directory.

STATE/HOST.nspawn holds pid and start time of systemd-nspawn; it is written by the child itself
before exec, so no crash of this tool can leave a host that the next run does not know.
"""
import os
import signal
import subprocess
from pathlib import Path

from . import cgroups
from .errors import FleetError
from .process import Process, is_init_of_a_namespace, poll_until, run, start, start_time

BOOT_SECONDS = 120  # a machine with two busy cores and twenty hosts
STOP_SECONDS = 45
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "USER": "root", "LANG": "C.UTF-8"}


class Machine:
    def __init__(self, fleet, name, state, root, netns, engine=False):
        self.fleet, self.name, self.engine = fleet, name, engine
        self.state, self.root, self.netns = Path(state), Path(root), netns
        self.record = self.state / f"{name}.nspawn"
        self.console = self.state / f"{name}.console"
        self.child = None  # the Popen object when this very process launched the host

    def nspawn(self):
        """The running systemd-nspawn process, or None."""
        try:
            process = Process.parse(self.record.read_text(encoding="utf-8"))
        except OSError:
            return None
        return process if process and process.alive() else None

    def init(self):
        """The host's PID 1 as this machine sees it, or None when the host is down."""
        nspawn = self.nspawn()
        for pid in nspawn.children() if nspawn else []:
            if is_init_of_a_namespace(pid):
                return Process.find(pid)
        return None

    def launch(self):
        """Starts the host and returns at once; await_boot() waits for it."""
        if self.nspawn():
            return
        if not cgroups.machine_has_systemd():
            cgroups.remove(self.fleet, self.name)
            cgroups.make(self.fleet, self.name)
        with open(self.console, "ab") as console:
            # nspawn's system call filter would answer EPERM to fanotify, unlike a real host.
            # The host outlives this tool on purpose.
            self.child = start(self.command(), self._before_exec, stdin=subprocess.DEVNULL, stdout=console,
                               stderr=console, start_new_session=True,
                               env={"PATH": ENVIRONMENT["PATH"], "SYSTEMD_SECCOMP": "0"})

    def command(self):
        """argv of the host; --scope and every program after it keep the pid that was recorded."""
        argv = ["systemd-nspawn", "-D", str(self.root), f"--machine={self.fleet}-{self.name}",
                f"--hostname={self.name}", f"--network-namespace-path={self.netns}", "--boot", "--quiet",
                "--register=no", "--keep-unit", "--settings=no", "--console=passive", "--resolv-conf=off",
                "--timezone=off", "--link-journal=no", f"--capability={'all' if self.engine else 'CAP_NET_ADMIN'}"]
        return cgroups.own_scope(f"rollbackctl-{self.fleet}-{self.name}") + argv

    def _before_exec(self):
        pid = os.getpid()
        self.record.write_text(f"{pid} {start_time(pid)}", encoding="utf-8")
        if not cgroups.machine_has_systemd():
            cgroups.enter(self.fleet, self.name)

    def await_boot(self, seconds=BOOT_SECONDS):
        """Waits until systemd has started everything; returns "running" or "degraded"."""
        answer = poll_until(self._settled, seconds, interval=0.1)
        if answer in ("running", "degraded"):
            return answer
        words = self.console.read_text(encoding="utf-8", errors="replace")[-800:] if self.console.exists() else ""
        reason = "ended while booting" if answer == "ended" else f"was not up after {seconds} s"
        raise FleetError(f"host {self.name} {reason}; console {self.console} ends with:\n{words}")

    def _settled(self):
        if not self.nspawn():
            return "ended"
        return self.system_state() if self.init() else None

    def open_cgroups(self):
        """A container engine makes groups of its own, which systemd-nspawn shows read-only where they are of version 1."""
        for group in Path("/sys/fs/cgroup").iterdir():
            if (group / "cgroup.procs").exists() and group.name not in ("systemd", "unified"):
                self.run("mount", "-o", "remount,bind,rw", f"/sys/fs/cgroup/{group.name}", check=False)

    def system_state(self):
        """"running" or "degraded" once systemd has finished booting, else None."""
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state if state in ("running", "degraded") else None

    def enter_command(self, argv):
        """argv that runs `argv` inside the host with a clean environment."""
        init = self.init()
        if not init:
            raise FleetError(f"host {self.name} is down: start it with `fleet.py boot {self.name}`")
        clean = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        if os.environ.get("TERM"):
            clean.append(f"TERM={os.environ['TERM']}")
        return ["nsenter", "-t", str(init.pid), "-a", "--wdns=/", "env", "-i", *clean, *argv]

    def run(self, *argv, **options):
        return run(*self.enter_command(argv), **options)

    def kill(self):
        """SIGKILL of PID 1: every process of the host ends at once. The root directory stays."""
        init, nspawn = self.init(), self.nspawn()
        if not nspawn:
            return
        (init or nspawn).send(signal.SIGKILL)
        if not nspawn.wait(STOP_SECONDS):
            raise FleetError(f"host {self.name}: systemd-nspawn (pid {nspawn.pid}) outlives its init")
        self._forget()

    def stop(self):
        """A clean power-off; a host that does not manage it is killed and reported."""
        nspawn = self.request_stop()
        if nspawn and not nspawn.wait(STOP_SECONDS):
            self.kill()
            raise FleetError(f"host {self.name} did not power off within {STOP_SECONDS} s and was killed; "
                             f"see {self.console}")
        self._forget()

    def request_stop(self):
        """Asks for a power-off without waiting; the systemd-nspawn to wait for, or None."""
        init, nspawn = self.init(), self.nspawn()
        if not init:
            self.kill()
            return None
        init.send(signal.SIGRTMIN + 4)  # systemd: start poweroff.target
        return nspawn

    def reap(self):
        """Collects a launched systemd-nspawn that has ended."""
        if self.child and self.child.poll() is not None:
            self.child = None

    def _forget(self):
        self.reap()
        self.record.unlink(missing_ok=True)
        if not cgroups.machine_has_systemd():
            cgroups.remove(self.fleet, self.name)
