#!/usr/bin/env python3
"""Checks the table of features in README.md: each row names a test case that exists.

usage: check_features.py [project directory]
"""

import re
import sys

import report
from test_names import check_test

SECTION = re.compile(r"^## What it can do\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`([^`]*_test\.cpp: [^`]*)`$")


def rows(readme):
    """(feature, cell of its test) of every row."""
    section = SECTION.search(readme)
    for line in section.group(1).splitlines() if section else []:
        if line.startswith("| ") and not line.startswith("| feature |"):
            feature, test = (cell.strip() for cell in line.rsplit("|", 2)[:2])
            yield feature.removeprefix("| "), test


def check(root):
    """All faults of the table, as strings."""
    faults = []
    seen = set()
    for feature, test in rows((root / "README.md").read_text(encoding="utf-8")):
        named = TEST.match(test)
        if feature in seen:
            faults.append(f"{feature}: is there twice")
        seen.add(feature)
        faults += check_test(root, feature, named.group(1)) if named else \
            [f"{feature}: names no test"]
    if not seen:
        faults.append("README.md has no table of features")
    return faults


if __name__ == "__main__":
    sys.exit(report.tell(check))
