# SPDX-License-Identifier: Apache-2.0
"""Real systemd hosts on one machine; start reading in fleet.py."""
from .errors import FleetError
from .fleet import Fleet

__all__ = ["Fleet", "FleetError"]
