# SPDX-License-Identifier: Apache-2.0
"""Rows of the comparison: medians, ratios and whether they hold; as a table of 80 columns and as JSON."""
import statistics
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    work: str
    peer: str
    ours: float
    theirs: float
    unit: str
    ratio: float  # ours / theirs
    must: float | None  # the highest ratio that holds; None: shown only
    holds: bool


def row(work, peer, ours, theirs, unit, must=None):
    ratio = ours / theirs
    return Row(work, peer, round(ours, 3), round(theirs, 3), unit, round(ratio, 3), must, must is None or ratio <= must)


def median(values):
    return statistics.median(values)


def number(value):
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def line(cells):
    work, peer, ours, theirs, unit, ratio, must, holds = cells
    return f"{work:<28} {peer:<12} {ours:>7} {theirs:>7} {unit:<3} {ratio:>5} {must:>5} {holds}".rstrip()


def print_table(rows):
    print(line(("WORK", "PEER", "OURS", "THEIRS", "", "RATIO", "MUST", "")))
    for each in rows:
        must = "" if each.must is None else f"{each.must:.2f}"
        verdict = "" if each.must is None else "yes" if each.holds else "NO"
        print(line((each.work, each.peer, number(each.ours), number(each.theirs), each.unit, f"{each.ratio:.2f}", must,
                    verdict)))


def print_cpu(seconds):
    """{(work, who): [seconds of the processors]}: what a busy machine changes less than the clock."""
    print("\nseconds of the processors, median")
    works = sorted({work for work, _ in seconds}, key=[work for work, _ in seconds].index)
    for work in works:
        told = [f"{who} {number(median(values))}" for (of, who), values in seconds.items() if of == work]
        print(f"  {work}: {', '.join(told)}")


def as_json(rows):
    return [asdict(each) for each in rows]
