"""check_features.py is fed small projects, right and wrong."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import check_features

HEAD = "# Title\n\n## What it can do\n\n| feature | shown by |\n|---|---|\n"
RIGHT = "| reads `near | far` | `unit/a_test.cpp: near cache: it is near` |\n"


class Features(unittest.TestCase):
    def faults(self, readme):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "README.md").write_text(readme + "\n## Next\n\n| a | b |\n", encoding="utf-8")
            (root / "tests/unit").mkdir(parents=True)
            (root / "tests/unit/a_test.cpp").write_text(
                'TEST_CASE("near cache: it is near") {}\n', encoding="utf-8")
            return check_features.check(root)

    def test_a_row_names_a_case_that_exists(self):
        self.assertEqual([], self.faults(HEAD + RIGHT))
        self.assertEqual(['writes: tests/unit/a_test.cpp has no case "near cache: it"'],
                         self.faults(HEAD + "| writes | `unit/a_test.cpp: near cache: it` |\n"))
        self.assertEqual(["writes: tests/unit/b_test.cpp does not exist"],
                         self.faults(HEAD + "| writes | `unit/b_test.cpp: b` |\n"))

    def test_a_row_without_a_test(self):
        self.assertEqual(["writes: names no test"], self.faults(HEAD + RIGHT + "| writes | |\n"))
        self.assertEqual(["writes: names no test"], self.faults(HEAD + "| writes | later |\n"))

    def test_a_table_that_is_gone_and_a_row_that_is_there_twice(self):
        self.assertEqual(["README.md has no table of features"], self.faults("# Title\n"))
        self.assertEqual(["README.md has no table of features"], self.faults(HEAD))
        self.assertEqual(["reads `near | far`: is there twice"], self.faults(HEAD + RIGHT + RIGHT))


if __name__ == "__main__":
    unittest.main()
