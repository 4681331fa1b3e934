#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every suite, two side by side, the longest share first: the programs that CTest knows in build/dev and
the suites on real hosts. Prints the seconds of each against its share, and what it says it covered; a suite that
fails, runs no test or takes longer than its share fails the whole. With ROLLBACK_NIGHTLY=1 suites with a nightly
share have that, and those of CTest are the programs in build/nightly. Closes with one line of counts."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

SIDE_BY_SIDE = 2
TOP = Path(__file__).resolve().parents[1]
SHARES = TOP / "tests/shares.txt"  # lines of "suite seconds [nightly seconds]"
NIGHTLY = os.environ.get("ROLLBACK_NIGHTLY") == "1"
COVERED = "covered: "  # begins the lines in which a suite says what it proved
GTEST = {"passed": r"\[  PASSED  \] (\d+) tests?", "failed": r"^ ?(\d+) FAILED TESTS?", "skipped": r"\[  SKIPPED \] (\d+) tests?"}


def shares():
    """Seconds that each suite may take, and the names of those whose nightly share that is."""
    lines = [line.split() for line in SHARES.read_text().splitlines() if line and not line.startswith("#")]
    allowed = {name: int(seconds[-1 if NIGHTLY else 0]) for name, *seconds in lines}
    return allowed, {name for name, *seconds in lines if NIGHTLY and len(seconds) > 1}


def programs(build):
    """argv of every suite that CTest knows in that build directory, by name."""
    listing = json.loads(subprocess.run(["ctest", "--test-dir", TOP / "build" / build, "--show-only=json-v1"],
                                        check=True, capture_output=True, text=True).stdout)
    return {test["name"]: test.get("command") for test in listing["tests"]}  # None: not built


def suites(word, nightly):
    """(name, argv) of every suite whose name contains `word`."""
    found = programs("dev")
    if nightly:
        found |= {name: argv for name, argv in programs("nightly").items() if name in nightly}
    found |= {path.stem: [sys.executable, "-B", str(path)] for path in (TOP / "tests/fleet").glob("*_test.py")}
    return [(name, found[name]) for name in sorted(found) if word in name]


def count(output):
    """Tests of one run as {"passed", "failed", "skipped"}; GoogleTest and unittest are understood."""
    ran = re.search(r"^Ran (\d+) tests? in", output, re.M)
    if ran:
        end = dict(re.findall(r"(failures|errors|skipped)=(\d+)", output[ran.start():]))
        bad, skipped = int(end.get("failures", 0)) + int(end.get("errors", 0)), int(end.get("skipped", 0))
        return {"passed": int(ran[1]) - bad - skipped, "failed": bad, "skipped": skipped}
    counts = {}
    for kind, pattern in GTEST.items():
        hit = re.search(pattern, output, re.M)
        counts[kind] = int(hit[1]) if hit else 0
    if re.search(r"^\d+ files, 0 violations$", output, re.M):  # tests/structure
        counts["passed"] = 1
    return counts


def run(name, argv, share):
    if argv is None:
        print(f"{name}: is not built", flush=True)
        return {"passed": 0, "failed": 1, "skipped": 0}
    begin = time.monotonic()
    # Hosts and namespaces that a suite made are cleaned up by the suite; this only bounds a hang.
    try:
        done = subprocess.run(argv, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=4 * share + 60,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"})
        output, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as hang:
        output, code = (hang.stdout or b"").decode(errors="replace") + "\nended: it hung", 1
    seconds = time.monotonic() - begin
    counts = count(output)
    why = ""
    if code != 0:
        counts["failed"], why = max(counts["failed"], 1), f"exit code {code}"
    elif sum(counts.values()) == 0:
        counts["failed"], why = 1, "it ran no test"
    elif seconds > share:
        counts["failed"], why = 1, f"over its share of {share} s"
    report = (f"{name:<34} {seconds:6.1f} s of {share:4d}   {counts['passed']:5d} passed"
              + "".join(f", {counts[kind]} {kind}" for kind in ("failed", "skipped") if counts[kind]))
    report += "".join(f"\n    {line[len(COVERED):]}" for line in output.splitlines() if line.startswith(COVERED))
    if why:
        report += "\n" + "\n".join(output.splitlines()[-80:]) + f"\n{name}: {why}"
    print(report, flush=True)
    return counts


def main():
    word = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "--only" else ""
    (allowed, nightly), total = shares(), {"passed": 0, "failed": 0, "skipped": 0}
    chosen = suites(word, nightly)
    for name in sorted(name for name, _ in chosen if name not in allowed):
        print(f"{name}: has no share in {SHARES.relative_to(TOP)}")
        total["failed"] += 1
    known = sorted((suite for suite in chosen if suite[0] in allowed), key=lambda suite: -allowed[suite[0]])
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for counts in pool.map(lambda suite: run(*suite, allowed[suite[0]]), known):
            for kind, number in counts.items():
                total[kind] += number
    if not word:  # a suite that has vanished must not go unnoticed
        for name in sorted(set(allowed) - {name for name, _ in chosen}):
            print(f"{name}: is in {SHARES.relative_to(TOP)} and is no suite any more")
            total["failed"] += 1
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 0 if total["failed"] == 0 and total["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
