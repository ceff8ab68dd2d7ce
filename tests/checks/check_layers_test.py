"""check_layers.py is fed headers with one fault each and has to name it."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import check_layers

CLEAN = {
    "kith/core/ids.hpp": "#include <cstdint>\nusing id = std::uint32_t;\n",
    "kith/error.hpp": "#include <kith/core/ids.hpp>\n#include <boost/system/error_code.hpp>\n",
    "kith/wire/frame.hpp": "#include <kith/core/ids.hpp>\n#include <absl/hash/hash.h>\n",
    "kith/store/shard.hpp": "#include <kith/error.hpp>\n#include <vector>\n",
    "kith/node/node.hpp": "#include <kith/store/shard.hpp>\n#include <kith/wire/frame.hpp>\n",
    "kith/net/tcp.hpp": "#include <kith/node/node.hpp>\n#include <boost/asio/ip/tcp.hpp>\n",
    "kith/kith.hpp": "#include <kith/net/tcp.hpp>\n",
}


def faults_with(changes):
    """What the check says of the clean headers with `changes` made to them."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {**CLEAN, **changes}.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("#pragma once\n" + text, encoding="utf-8")
        return check_layers.check(root)


class CheckLayers(unittest.TestCase):
    def expect(self, fault, changes):
        found = faults_with(changes)
        self.assertTrue(any(fault in line for line in found), found)

    def test_the_administration_page_is_opt_in(self):
        self.expect("facade may not include admin_server (kith/admin.hpp)",
                    {"kith/member.hpp": "#include <kith/admin.hpp>\n", "kith/admin.hpp": ""})
        self.expect("net may not include boost/beast/http.hpp",
                    {"kith/net/tcp.hpp": "#include <boost/beast/http.hpp>\n"})

    def test_clean_headers_pass(self):
        self.assertEqual(faults_with({}), [])

    def test_an_arrow_upwards_is_refused(self):
        self.expect("core may not include wire",
                    {"kith/core/ids.hpp": "#include <kith/wire/frame.hpp>\n"})

    def test_siblings_may_not_include_each_other(self):
        self.expect("store may not include wire",
                    {"kith/store/shard.hpp": "#include <kith/wire/frame.hpp>\n"})

    def test_a_pure_room_may_not_include_asio(self):
        self.expect("wire may not include boost/asio/ip/tcp.hpp",
                    {"kith/wire/frame.hpp": "#include <boost/asio/ip/tcp.hpp>\n"})

    def test_the_cache_may_include_tokens_of_asio_but_no_io(self):
        self.assertEqual([], faults_with(
            {"kith/cache.hpp": "#include <boost/asio/any_completion_handler.hpp>\n"}))
        self.expect("cache may not include boost/asio/ip/tcp.hpp",
                    {"kith/cache.hpp": "#include <boost/asio/ip/tcp.hpp>\n"})

    def test_the_umbrella_is_not_for_the_library(self):
        self.expect("the library never includes it",
                    {"kith/net/tcp.hpp": "#include <kith/kith.hpp>\n"})

    def test_an_include_of_a_header_that_does_not_exist_is_refused(self):
        self.expect("missing include: kith/core/gone.hpp does not exist",
                    {"kith/wire/frame.hpp": "#include <kith/core/gone.hpp>\n"})

    def test_a_standard_name_needs_its_header(self):
        self.expect("missing include: std::optional needs <optional>",
                    {"kith/store/shard.hpp": "inline std::optional<int> nothing();\n"})

    def test_a_name_in_a_comment_or_a_string_needs_nothing(self):
        self.assertEqual([], faults_with(
            {"kith/store/shard.hpp": '// std::optional\n/* std::map */ "std::set";\n'}))

    def test_a_folder_without_a_row_in_the_table_is_refused(self):
        self.expect("belongs to no room", {"kith/misc/thing.hpp": "\n"})
        self.expect("belongs to no room", {"kith/thing.hpp": "\n"})

    def test_headers_in_a_ring_are_refused(self):
        self.expect("include cycle: kith/core/a.hpp -> kith/core/b.hpp -> kith/core/a.hpp",
                    {"kith/core/a.hpp": "#include <kith/core/b.hpp>\n",
                     "kith/core/b.hpp": "#include <kith/core/a.hpp>\n"})

    def test_bodies_behind_a_class_may_include_it_and_use_what_it_includes(self):
        head = ("#include <vector>\nnamespace kith {}\n"
                "#include <kith/core/list_bodies.hpp>\n")
        bodies = "#include <kith/core/list.hpp>\ninline std::vector<int> f();\n"
        self.assertEqual([], faults_with({"kith/core/list.hpp": head,
                                          "kith/core/list_bodies.hpp": bodies}))
        self.expect("missing include: std::map needs <map>", {
            "kith/core/list.hpp": head,
            "kith/core/list_bodies.hpp": bodies + "inline std::map<int, int> g();\n"})
        self.expect("core may not include wire (kith/wire/frame.hpp)", {
            "kith/core/list.hpp": head.replace("kith/core/list_bodies", "kith/wire/frame"),
            "kith/wire/frame.hpp": "#include <kith/core/list.hpp>\n"})

    def test_a_pure_room_has_no_clock_chance_or_threads(self):
        self.expect("not from steady_clock::now",
                    {"kith/wire/frame.hpp": "auto t = std::chrono::steady_clock::now();\n"})
        self.expect("may not use threads or chance (<thread>)",
                    {"kith/node/node.hpp": "#include <thread>\n"})

    def test_only_the_annotated_wrapper_knows_the_mutex(self):
        self.assertEqual([], faults_with({"kith/core/mutex.hpp": "#include <mutex>\n"}))
        self.expect("not of <mutex>", {"kith/core/ids.hpp": "#include <mutex>\n"})
        self.expect("not of <shared_mutex>", {"kith/net/tcp.hpp": "#include <shared_mutex>\n"})

    def test_quotes_and_a_missing_guard_are_refused(self):
        self.expect("are included as <kith/...>",
                    {"kith/wire/frame.hpp": '#include "kith/core/ids.hpp"\n'})
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "kith/core/ids.hpp"
            file.parent.mkdir(parents=True)
            file.write_text("struct id {};\n", encoding="utf-8")
            self.assertEqual(["core/ids.hpp: has no #pragma once"],
                             check_layers.check(pathlib.Path(folder)))

    def test_an_empty_folder_is_no_success(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertNotEqual([], check_layers.check(pathlib.Path(folder)))


if __name__ == "__main__":
    unittest.main()
