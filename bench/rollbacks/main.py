# SPDX-License-Identifier: Apache-2.0
"""Entry of bench/rollback_vs_peers.sh, which says what it is for."""
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
from rollbacks.files import FileBench  # noqa: E402
from rollbacks.service import ServiceBench  # noqa: E402

WORKS = ("files", "window", "recovery", "answers", "service")
SOURCES = HERE.parents[1]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="rollback_vs_peers.sh", description="Rollbacks beside rsync and systemctl restart. "
                                     "Exit code 1: a row does not hold.")
    parser.add_argument("--tree", metavar="DIR", help="this tree instead of one of Debian packages")
    parser.add_argument("--json", metavar="FILE", help="the rows as JSON")
    parser.add_argument("--only", action="append", choices=WORKS, metavar="WORK", help=f"only {', '.join(WORKS)}; may be repeated")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="rounds (5)")
    parser.add_argument("--programs", default=SOURCES / "build/release", metavar="DIR", help="build directory with the programs")
    options = parser.parse_args(arguments)
    options.wants = lambda work: not options.only or work in options.only
    return options


def measure(options, scratch):
    rows = []
    with contextlib.ExitStack() as stack:
        if any(options.wants(work) for work in WORKS[:-1]):
            bench = stack.enter_context(FileBench(options, SOURCES, Path(options.tree or trees.tree("usr")), Path(scratch)))
            rows += bench.run()
        if options.wants("service"):
            bench = stack.enter_context(ServiceBench(options.repeat))
            rows += bench.run()
    return rows


def main():
    options = parse(sys.argv[1:])
    try:
        with contextlib.ExitStack() as stack:
            scratch = tempfile.mkdtemp(prefix="bench-run-", dir=cache_dir())
            stack.callback(remove_tree, scratch)
            rows = measure(options, scratch)
    except FleetError as error:
        print(f"rollback_vs_peers.sh: {error}", file=sys.stderr)
        return 1
    table.print_table(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(table.as_json(rows), indent=1) + "\n", encoding="utf-8")
    return 0 if all(each.holds for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
