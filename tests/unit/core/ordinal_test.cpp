#include <kith/core/ordinal.hpp>

#include <doctest/doctest.h>

#include <concepts>
#include <type_traits>

namespace kith {

TEST_CASE("ordinal: counts from zero, one by one") {
  CHECK(sequence{}.value() == 0);
  CHECK(sequence{}.next() == sequence{1});
  CHECK(sequence{1} < sequence{2});
}

TEST_CASE("ordinal: kinds do not mix with each other or with integers") {
  CHECK_FALSE(std::equality_comparable_with<sequence, view_number>);
  CHECK_FALSE(std::is_convertible_v<std::uint64_t, sequence>);
  CHECK_FALSE(std::is_convertible_v<sequence, std::uint64_t>);
}

TEST_CASE("epoch: the view decides before the branch") {
  CHECK(epoch{view_number{1}, 9} < epoch{view_number{2}, 0});
  CHECK(epoch{view_number{2}, 0} < epoch{view_number{2}, 1});
}

TEST_CASE("version: the epoch decides before the sequence, and none is older than all") {
  const version old_owner{epoch{view_number{1}, 0}, sequence{1000}};
  const version new_owner{epoch{view_number{2}, 0}, sequence{1}};
  CHECK(old_owner < new_owner);
  CHECK(version{} < version{epoch{}, sequence{1}});
  CHECK(version{} < old_owner);
}

}  // namespace kith
