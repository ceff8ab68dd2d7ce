"""The README's first program is what it says: whole, and accepted by a compiler."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ReadmeTest(unittest.TestCase):
    def test_first_program_compiles(self):
        readme = (ROOT / "README.md").read_text()
        program = re.search(r"```cpp\n(.*?)```", readme, re.DOTALL).group(1)
        self.assertIn("int main()", program)
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "readme.cpp"
            source.write_text(program)
            command = [os.environ.get("CXX", "c++"), "-std=c++20", "-fsyntax-only", "-Wall",
                       "-Wextra", "-Wno-missing-field-initializers",
                       "-DBOOST_ASIO_SEPARATE_COMPILATION", f"-I{ROOT}/include", str(source)]
            done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[:2000])

    def test_it_is_short(self):
        lines = (ROOT / "README.md").read_text().splitlines()
        self.assertLess(len(lines), 150)


if __name__ == "__main__":
    unittest.main()
