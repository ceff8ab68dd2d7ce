"""Each piece of code in docs/coming-from.md is accepted by a compiler. Only its type is asked for,
so that what the pieces call need not be compiled: that would take half a minute."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = pathlib.Path(os.environ.get("KITH_INCLUDE", ROOT / "include"))

PROGRAM = """
#include <kith/kith.hpp>
#include <kith/sim/cluster.hpp>

#include <boost/asio/detached.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

#include <sstream>

namespace coming_from {

using namespace std::chrono_literals;
using text = std::string;

struct cart {
  std::vector<text> items;
  template <class Archive> void serialize(Archive& archive, unsigned) { archive & items; }
};
struct add_to_cart {
  text item;
  std::size_t operator()(kith::entry<text, cart>&) const { return 0; }
  template <class Archive> void serialize(Archive& archive, unsigned) { archive & item; }
};

inline const auto token = boost::asio::detached;
inline const auto see = [](const text&, const text&, const kith::version&) {};
inline const auto heard = [](const kith::entry_event<text, text>&) {};
inline const auto seen_view = [](const kith::view_event&) {};
inline const auto select = [](const text& key) { return std::optional{key}; };
inline const auto select_many = [](const std::vector<text>& keys) {
  std::vector<std::pair<text, text>> rows;
  for (const text& key : keys) rows.emplace_back(key, key);
  return rows;
};
inline const auto life_of = [](const text&, const text&) -> std::optional<kith::duration> {
  return 1min;
};

void all(kith::member& member, const kith::cache<text, text>& cache,
         const kith::cache<text, std::int64_t>& counters, const kith::cache<text, cart>& carts,
         kith::version seen, std::stringstream& file) {
%s
}

}  // namespace coming_from
"""

# What the public headers have to say before code with the first can be compiled.
NEEDS = {".idle": " idle = ", ".expiry": " expiry = ", ".load_many": " load_many = ",
         ".loading": " loading = ", ".tags": " tags = ", "invalidate_tag": " invalidate_tag("}


def pieces():
    """(line, code) of every piece in the second column of a table."""
    page = (ROOT / "docs/coming-from.md").read_text(encoding="utf-8")
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("| ") and not line.startswith("| kith"):
            for code in re.findall(r"`([^`]*)`", line.split(" | ")[1]):
                yield number, code


def known(code):
    headers = "".join((INCLUDE / "kith" / name).read_text(encoding="utf-8")
                      for name in ("options.hpp", "cache.hpp"))
    return all(said in headers for word, said in NEEDS.items() if word in code)


def program():
    lines = []
    for number, code in pieces():
        if known(code):
            value = re.sub(r"^(kith::[\w:]+) \w+\(", r"\1(", code)  # of a declaration
            lines.append(f'#line {number} "docs/coming-from.md"')
            lines.append(f"  {{ using row = decltype({value}); }}")
    return PROGRAM % "\n".join(lines)


class ComingFrom(unittest.TestCase):
    def test_every_row_has_code(self):
        self.assertGreater(len(list(pieces())), 60)
        for number, code in pieces():
            self.assertRegex(code, r"[)}]$", f"line {number}")

    def test_all_of_it_compiles(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "coming_from.cpp"
            source.write_text(program(), encoding="utf-8")
            command = [os.environ.get("CXX", "c++"), "-std=c++20", "-fsyntax-only",
                       "-DBOOST_ASIO_SEPARATE_COMPILATION", f"-I{INCLUDE}", str(source)]
            done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[:4000])


if __name__ == "__main__":
    unittest.main()
