"""header_alone.py compiles a header by itself, or leaves it to the header whose bodies it holds."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "header_alone.py"
CLASS = """#pragma once
#include <kith/word.hpp>
namespace kith {
struct sentence { word first; int length() const; };
}
#include <kith/sentence_body.hpp>
"""
BODY = """#pragma once
#include <kith/sentence.hpp>
namespace kith {
inline int sentence::length() const { return first.letters; }
}
"""
WORD = "#pragma once\nnamespace kith {\nstruct word { int letters; };\n}\n"


class HeaderAlone(unittest.TestCase):
    def passes(self, headers, name, compiler=None):
        """Whether kith/`name` passes, where `headers` are all that there are."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "kith").mkdir()
            for each, text in headers.items():
                (root / "kith" / each).write_text(text)
            stamp = root / "stamp"
            command = [compiler or os.environ.get("CXX", "c++"), "-std=c++20", "-fsyntax-only",
                       f"-I{root}", "-MD", "-MT", str(stamp), "-MF", f"{stamp}.d", "-x", "c++",
                       "-include", f"kith/{name}", "/dev/null"]
            done = subprocess.run([sys.executable, SCRIPT, root, f"kith/{name}", stamp, *command],
                                  capture_output=True)
            self.assertEqual(done.returncode == 0, stamp.exists())
            if done.returncode == 0:
                self.assertIn(f"kith/{name}", pathlib.Path(f"{stamp}.d").read_text())
            return done.returncode == 0

    def test_a_header_that_forgot_an_include_is_refused(self):
        headers = {"word.hpp": WORD, "sentence_body.hpp": BODY,
                   "sentence.hpp": CLASS.replace("#include <kith/word.hpp>\n", "")}
        self.assertFalse(self.passes(headers, "sentence.hpp"))
        headers["sentence.hpp"] = CLASS
        self.assertTrue(self.passes(headers, "sentence.hpp"))

    def test_bodies_are_left_to_the_header_of_their_class(self):
        headers = {"word.hpp": WORD, "sentence.hpp": CLASS, "sentence_body.hpp": BODY}
        self.assertTrue(self.passes(headers, "sentence_body.hpp", compiler="false"))
        self.assertFalse(self.passes(headers, "sentence.hpp", compiler="false"))
        headers["sentence_body.hpp"] = BODY.replace("first.letters", "std::abs(first.letters)")
        self.assertFalse(self.passes(headers, "sentence.hpp"))

    def test_bodies_that_forgot_their_class_are_refused(self):
        text = BODY.replace("#include <kith/sentence.hpp>\n", "")
        headers = {"word.hpp": WORD, "sentence.hpp": CLASS, "sentence_body.hpp": text}
        self.assertFalse(self.passes(headers, "sentence_body.hpp"))


if __name__ == "__main__":
    unittest.main()
