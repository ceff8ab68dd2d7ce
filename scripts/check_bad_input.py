#!/usr/bin/env python3
"""Checks the table of bad inputs in docs/security.md: each row names a test case and seeds that
exist, none is missing, and each numbered seed stands in the row of its number.

usage: check_bad_input.py [project directory]
"""

import re
import sys

import report
from test_names import check_test

ROWS = 33
LATER = {12, 13}  # authentication and encryption

ROW = re.compile(r"\| (\d+) \|")


def rows(text):
    """(number, test, seeds) of every row; the last two as they stand between backquotes."""
    for line in text.splitlines():
        if ROW.match(line):
            cells = line.split("|")[1:-1]
            yield int(cells[0]), re.findall(r"`([^`]*)`", cells[3]), \
                re.findall(r"`([^`]*)`", cells[4])


def check_seeds(root, number, seeds):
    corpus = root / "tests/fuzz/corpus"
    wrong = [f"row {number}: there is no seed {seed}" for seed in seeds
             if not (corpus / seed).is_file()]
    for seed in sorted(corpus.glob(f"*/{number:02}-*")):
        name = seed.relative_to(corpus).as_posix()
        if name not in seeds:
            wrong.append(f"row {number}: the seed {name} is not named")
    return wrong


def check(root):
    """All faults of the table, as strings."""
    faults = []
    seen = []
    for number, tests, seeds in rows((root / "docs/security.md").read_text(encoding="utf-8")):
        seen.append(number)
        if number in LATER:
            continue
        if not tests or not seeds:
            faults.append(f"row {number} has no test or no seed")
        for test in tests:
            faults += check_test(root, f"row {number}", test)
        faults += check_seeds(root, number, seeds)
    if seen != list(range(1, ROWS + 1)):
        faults.append(f"the rows are not 1 to {ROWS}, each once and in order")
    return faults


if __name__ == "__main__":
    sys.exit(report.tell(check))
