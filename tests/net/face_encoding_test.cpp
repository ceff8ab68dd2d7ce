// What a user's codec throws when it writes is an error of the call, in every form of it.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

using namespace face_test;
namespace asio = boost::asio;

namespace {

/// As a key, a value and a processor: some numbers cannot be written.
struct brittle {
  static constexpr std::uint32_t broken = 1;
  static constexpr std::uint32_t no_memory = 2;
  static constexpr std::uint32_t odd = 3;
  std::uint32_t number = 0;

  void operator()(kith::entry<brittle, brittle>&) const {}
  friend auto operator<=>(const brittle&, const brittle&) = default;
};

using brittles = kith::cache<brittle, brittle>;
using kith::errc;

constexpr brittle good{7};
constexpr brittle bad{brittle::broken};

/// The error that a handler is told.
template <class Future>
[[nodiscard]] kith::error_code told(Future&& future) {
  try {
    static_cast<void>(future.get());
  } catch (const boost::system::system_error& wrong) {
    return wrong.code();
  }
  return {};
}

}  // namespace

template <>
struct kith::codec<brittle> {
  static constexpr std::string_view tag = "brittle 1";
  static constexpr bool canonical = true;
  static void write(const brittle& b, kith::byte_sink& out) {
    if (b.number == brittle::broken) throw std::runtime_error{"it is broken"};
    if (b.number == brittle::no_memory) throw std::bad_alloc{};
    if (b.number == brittle::odd) throw 3;
    out.put(b.number);
  }
  static bool read(kith::byte_source& in, brittle& b) { return in.take(b.number); }
};

TEST_CASE("face: a blocking call says what the codec of its key or value threw") {
  members all{1};
  const auto cache = all[0].cache<brittle, brittle>("brittle");
  cache.register_processor<brittle>("brittle");
  std::string text;
  CHECK(error_of([&] { cache.put(good, bad); }, &text) == errc::invalid_argument);
  CHECK(contains(text, "the value: it is broken"));
  CHECK(error_of([&] { static_cast<void>(cache.get(bad)); }, &text) == errc::invalid_argument);
  CHECK(contains(text, "the key: it is broken"));
  CHECK(error_of([&] { cache.invoke(good, bad); }, &text) == errc::invalid_argument);
  CHECK(contains(text, "the processor's fields: it is broken"));
  CHECK(error_of([&] { cache.put(good, {brittle::odd}); }) == errc::invalid_argument);
  CHECK(error_of([&] { cache.put(good, {brittle::no_memory}); }) == errc::overloaded);
  CHECK(error_of([&] { static_cast<void>(cache.get_many({good, bad})); }) ==
        errc::invalid_argument);
  CHECK(error_of([&] { cache.put_many({{good, good}, {good, bad}}); }) == errc::invalid_argument);
  CHECK(error_of([&] { static_cast<void>(cache.explain(bad)); }) == errc::invalid_argument);
  CHECK_FALSE(cache.contains(good));  // nothing was asked
  try {
    cache.put(bad, good);
    FAIL("nothing was thrown");
  } catch (const kith::error& wrong) {
    CHECK_THROWS_WITH_AS(std::rethrow_if_nested(wrong), "it is broken", std::runtime_error);
  }
}

TEST_CASE("face: the handler is told when the codec of its key or value threw") {
  members all{1};
  const auto cache = all[0].cache<brittle, brittle>("brittle");
  cache.register_processor<brittle>("brittle");
  const auto token = asio::use_future;
  CHECK(told(cache.async_put(good, bad, token)) == errc::invalid_argument);
  CHECK(told(cache.async_get(bad, token)) == errc::invalid_argument);
  CHECK(told(cache.async_visit(bad, [](const brittle&) {}, token)) == errc::invalid_argument);
  CHECK(told(cache.async_invoke(good, bad, token)) == errc::invalid_argument);
  CHECK(told(cache.async_put(good, {brittle::no_memory}, token)) == errc::overloaded);
  CHECK(told(cache.async_put_many({{good, bad}}, token)) == errc::invalid_argument);
  CHECK(told(cache.async_get_many({good, bad}, token)) == errc::invalid_argument);
  // Keys are written when the operation starts, which is later here.
  auto lazy = cache.async_get_many({bad}, asio::deferred);
  CHECK(told(std::move(lazy)(token)) == errc::invalid_argument);
  CHECK_FALSE(cache.contains(good));
}

TEST_CASE("face: an integer that the key type cannot hold is an error of the call") {
  members all{1};
  const auto cache = all[0].cache<std::uint8_t, std::string>("small");
  std::string text;
  CHECK(error_of([&] { cache.put(256, "v"); }, &text) == errc::invalid_argument);
  CHECK(contains(text, "does not fit"));
  CHECK(told(cache.async_put(-1, "v", asio::use_future)) == errc::invalid_argument);
}
