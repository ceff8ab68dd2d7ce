// Loaders that ask for other keys, and what becomes of their exceptions.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/use_future.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

using rows = kith::cache<std::string, std::string>;
using chain = kith::cache<std::int64_t, std::int64_t>;

/// Each key is loaded by way of the next one, up to `last`.
void open_chain(std::optional<chain>& own, kith::member& member, const std::string& name,
                std::int64_t last) {
  own = member.cache<std::int64_t, std::int64_t>(
      name, {.load = [&own, last](const std::int64_t& key) -> std::optional<std::int64_t> {
               return key >= last ? 0 : *own->get(key + 1) + 1;
             },
             .timeout = patience});
}

/// What its loader throws.
struct row_missing : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The exception nested in the kith::error that `call` throws: 1 if it is the loader's own, 0 if
/// there is none, -1 for anything else.
template <class Call>
[[nodiscard]] int nested_in(Call&& call) {
  try {
    call();
  } catch (const kith::error& failed) {
    CHECK(failed.code() == kith::errc::load_failed);
    CHECK(contains(failed.what(), "no such row"));
    try {
      std::rethrow_if_nested(failed);
      return 0;
    } catch (const row_missing& thrown) {
      return thrown.what() == std::string{"no such row"} ? 1 : -1;
    }
  }
  return -1;
}

}  // namespace

TEST_CASE("face: what a loader threw is nested in load_failed where it ran in this process") {
  members all{2};  // each has its own exceptions: only the owner's callers get it
  kith::cache_options<std::string, std::string> options;
  options.load = [](const std::string&) -> std::optional<std::string> {
    throw row_missing{"no such row"};
  };
  // "tickets" has its loader here only: its owner hands out a ticket.
  const rows here = all[0].cache<std::string, std::string>("rows", options);
  const rows there = all[1].cache<std::string, std::string>("rows", options);
  const rows alone = all[0].cache<std::string, std::string>("tickets", options);
  int nested = 0;
  for (int i = 0; i < 16; ++i) {
    const std::string key = "key" + std::to_string(i);
    const int mine = nested_in([&] { static_cast<void>(here.get(key)); });
    const int theirs = nested_in([&] { static_cast<void>(there.get(key)); });
    CHECK(mine + theirs == 1);
    nested += mine;
    CHECK(nested_in([&] { static_cast<void>(here.get_many({key})); }) == mine);
    CHECK(nested_in([&] { static_cast<void>(alone.get(key)); }) == 1);
    std::promise<kith::error_code> told;
    here.async_get(key, [&](kith::error_code code, const auto&) { told.set_value(code); });
    CHECK(told.get_future().get() == kith::errc::load_failed);
  }
  CHECK(nested > 0);
  CHECK(nested < 16);
}

TEST_CASE("face: loaders that get loaded keys do not wait for each other's threads") {
  members all{2};
  std::vector<std::optional<rows>> inner(all.size());
  std::vector<rows> outer;
  for (std::size_t i = 0; i < all.size(); ++i) {
    inner[i] = all[i].cache<std::string, std::string>(
        "inner", {.load = [](const std::string& key) { return std::optional{"row " + key}; },
                  .timeout = patience});
    outer.push_back(all[i].cache<std::string, std::string>(
        "outer", {.load = [&from = *inner[i]](const std::string& key) {
                    return std::optional{"page of " + *from.get(key)};
                  },
                  .timeout = patience}));
  }
  std::vector<std::future<kith::ref<std::string>>> pages;
  for (int i = 0; i < 400; ++i) {
    pages.push_back(outer[static_cast<std::size_t>(i) % 2].async_get(std::to_string(i),
                                                                     asio::use_future));
  }
  for (std::size_t i = 0; i < pages.size(); ++i) {
    CHECK(*pages[i].get() == "page of row " + std::to_string(i));
  }
}

TEST_CASE("face: loaders wait for each other to a depth, and are told beyond it") {
  members all{1};
  std::optional<chain> deep;
  open_chain(deep, all[0], "deep", 60);
  CHECK(*deep->get(0) == 60);
  std::optional<chain> deeper;
  open_chain(deeper, all[0], "deeper", 200);
  std::string text;
  CHECK(error_of([&] { static_cast<void>(deeper->get(0)); }, &text) == kith::errc::load_failed);
  CHECK(contains(text, "as many loaders as may"));
  CHECK(*deeper->get(190) == 10);
}
