#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots real systemd hosts on this machine: systemd-nspawn, nginx, a network of their own.

  fleet.py up --hosts 3 --coordinator --debs build/packages
  fleet.py exec web1 -- curl -s http://web2/
  fleet.py kill web2 && fleet.py boot web2
  fleet.py down
Needs root and scripts/build-deps.sh. Several fleets live side by side with --name.
"""
import argparse
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hosts import Fleet, FleetError  # noqa: E402  (the path must be known first)

VERBS_OF_A_HOST = {
    "boot": "start a host that is down and wait until systemd has finished",
    "kill": "SIGKILL the host's init: a crash of every process; the files stay",
    "stop": "power off cleanly",
    "partition": "pull the host's network cable",
    "heal": "put the cable back",
    "pid": "print the pid of the host's init on this machine",
}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="fleet.py", description=__doc__.split("\n")[0],
                                     epilog="\n".join(__doc__.split("\n")[1:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="fleet", help="which fleet (default: fleet)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="boot web1..webN; a fleet of the same making is kept")
    up.add_argument("--hosts", type=int, default=3, metavar="N")
    up.add_argument("--debs", metavar="DIR", help="install the .deb packages of this directory")
    up.add_argument("--coordinator", action="store_true", help="boot a host called coord too")
    disk = up.add_mutually_exclusive_group()
    disk.add_argument("--copy", dest="overlay", action="store_false", help="roots are plain directories, only /usr is an overlay (default)")
    disk.add_argument("--overlay", action="store_true", help="whole roots are overlays, for large fleets")
    up.set_defaults(overlay=False)
    up.add_argument("--fresh", action="store_true", help="start from new root directories in any case")
    verbs.add_parser("down", help="power off and remove every trace of the fleet")
    listing = verbs.add_parser("list", help="hosts, addresses, states")
    listing.add_argument("--json", action="store_true")
    execute = verbs.add_parser("exec", help="run a command in a host: exec HOST -- CMD...")
    execute.add_argument("host")
    execute.add_argument("command", nargs=argparse.REMAINDER)
    for verb, text in VERBS_OF_A_HOST.items():
        verbs.add_parser(verb, help=text).add_argument("host")
    copy = verbs.add_parser("copy", help="copy a file to DST, or a directory's contents into DST")
    for name in ("host", "src", "dst"):
        copy.add_argument(name)
    options = parser.parse_args(arguments)
    if options.verb == "up" and not 0 <= options.hosts <= 200:
        parser.error("--hosts: between 0 and 200")
    if options.verb == "exec":
        options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
        if not options.command:
            parser.error("exec: no command given")
    return options


def show(fleet, as_json):
    rows = fleet.describe()
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['host']:<8}{row['address']:<14}{row['state']:<10}{row['pid'] or '-'}")


def act(fleet, options):
    verb = options.verb
    if verb == "up":
        started = time.monotonic()
        fleet.up(options.hosts, options.debs, options.coordinator, options.overlay, options.fresh)
        print(f"fleet {fleet.name} is up in {time.monotonic() - started:.1f} s: {' '.join(fleet.hosts())}",
              file=sys.stderr)
    elif verb == "down":
        fleet.down()
    elif verb == "list":
        show(fleet, options.json)
    elif verb == "exec":
        command = fleet.machine(options.host).enter_command(options.command)
        os.execvp(command[0], command)
    elif verb == "copy":
        fleet.copy(options.host, options.src, options.dst)
    elif verb == "pid":
        print(fleet.pid(options.host))
    else:
        getattr(fleet, verb)(options.host)
    return 0


def interrupted(number, _frame):
    raise SystemExit(128 + number)


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        return act(Fleet(options.name), options)
    except FleetError as error:
        print(f"fleet.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
