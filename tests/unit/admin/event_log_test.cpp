#include <kith/admin/event_log.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

using kith::admin::event_log;

const kith::endpoint a{"127.0.0.1", 1};
const kith::endpoint b{"127.0.0.1", 2};

kith::view_event view_of(std::uint64_t number, std::vector<kith::endpoint> joined,
                         std::vector<kith::endpoint> left) {
  kith::view_event made;
  made.number = number;
  made.joined = std::move(joined);
  made.left = std::move(left);
  return made;
}

}  // namespace

TEST_CASE("event log: who joined and who is gone is told in the order of views") {
  event_log log;
  log.begin(4);
  log.on_view(view_of(5, {a, b}, {}));
  log.on_view(view_of(6, {}, {b}));
  const auto events = log.events();
  REQUIRE(events.size() == 4);
  CHECK(events[0].what == "began");
  CHECK(events[0].view == 4);
  CHECK(events[2].what == "joined");
  CHECK(events[2].member == b);
  CHECK(events[3].what == "gone");
  CHECK(events[3].view == 6);
  CHECK(events[3].serial == 4);
  REQUIRE(log.gone().size() == 1);
  CHECK(log.gone()[0].address == b);
}

TEST_CASE("event log: who joins again at its address is no longer gone") {
  event_log log;
  log.on_view(view_of(1, {}, {a, b}));
  log.on_view(view_of(2, {a}, {}));
  REQUIRE(log.gone().size() == 1);
  CHECK(log.gone()[0].address == b);
  log.on_view(view_of(3, {b}, {b}));  // it began anew between two views
  CHECK(log.gone().empty());
}

TEST_CASE("event log: partitions and missed views are told by their number") {
  event_log log;
  kith::view_event moved = view_of(2, {}, {});
  moved.gained.resize(3);
  moved.lost.resize(5);
  log.on_view(moved);
  kith::view_event missed;
  missed.missed = 7;
  log.on_view(missed);
  const auto events = log.events();
  REQUIRE(events.size() == 3);
  CHECK(events[0].what == "gained");
  CHECK(events[0].count == 3);
  CHECK(events[1].what == "lost");
  CHECK(events[1].count == 5);
  CHECK(events[2].what == "missed");
  CHECK(events[2].count == 7);
}

TEST_CASE("event log: only the newest events and members are kept") {
  event_log log;
  for (std::uint16_t i = 1; i <= 300; ++i) {
    log.on_view(view_of(i, {}, {{"10.0.0.1", i}}));
  }
  CHECK(log.events().size() == event_log::events_max);
  CHECK(log.events().back().serial == 300);
  CHECK(log.gone().size() == event_log::gone_max);
  CHECK(log.gone().back().address.port == 300);
}
