# SPDX-License-Identifier: Apache-2.0
"""Entry of bench/snapshot_vs_peers.sh, which says what it is for."""
import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "tests/fleet")]
from hosts.disk import remove_tree  # noqa: E402
from hosts.errors import FleetError  # noqa: E402
from hosts.image import cache_dir  # noqa: E402
from peers import table, trees  # noqa: E402
from peers.agent_host import AgentHost  # noqa: E402
from peers.sizes import SizeBench  # noqa: E402
from peers.works import LARGE, SMALL, TreeBench  # noqa: E402

WORKS = ("first", "unchanged", "changed", "restore", "size")
ROUNDS = {"usr": 5, "large": 2}
SOURCES = HERE.parents[1]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="snapshot_vs_peers.sh", description="Snapshots and restores beside restic, borg, "
                                     "casync, ostree and rsync on the same trees. Exit code 1: a row does not hold.")
    parser.add_argument("--tree", metavar="DIR", help="this tree instead of the two of Debian packages")
    parser.add_argument("--json", metavar="FILE", help="the rows as JSON")
    parser.add_argument("--only", action="append", choices=WORKS + ("usr", "large"), metavar="WORK",
                        help=f"only {', '.join(WORKS)}; usr or large for one tree; may be repeated")
    parser.add_argument("--peer", action="append", dest="peers", metavar="NAME", help="only this peer; may be repeated")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds (5, and 2 on the large tree)")
    parser.add_argument("--programs", default=SOURCES / "build/release", metavar="DIR", help="build directory with the programs")
    options = parser.parse_args(arguments)
    works = [word for word in options.only or () if word in WORKS]
    options.wants = lambda work: not works or work in works
    options.trees = [word for word in options.only or () if word not in WORKS] or list(ROUNDS)
    options.wants_trees = not works or works != ["size"]
    options.floor = Path(options.programs) / "bench/bench_snapshot_floor"
    options.rounds = options.repeat
    return options


def sources_of(options):
    """(name, directory, musts) of each tree to measure."""
    if options.tree:
        yield Path(options.tree).name, Path(options.tree), SMALL
        return
    for name in options.trees:
        yield name, trees.tree(name), LARGE if name == "large" else SMALL


def measure(options, scratch):
    rows, cpu = [], {}
    with contextlib.ExitStack() as stack:
        ours = AgentHost(options.programs, SOURCES)
        stack.callback(ours.down)
        for name, directory, musts in sources_of(options) if options.wants_trees else ():
            options.repeat = options.rounds or ROUNDS.get(name, ROUNDS["usr"])
            collect(TreeBench(ours, name, directory, musts, options, Path(scratch) / name), rows, cpu)
        if options.wants("size") and not options.tree:
            bench = SizeBench(ours, options, Path(scratch) / "series")
            collect(bench, rows, cpu)
    return rows, cpu


def collect(bench, rows, cpu):
    print(bench.title, file=sys.stderr, flush=True)
    bench.run()
    rows += bench.rows
    cpu.update(bench.cpu)


def main():
    options = parse(sys.argv[1:])
    try:
        with contextlib.ExitStack() as stack:
            scratch = tempfile.mkdtemp(prefix="bench-run-", dir=cache_dir())
            stack.callback(remove_tree, scratch)
            rows, cpu = measure(options, scratch)
    except FleetError as error:
        print(f"snapshot_vs_peers.sh: {error}", file=sys.stderr)
        return 1
    table.print_table(rows)
    table.print_cpu(cpu)
    if options.json:
        Path(options.json).write_text(json.dumps(table.as_json(rows), indent=1) + "\n", encoding="utf-8")
    return 0 if all(each.holds for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
