#include <kith/core/utf8.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using kith::clean_utf8;

TEST_CASE("utf8: characters of every length stay as they are") {
  for (const std::string_view text : {"", "products", "T\xC3\xA9", "\xE2\x82\xAC \xED\x9F\xBF",
                                      "\xF0\x9F\x8D\xB5", "\xF4\x8F\xBF\xBF"}) {
    CHECK(clean_utf8(text) == text);
  }
}

TEST_CASE("utf8: bytes of no character are replaced one by one") {
  const std::string no = "\xEF\xBF\xBD";
  CHECK(clean_utf8("a\xFFz") == "a" + no + "z");
  CHECK(clean_utf8("\xC3") == no);                          // cut
  CHECK(clean_utf8("\xE2\x82") == no + no);                 // cut
  CHECK(clean_utf8("\xC0\xAF") == no + no);                 // padded
  CHECK(clean_utf8("\xE0\x80\xAF") == no + no + no);        // padded
  CHECK(clean_utf8("\xED\xA0\x80") == no + no + no);        // a surrogate
  CHECK(clean_utf8("\xF4\x90\x80\x80") == no + no + no + no);  // beyond the last
  CHECK(clean_utf8("\x80\xE2\x82\xAC") == no + "\xE2\x82\xAC");
}
