#include "json.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using catalog::package;

TEST_CASE("json: text with quotes and control characters is escaped") {
  package shown;
  shown.name = "a\"b\\c";
  shown.description = std::string{"line\n\ttab\x01"} + '\0' + "\xC3\xA4";
  shown.size = -5;
  shown.revision = 7;
  const std::string text = catalog::to_json(shown);
  CHECK(text ==
        R"({"name":"a\"b\\c","version":"","section":"","size":-5,)"
        R"("description":"line\n\ttab\u0001\u0000)"
        "\xC3\xA4\""
        R"(,"revision":7})"
        "\n");
}

TEST_CASE("json: a reply may be sent back as a change") {
  package shown;
  shown.name = "tea";
  shown.version = "1\n2";
  shown.section = "drinks";
  shown.size = 12;
  shown.description = "say \"hi\"";
  const auto change = catalog::change_from_json(catalog::to_json(shown));
  CHECK(change.version == shown.version);
  CHECK(change.section == shown.section);
  CHECK(change.size == shown.size);
  CHECK(change.description == shown.description);
}

TEST_CASE("json: a change names only what it changes") {
  const auto change = catalog::change_from_json(R"({"description":"new"})");
  CHECK(change.description == "new");
  CHECK_FALSE(change.version);
  CHECK_FALSE(change.section);
  CHECK_FALSE(change.size);
}

TEST_CASE("json: what is no change is refused") {
  for (const char* wrong :
       {"", "{", "[]", "1", R"({"size":"1"})", R"({"size":-1})", R"({"size":1.5})",
        R"({"version":1})", R"({"colour":"red"})", "{\"version\":\"\xFF\"}"}) {
    CHECK_THROWS_AS((void)catalog::change_from_json(wrong), std::invalid_argument);
  }
}

TEST_CASE("json: counters come back as they were, and none may be missing") {
  catalog::stats shown;
  shown.near = 1;
  shown.owner = 2;
  shown.database = 3;
  shown.absent = 4;
  shown.selects = UINT64_MAX;
  shown.view = 9;
  CHECK(catalog::stats_from_json(catalog::to_json(shown)) == shown);
  CHECK(shown.reads() == 10);
  CHECK_THROWS_AS((void)catalog::stats_from_json(R"({"near":1})"), std::invalid_argument);
}
