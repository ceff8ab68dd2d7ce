#include <kith/boost_archive.hpp>
#include <kith/codec_boost.hpp>

#include <doctest/doctest.h>

#include <boost/serialization/base_object.hpp>
#include <boost/serialization/export.hpp>
#include <boost/serialization/shared_ptr.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace {

struct shape {
  virtual ~shape() = default;
  virtual int area() const = 0;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

struct square : shape {
  int side = 0;
  int area() const override { return side * side; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::base_object<shape>(*this);
    archive & side;
  }
};

struct drawing {
  std::string title;
  std::vector<std::shared_ptr<shape>> shapes;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & title & shapes;
  }
};

struct album {
  int number = 0;
  drawing cover;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & number & cover;
  }
};

}  // namespace

BOOST_CLASS_EXPORT(square)

template <>
inline constexpr bool kith::archived<drawing> = true;

namespace {

using kith::decode;
using kith::encode;

static_assert(kith::encodable<drawing> && !kith::encodable_key<drawing>);
static_assert(kith::codec_tag<drawing>() == "boost archive");

drawing sample() {
  drawing d{"two of one", {}};
  auto one = std::make_shared<square>();
  one->side = 3;
  d.shapes = {one, one};
  return d;
}

void check(const drawing& d) {
  CHECK(d.title == "two of one");
  REQUIRE(d.shapes.size() == 2);
  REQUIRE(d.shapes[0] != nullptr);
  CHECK(d.shapes[0]->area() == 9);
  CHECK(d.shapes[0] == d.shapes[1]);
}

TEST_CASE("boost_archive: shared and polymorphic objects come back as one object") {
  const auto back = decode<drawing>(encode(sample()));
  REQUIRE(back);
  check(*back);
}

TEST_CASE("boost_archive: inside another value it is one field, of its own length") {
  album a{7, sample()};
  const auto back = decode<album>(encode(a));
  REQUIRE(back);
  CHECK(back->number == 7);
  check(back->cover);
}

TEST_CASE("boost_archive: truncated and trailing bytes, and a newer library, are refused") {
  const kith::bytes data = encode(sample());
  // Only before the first pointer: Boost leaks an object whose reading it breaks off.
  const std::size_t title_end = kith::as_text(data).find("one") + 3;
  for (std::size_t i = 0; i < title_end; ++i) {
    drawing into;
    CHECK_FALSE(decode(kith::byte_view{data}.first(i), into));
  }
  kith::bytes longer = data;
  longer.push_back(std::byte{0});
  CHECK_FALSE(decode<drawing>(longer));
  kith::bytes newer = data;
  newer[1] = std::byte{1};
  CHECK_FALSE(decode<drawing>(newer));
}

}  // namespace
