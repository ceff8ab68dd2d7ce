#include <kith/store/slots.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <vector>

using kith::store::handle;
using kith::store::slots;

namespace {

struct refuses {
  explicit refuses(bool throws) {
    if (throws) throw std::runtime_error{"refused"};
  }
};

}  // namespace

TEST_CASE("slots: elements never move, and the slot freed last is used first") {
  slots<std::unique_ptr<int>> many;
  std::vector<std::unique_ptr<int>*> places;
  for (int i = 0; i < 2000; ++i) {
    const handle at = many.emplace(std::make_unique<int>(i));
    CHECK(index_of(at) == static_cast<std::uint32_t>(i));
    places.push_back(&many[at]);
  }
  for (std::uint32_t i = 0; i < 2000; ++i) {
    CHECK(&many[handle{i}] == places[i]);
    CHECK(*many[handle{i}] == static_cast<int>(i));
  }
  many.erase(handle{5});
  many.erase(handle{1500});
  CHECK_FALSE(many.live(handle{5}));
  CHECK_FALSE(many.live(handle{4000}));
  CHECK(many.size() == 1998);
  CHECK(many.emplace(nullptr) == handle{1500});
  CHECK(many.emplace(nullptr) == handle{5});
  CHECK(many.emplace(nullptr) == handle{2000});
}

TEST_CASE("slots: a constructor that throws leaves no trace") {
  slots<refuses> some;
  CHECK_THROWS_AS(some.emplace(true), std::runtime_error);
  CHECK(some.emplace(false) == handle{0});
  some.erase(handle{0});
  CHECK_THROWS_AS(some.emplace(true), std::runtime_error);
  CHECK(some.emplace(false) == handle{0});
  CHECK(some.size() == 1);
}
