#include <kith/store/tag_ends.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

using kith::store::tag_ends;

namespace {

constexpr std::array<std::uint64_t, 1> red{1};
constexpr std::array<std::uint64_t, 1> blue{2};
constexpr std::array<std::uint64_t, 2> both{1, 2};

}  // namespace

TEST_CASE("tag_ends: an entry of a tag that was ended since it was stored is dead, others live") {
  tag_ends ends{8};
  const std::uint64_t before = ends.count();
  ends.end(1);
  CHECK(ends.ended_since(red, before));
  CHECK(ends.ended_since(both, before));
  CHECK_FALSE(ends.ended_since(blue, before));
  CHECK_FALSE(ends.ended_since({}, before));
}

TEST_CASE("tag_ends: an entry that was stored after the end of its tag lives") {
  tag_ends ends{8};
  ends.end(1);
  const std::uint64_t after = ends.count();
  CHECK_FALSE(ends.ended_since(red, after));
  ends.end(2);
  CHECK_FALSE(ends.ended_since(red, after));
  ends.end(1);
  CHECK(ends.ended_since(red, after));
}

TEST_CASE("tag_ends: when the oldest ending is forgotten, older entries with tags die") {
  tag_ends ends{2};
  ends.end(1);
  const std::uint64_t between = ends.count();
  ends.end(3);
  CHECK_FALSE(ends.ended_since(blue, 0));
  ends.end(4);
  // The end of tag 1 is forgotten.
  CHECK(ends.size() == 2);
  CHECK(ends.ended_since(red, 0));
  CHECK(ends.ended_since(blue, 0));
  CHECK_FALSE(ends.ended_since(red, between));
  CHECK_FALSE(ends.ended_since({}, 0));
}

TEST_CASE("tag_ends: a tag that is ended again and again takes no more room") {
  tag_ends ends{2};
  ends.end(2);
  const std::uint64_t before = ends.count();
  for (int i = 0; i < 1000; ++i) ends.end(1);
  CHECK(ends.size() == 2);
  CHECK(ends.ended_since(red, before));
  CHECK_FALSE(ends.ended_since(blue, before));
}
