"""mutants.py weaves the bodies of several patches into one text."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import mutants

TEXT = """struct counter {
  // A brace in a comment: {
  void add(int n) { sum += n; }
  int sum = 0;
};
inline int twice(int n) {
  const int two = 2;
  return two * n;
}
"""


class Mutants(unittest.TestCase):
    def test_changed_bodies_are_found_by_their_function(self):
        self.assertEqual({1: "\n  return 3 * n;\n"}, mutants.changed_bodies(
            TEXT, TEXT.replace("  const int two = 2;\n  return two * n;", "  return 3 * n;")))
        self.assertEqual({0: " sum = n; "},
                         mutants.changed_bodies(TEXT, TEXT.replace("sum += n", "sum = n")))

    def test_a_change_of_anything_else_is_refused(self):
        for before, after in [("int sum = 0", "int sum = 1"), ("twice(int n)", "twice(long n)"),
                              ("// A brace", "// The brace"), ("};\n", "  int more;\n};\n"),
                              ("inline int", "inline int zero() { return 0; }\ninline int")]:
            with self.subTest(before):
                self.assertIsNone(mutants.changed_bodies(TEXT, TEXT.replace(before, after, 1)))
        self.assertIsNone(mutants.changed_bodies(TEXT, TEXT))

    def test_one_program_has_every_mutant_and_what_is_sound(self):
        woven = mutants.woven(TEXT, [(1, {1: "\n  return 3 * n;\n"}), (2, {0: " sum -= n; "}),
                                     (3, {1: "\n  const int two = 4;\n  return two * n;\n"})])
        program = mutants.SELECTION + "#include <cstdio>\n" + woven + """
int main() { counter c; c.add(5); std::printf("%d %d", c.sum, twice(10)); }
"""
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "program.cpp"
            source.write_text(program)
            subprocess.run(["c++", "-std=c++20", str(source), "-o", f"{folder}/program"],
                           check=True)
            for number, printed in enumerate(["5 20", "5 30", "-5 20", "5 40"]):
                done = subprocess.run(["env", f"KITH_MUTANT={number}", f"{folder}/program"],
                                      capture_output=True, text=True, check=True)
                self.assertEqual(printed, done.stdout)


if __name__ == "__main__":
    unittest.main()
