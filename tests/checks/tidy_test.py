"""tidy.py is fed sources just within and just over each budget."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import tidy


def function_of(lines, declaration="inline int f(int a)"):
    return declaration + " {\n" + "  ++a;\n" * (lines - 2) + "}\n"


class Tidy(unittest.TestCase):
    def test_a_line_may_have_a_hundred_columns(self):
        self.assertEqual([], tidy.check_file("a.py", "x" * 100 + "\n"))
        self.assertEqual(["a.py:2: 101 columns, more than 100"],
                         tidy.check_file("a.py", "\n" + "é" * 101 + "\n"))

    def test_a_file_may_have_five_hundred_lines(self):
        self.assertEqual([], tidy.check_file("a.sh", "x\n" * 500))
        self.assertEqual(["a.sh: 501 lines, more than 500"], tidy.check_file("a.sh", "x\n" * 501))

    def test_a_function_may_have_seventy_lines(self):
        self.assertEqual([], tidy.check_file("a.hpp", function_of(70)))
        faults = tidy.check_file("a.hpp", "\n" + function_of(71))
        self.assertEqual(1, len(faults), faults)
        self.assertTrue(faults[0].startswith("a.hpp:2: 71 lines, more than 70: inline int f("))

    def test_every_form_of_a_function_is_measured(self):
        for declaration in [
            "a::a(int x) : x_{x}, y_(x), z_{}",
            "template <class T, class = void>\n  requires std::integral<T>\nauto a<T>::f(T) -> int",
            "[[nodiscard]] __attribute__((cold)) const char* f() const noexcept override",
            'TEST_CASE("a: b {c}")',
            "bool operator()(int a = 3, b c = {}) const",
            "struct s {\n int x = 1;\n void f()",
            "#define BRACE {\nint f()",
        ]:
            with self.subTest(declaration):
                self.assertEqual(1, len(tidy.check_file("a.hpp", function_of(80, declaration))))

    def test_what_is_no_function_is_not_measured(self):
        for declaration in ["namespace a", "class a : public b", "enum class a : int",
                            "struct __attribute__((packed)) a", "inline constexpr int a[] ="]:
            with self.subTest(declaration):
                self.assertEqual([], tidy.check_file("a.hpp", function_of(80, declaration)))

    def test_what_stands_before_a_function_is_no_part_of_it(self):
        text = "#define A(x) \\\n  x\nA(int)\nB_C(d, 2)\n\n" + function_of(70)
        self.assertEqual([(6, 75, "inline int f(int a)")], tidy.functions(text))

    def test_braces_in_comments_and_literals_do_not_count(self):
        text = "int f() {\n  // {\n  g(\"{\", '{', R\"({{\n)\"); /* {\n */\n}\n" + "int x;\n" * 80
        self.assertEqual([(1, 6, "int f()")], tidy.functions(text))

    def test_a_virtual_function_in_a_header_is_inline_in_its_class(self):
        text = ("struct a final : b {{\n public:\n  {}void f(int x,\n"
                "         int y) const override;\n  void g() override {{}}\n"
                "  virtual void h() = 0;\n  virtual ~a() = default;\n}};\n")
        faults = tidy.check_file("include/kith/a.hpp", text.format(""))
        self.assertEqual(1, len(faults), faults)
        self.assertIn("virtual and not inline", faults[0])
        self.assertEqual([], tidy.check_file("include/kith/a.hpp", text.format("inline ")))
        self.assertEqual([], tidy.check_file("tests/a.hpp", text.format("")))
        self.assertEqual(1, len(tidy.check_file(
            "include/a.hpp", "class a {\n public:\n  virtual void f();\n};\n")))

    def test_a_project_without_sources_is_no_success(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertNotEqual([], tidy.check(pathlib.Path(folder)))


if __name__ == "__main__":
    unittest.main()
