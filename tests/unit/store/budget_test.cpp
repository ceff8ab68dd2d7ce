#include <kith/store/budget.hpp>

#include <doctest/doctest.h>

using kith::store::budget;

TEST_CASE("budget: the charge of an entry is a formula of its sizes") {
  CHECK(kith::store::charge_of({}) == kith::store::entry_overhead);
  CHECK(kith::store::charge_of({.key_bytes = 10, .value_bytes = 300}) ==
        32 + 320 + kith::store::entry_overhead);
  CHECK(kith::store::near_charge_of({.key_bytes = 10, .value_bytes = 300}) ==
        32 + 320 + kith::store::near_entry_overhead);
}

TEST_CASE("memory model: an allocation has a header, goes in steps, and is never small") {
  using kith::store::allocation_of;
  CHECK(allocation_of(0) == 0);
  CHECK(allocation_of(1) == 32);
  CHECK(allocation_of(24) == 32);
  CHECK(allocation_of(25) == 48);
  CHECK(allocation_of(40) == 48);
  CHECK(allocation_of(4096) == 4112);
}

TEST_CASE("budget: a lower limit is followed down, never up, and then holds") {
  budget ledger{100};
  ledger.charge(90);
  ledger.set_limit(40);
  CHECK_FALSE(ledger.over());
  CHECK(ledger.above_limit());
  CHECK(ledger.limit_in_force() == 90);
  CHECK_FALSE(ledger.can_ever_hold(41));
  ledger.release(20);
  CHECK(ledger.limit_in_force() == 70);
  ledger.charge(1);
  CHECK(ledger.over());
  ledger.release(50);
  CHECK_FALSE(ledger.above_limit());
  CHECK(ledger.limit_in_force() == 40);
  ledger.set_limit(200);
  CHECK(ledger.limit_in_force() == 200);
}

TEST_CASE("budget: it is over only above its limit, and follows a change of it") {
  budget ledger{100};
  ledger.charge(60);
  ledger.charge(40);
  CHECK_FALSE(ledger.over());
  ledger.charge(1);
  CHECK(ledger.over());
  ledger.release(60);
  CHECK(ledger.used() == 41);
  ledger.set_limit(40);
  CHECK(ledger.above_limit());
  CHECK(ledger.can_ever_hold(40));
  CHECK_FALSE(ledger.can_ever_hold(41));
}
