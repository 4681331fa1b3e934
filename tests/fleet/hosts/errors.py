# SPDX-License-Identifier: Apache-2.0
"""The one error of this tool, and the checks every verb starts with."""
import os
import shutil

PACKAGE_OF = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nsenter": "util-linux",
}


class FleetError(Exception):
    """One sentence for a person: what failed, where, what to try."""


def require_root():
    if os.geteuid() != 0:
        raise FleetError("test hosts need root (namespaces, mounts, systemd-nspawn): run it again with sudo")


def require_programs():
    missing = sorted({package for program, package in PACKAGE_OF.items() if not shutil.which(program)})
    if missing:
        raise FleetError(f"missing packages: apt-get install {' '.join(missing)} (or scripts/build-deps.sh)")
