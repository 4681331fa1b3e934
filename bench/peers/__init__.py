# SPDX-License-Identifier: Apache-2.0
"""What bench/snapshot_vs_peers.sh is made of."""
