// Views with tables of the tests' making.
#pragma once

#include <kith/cluster/membership_table.hpp>
#include <kith/cluster/view.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/encode.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tables {

using namespace kith;
using namespace kith::cluster;

inline constexpr partition_id first{0};

inline member_record member_of(std::uint64_t i, std::uint32_t weight = 1, std::string zone = {}) {
  return {{i, i, 1}, {"host", static_cast<std::uint16_t>(i)}, weight, std::move(zone)};
}

inline cache_record copied(std::uint32_t id, const std::string& backups) {
  return {cache_id{id}, "cache" + std::to_string(id), {{"backups", backups}}};
}

/// Members 1 to `n`, of which partition p belongs to that of index p modulo n.
inline wire::view_body body_of(std::size_t n, std::vector<cache_record> caches) {
  wire::view_body body;
  body.key = {view_number{1}, 9};
  for (std::size_t i = 0; i < n; ++i) body.members.push_back(member_of(i + 1));
  for (std::size_t p = 0; p < partition_count; ++p) {
    body.rows.push_back({static_cast<std::uint16_t>(p % n), {view_number{1}, 9}, {}});
  }
  body.caches = std::move(caches);
  return body;
}

inline view view_of(wire::view_body body) {
  const auto made = make_view(std::move(body));
  REQUIRE(made.has_value());
  return *made;
}

/// The view after the plan. What others make of the change is the same one.
inline view after(const view& base, change_plan plan) {
  plan.next = {base.key.number.next(), base.key.branch};
  const auto [change, next] = make_change(base, std::move(plan));
  wire::view_change received;
  REQUIRE(wire::decode(wire::encoded(change), received) == wire::decode_error::none);
  const auto applied = apply(base, received);
  REQUIRE(applied.has_value());
  CHECK(static_cast<const wire::view_body&>(*applied) == next);
  return next;
}

}  // namespace tables
