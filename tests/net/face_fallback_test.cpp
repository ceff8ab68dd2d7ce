// A rolling deploy: members of one cluster of which some do not know a processor yet.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/use_future.hpp>

#include <cstddef>
#include <string>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

struct add_letter {
  std::size_t operator()(kith::entry<std::string, std::string>& entry) const {
    const std::string next = (entry.exists() ? entry.value() : std::string{}) + "x";
    entry.set(next);
    return next.size();
  }
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

}  // namespace

TEST_CASE("face: a processor that its owner does not know runs at the caller") {
  members all{2};
  // One owner knows the cache and not the processor; the keys of both are used.
  auto cache = all[0].cache<std::string, std::string>("words");
  auto older = all[1].cache<std::string, std::string>("words");
  cache.register_processor<add_letter>("add_letter");
  cache.register_processor<clear_word>("clear_word");
  std::vector<std::string> keys;
  for (int i = 0; i < 32; ++i) keys.push_back("key" + std::to_string(i));
  for (const std::string& key : keys) {
    CHECK(cache.invoke(key, add_letter{}) == 1);
    CHECK(cache.async_invoke(key, add_letter{}, asio::use_future).get() == 2);
    CHECK(*older.get(key, {.read = kith::read::owner}) == "xx");
  }
  for (const std::size_t size : cache.invoke_many(keys, add_letter{})) CHECK(size == 3);
  cache.invoke_many(keys, clear_word{});
  CHECK(older.size() == 0);
  CHECK(error_of([&] { older.invoke("key0", add_letter{}); }) == kith::errc::unknown_processor);
  std::uint64_t fallbacks = 0;
  all[0].runtime().for_each_lane(
      [&](const kith::node::lane& lane) { fallbacks += lane.calls().counters().fallbacks; });
  CHECK(fallbacks > 0);
}
