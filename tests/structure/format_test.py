#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every C++ file is formatted as .clang-format says. `clang-format -i FILE` mends."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
FOLDERS = ("core", "model", "protocol", "agent", "coordinator", "cli", "tests", "bench")


def main():
    files = sorted(path for folder in FOLDERS for ending in ("*.cpp", "*.h") for path in (ROOT / folder).rglob(ending))
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], capture_output=True, text=True, check=False)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
    for path in wrong:
        print(f"{path}: not formatted")
    print(f"{len(files)} files, {len(wrong)} violations")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
