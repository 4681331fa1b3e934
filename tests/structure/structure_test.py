#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the whole tree: structure_test.py ROOT. Prints each violation; exit 1 when there is one."""

import sys

import rules


def main():
    tree = rules.Tree(sys.argv[1])
    if not list(tree.sources(rules.PRODUCT)):
        print(f"{sys.argv[1]} is not the root of the sources")
        return 2
    found = [f"{rule.__name__}: {line}" for rule in rules.RULES for line in rule(tree)]
    print("\n".join(found + [f"{len(tree.files)} files, {len(found)} violations"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
