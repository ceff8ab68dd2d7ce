#include <kith/store/budget.hpp>

#include <doctest/doctest.h>

using kith::store::budget;

TEST_CASE("budget: the charge of an entry is a formula of its sizes") {
  CHECK(kith::store::charge_of({}) == kith::store::entry_overhead);
  CHECK(kith::store::charge_of({.key_bytes = 10, .value_bytes = 300}) ==
        310 + kith::store::entry_overhead);
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
  CHECK(ledger.over());
  CHECK(ledger.can_ever_hold(40));
  CHECK_FALSE(ledger.can_ever_hold(41));
}
