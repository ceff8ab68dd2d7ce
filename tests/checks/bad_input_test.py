"""check_bad_input.py is fed small projects, right and wrong."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import check_bad_input

CASE = 'TEST_CASE(\n    "frame: refused, "\n    "by name") {}\n'


def table(row_7):
    rows = [f"| {n} | x | y | `a_test.cpp: frame: refused, by name` | `target/seed` |"
            for n in range(1, check_bad_input.ROWS + 1)]
    rows[6] = row_7
    return "\n".join(["# Title", "", "| # | input |", "|---|---|"] + [row for row in rows if row])


class BadInput(unittest.TestCase):
    def faults(self, row_7, seeds=("target/seed",)):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            (root / "docs/security.md").write_text(table(row_7), encoding="utf-8")
            for seed in seeds:
                (root / "tests/fuzz/corpus" / seed).parent.mkdir(parents=True, exist_ok=True)
                (root / "tests/fuzz/corpus" / seed).write_bytes(b"x")
            (root / "tests/a_test.cpp").write_text(CASE, encoding="utf-8")
            return check_bad_input.check(root)

    def test_a_row_names_a_case_and_a_seed(self):
        self.assertEqual([], self.faults(
            "| 7 | x | y | `a_test.cpp: frame: refused, by name` | `target/seed` |"))
        self.assertEqual(["row 7 has no test or no seed"], self.faults("| 7 | x | y | | |"))

    def test_what_is_named_exists(self):
        self.assertEqual(['row 7: tests/a_test.cpp has no case "frame: refused"'], self.faults(
            "| 7 | x | y | `a_test.cpp: frame: refused` | `target/seed` |"))
        self.assertEqual(["row 7: tests/b_test.cpp does not exist",
                          "row 7: there is no seed target/none"],
                         self.faults("| 7 | x | y | `b_test.cpp: frame` | `target/none` |"))

    def test_a_seed_with_a_number_stands_in_its_row(self):
        self.assertEqual(
            ["row 7: the seed target/07-other is not named"],
            self.faults("| 7 | x | y | `a_test.cpp: frame: refused, by name` | `target/seed` |",
                        ("target/seed", "target/07-other")))

    def test_no_row_is_missing(self):
        self.assertEqual([f"the rows are not 1 to {check_bad_input.ROWS}, each once and in order"],
                         self.faults(""))


if __name__ == "__main__":
    unittest.main()
