// An owner of a cache with a store, for tests: writes of the store are under way until a test says
// how they end.
#pragma once

#include "owner_fixture.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::replica {

struct storing_owner : owner {
  explicit storing_owner(store_kind kind = store_kind::through,
                         const replica_options& options = options_of_home())
      : owner{options} {
    const cache_copies of_books[] = {{books, 0, 0, kind}};
    machine.on_caches(of_books);
    cache_settings settings;
    settings.id = books;
    settings.has_loader = true;
    settings.store = {10s, 20s};
    machine.open_cache(settings);
  }

  /// The writes of the store that began since clear().
  [[nodiscard]] std::vector<run_write> writes() const { return effects<run_write>(); }
  [[nodiscard]] store_row row() const {
    const auto all = writes();
    REQUIRE(!all.empty());
    REQUIRE(all.back().rows.size() == 1);
    return all.back().rows.front();
  }
  [[nodiscard]] write_ticket writing() const {
    const auto all = writes();
    REQUIRE(!all.empty());
    return all.back().ticket;
  }
  void end(const write_ticket& ticket, write_result result = written{}) {
    machine.on_write_done(now, ticket, std::move(result), out);
  }
  wire::mutate_status status(const member_id& who) const {
    return one<wire::mutate_reply>(who).status;
  }
  /// Whether what anna loads now may be kept.
  bool keeps_load(std::string_view brought) {
    clear();
    load(anna);
    const auto ticket = effects<run_load>().at(0).ticket;
    machine.on_load_done(now, ticket, loaded{to_bytes(brought), std::nullopt}, out);
    const auto reply = one<wire::get_reply>(anna);
    CHECK(as_text(reply.value) == brought);
    CHECK(reply.cacheable == (value() == brought));
    return reply.cacheable;
  }
};

}  // namespace kith::replica
