"""Which test cases there are, for checks of pages that name them as "file: case"."""

import re

CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:\\.|[^"\\])*"\s*)+)')
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')


def cases(source):
    """The names of a file's test cases, as they are written."""
    return {"".join(LITERAL.findall(names)) for names in CASE.findall(source)}


def check_test(root, row, test):
    """What is wrong with "file: case", which stands in the row that is called `row`."""
    file, _, case = test.partition(": ")
    path = root / "tests" / file
    if not path.is_file():
        return [f"{row}: tests/{file} does not exist"]
    if case in cases(path.read_text(encoding="utf-8")):
        return []
    return [f"{row}: tests/{file} has no case \"{case}\""]
