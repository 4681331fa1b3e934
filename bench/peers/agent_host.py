# SPDX-License-Identifier: Apache-2.0
"""Ours: the agent of a release build on a booted host, under its unit, asked by rollbackctl.

The host's root directory lies on the machine's own file system, where the peers work too. rollbackctl runs outside
of the host, so that entering it is no part of a time; it talks to the agent's socket in the host.
"""
import re
import shutil
from pathlib import Path

from hosts.disk import remove_tree
from hosts.errors import FleetError
from lone import HOST, LoneHost
from rig import wait_for

from .clock import timed
from .tools import allocated, set_aside
from .trees import copy_tree, privileged

STATE = "/var/lib/rollback-agent"
CONFIGURATION = """\
resources:
  - kind: files
    name: tree
    paths: [/srv/tree]
    allow_setuid: [{privileged}]
gate: {{ successes: 1, interval: 10ms, window: 5s, {soak} }}
max_removals: 1000000
"""
SETTLE_SECONDS = 20
MB = 1 << 20


class AgentHost(LoneHost):
    """One tree at a time, at /srv/tree of the host."""
    name = "rollbackctl"
    restores = True

    def __init__(self, programs, sources):
        super().__init__("bench", packages=None)
        self.ctl_program, self.releases, self.pid = Path(programs) / "cli/rollbackctl", 0, 0
        self.tree, self.store = self.path("/srv/tree"), self.path(f"{STATE}/store")
        self.install(Path(programs) / "agent/rollback-agent", "/usr/sbin/rollback-agent", 0o755)
        self.install(Path(sources) / "systemd/rollback-agent.service", "/etc/systemd/system/rollback-agent.service", 0o644)
        self.run("systemctl", "daemon-reload")

    def install(self, source, target, mode):
        if not source.is_file():
            raise FleetError(f"{source} is missing: run bench/snapshot_vs_peers.sh, which builds it")
        shutil.copyfile(source, self.path(target))
        self.path(target).chmod(mode)

    def manage(self, source):
        """A copy of `source` becomes the tree; the agent's store is empty afterwards."""
        self.stop()
        set_aside(self.tree)
        copy_tree(source, self.tree)
        self.write_gate("soak: 0s")
        self.fresh()

    def write_gate(self, soak):
        names = [f'"/srv/tree/{path.relative_to(self.tree)}"' for path in privileged(self.tree)]
        self.write(HOST, "/etc/rollback/agent.yaml", CONFIGURATION.format(privileged=", ".join(names), soak=soak))

    def stop(self):
        self.run("systemctl", "stop", "rollback-agent.service", check=False)

    def fresh(self):
        self.stop()
        remove_tree(self.path(STATE))
        self.run("systemctl", "start", "rollback-agent.service")
        self.pid, self.releases = self.agent(), 0

    def snapshot(self):
        self.releases += 1
        return self.ask_timed("snapshot", f"v1.0.{self.releases}")

    def restore(self, release=1):
        """Everything of a release back into the emptied tree, verified against the release and durable."""
        emptied = self.path("/srv/emptied")
        emptied.mkdir()
        for entry in self.tree.iterdir():
            entry.rename(emptied / entry.name)
        set_aside(emptied)
        return self.ask_timed("rollback", "--to", f"v1.0.{release}", "-y")

    def socket(self):
        return f"/proc/{self.fleet.pid(HOST)}/root/run/rollback-agent/agent.sock"

    def ask_timed(self, *words):
        try:
            return timed([self.ctl_program, "--agent-socket", self.socket(), *words], servant=self.pid)
        except FleetError as error:
            log = self.run("journalctl", "-u", "rollback-agent", "-n", "10", "--no-pager", check=False).stdout
            raise FleetError(f"{error}\n{log}") from error

    def size(self):
        return allocated(self.store)

    # -- memory, in MB

    def forget_peak(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="utf-8")

    def peak(self):
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)[1]) * 1024 / MB

    def held(self):
        """(anonymous, resident)"""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="utf-8")
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 / MB for line in rollup.splitlines()[1:]}
        return sizes["Anonymous"], sizes["Rss"]

    def held_when_idle(self, most):
        """held() once it is at most `most`, or as it is after SETTLE_SECONDS."""
        try:
            return wait_for("the agent to give memory back", lambda: self._within(most), SETTLE_SECONDS)
        except AssertionError:
            return self.held()

    def _within(self, most):
        held = self.held()
        return held if all(value <= bound for value, bound in zip(held, most)) else None
