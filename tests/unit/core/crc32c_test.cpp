#include <kith/core/crc32c.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

namespace kith {

namespace {

bytes counted(std::size_t size, int first, int step) {
  bytes made(size);
  for (std::size_t i = 0; i < size; ++i, first += step) made[i] = static_cast<std::byte>(first);
  return made;
}

}  // namespace

// RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
TEST_CASE("crc32c: the published vectors") {
  CHECK(crc32c(as_bytes("")) == 0);
  CHECK(crc32c(as_bytes("123456789")) == 0xE3069283);
  CHECK(crc32c(counted(32, 0, 0)) == 0x8A9136AA);
  CHECK(crc32c(counted(32, 0xFF, 0)) == 0x62A8AB43);
  CHECK(crc32c(counted(32, 0, 1)) == 0x46DD794E);
  CHECK(crc32c(counted(32, 31, -1)) == 0x113FDB5C);
}

TEST_CASE("crc32c: the instruction and the table agree on every length and offset") {
  random_source random{1};
  bytes data(4096 + 16);
  for (std::byte& b : data) b = static_cast<std::byte>(random.next());
  for (std::size_t size = 0; size < 200; ++size) {
    for (std::size_t offset = 0; offset < 8; ++offset) {
      CAPTURE(size);
      CAPTURE(offset);
      const byte_view view = byte_view{data}.subspan(offset, size);
      CHECK(crc32c(view) == crc::by_table(view));
      const std::size_t half = size / 2;
      const std::uint32_t first = crc32c(view.first(half));
      CHECK(crc32c(view.subspan(half), first) == crc32c(view));
      CHECK(crc::by_table(view.subspan(half), first) == crc32c(view));
    }
  }
  CHECK(crc32c(data) == crc::by_table(data));
}

TEST_CASE("crc32c: one flipped bit changes the sum") {
  bytes data = counted(100, 0, 3);
  const std::uint32_t sum = crc32c(data);
  for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
    data[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK(crc32c(data) != sum);
    data[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

}  // namespace kith
