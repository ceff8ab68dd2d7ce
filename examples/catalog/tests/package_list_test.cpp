#include "package_list.hpp"

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

namespace {

using catalog::package;

constexpr std::string_view list =
    "Package: bash\n"
    "Version: 5.2.15-2+b7\n"
    "Tag: role::program,\n"
    " scope::application\n"
    "Section: shells\n"
    "Size: 1490924\n"
    "Description: GNU Bourne Again SHell\n"
    " Bash is an sh-compatible command language interpreter.\n"
    " .\n"
    " It also has useful features.\n"
    "Homepage: http://example.org/a:b\n"
    "\n"
    "\n"
    "Package: no-version\n"
    "Section: misc\n"
    "\n"
    "Package: g++\r\n"
    "Version: 4:12.2.0-3\r\n"
    "Size: none";

std::vector<package> parse(std::string_view text, std::size_t piece) {
  std::vector<package> found;
  catalog::package_list_parser parser{[&](package&& one) { found.push_back(std::move(one)); }};
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    parser.feed(text.substr(0, piece));
  }
  parser.finish();
  return found;
}

}  // namespace

TEST_CASE("package_list: a stanza becomes a package, one without a version does not") {
  const std::vector<package> found = parse(list, list.size());
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "bash");
  CHECK(found[0].version == "5.2.15-2+b7");
  CHECK(found[0].section == "shells");
  CHECK(found[0].size == 1490924);
  CHECK(found[0].description ==
        "GNU Bourne Again SHell\n"
        "Bash is an sh-compatible command language interpreter.\n"
        "\n"
        "It also has useful features.");
  CHECK(found[1].name == "g++");
  CHECK(found[1].version == "4:12.2.0-3");
  CHECK(found[1].size == 0);
  CHECK(found[1].description.empty());
}

TEST_CASE("package_list: where the bytes are cut makes no difference") {
  const std::vector<package> whole = parse(list, list.size());
  for (std::size_t piece = 1; piece < 60; ++piece) CHECK(parse(list, piece) == whole);
}
