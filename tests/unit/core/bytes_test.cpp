#include <kith/core/bytes.hpp>

#include <doctest/doctest.h>

#include <string>

namespace kith {

TEST_CASE("bytes: a text is seen as bytes and back") {
  const std::string text{"a\0b\xFF", 4};
  CHECK(as_bytes(text).size() == 4);
  CHECK(as_text(as_bytes(text)) == text);
  CHECK(as_text(to_bytes(text)) == text);
  CHECK(as_bytes("").empty());
}

TEST_CASE("bytes: views are equal when their bytes are") {
  const bytes one = to_bytes("same");
  const bytes two = to_bytes("same");
  CHECK(equal(one, two));
  CHECK_FALSE(equal(one, to_bytes("some")));
  CHECK_FALSE(equal(one, byte_view{two}.first(3)));
  CHECK(equal(byte_view{}, byte_view{one}.first(0)));
}

TEST_CASE("bytes: a copy does not follow its source") {
  bytes source = to_bytes("x");
  const bytes copy = to_bytes(byte_view{source});
  source[0] = std::byte{'y'};
  CHECK(as_text(copy) == "x");
}

}  // namespace kith
