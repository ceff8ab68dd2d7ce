// The rule V1 holds for what a correct cache answers, and breaks for what a wrong one would.
#include <kith/sim/history.hpp>
#include <kith/sim/value_oracle.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace kith;

namespace {

sim::record told(sim::operation_kind kind, std::uint32_t key, std::uint64_t sequence,
                 std::int64_t value) {
  sim::record op;
  op.kind = kind;
  op.key = key;
  op.yes = true;
  op.version.seq = decltype(op.version.seq){sequence};
  op.value = value;
  return op;
}

constexpr auto a_read = sim::operation_kind::read;
constexpr auto a_write = sim::operation_kind::write;

}  // namespace

TEST_CASE("value_oracle: values that were written, each in its own version, break nothing") {
  sim::value_oracle oracle{"registers"};
  oracle.invoked(1, 10);
  oracle.invoked(1, 11);
  oracle.told(told(a_write, 1, 5, 10));
  oracle.told(told(a_read, 1, 5, 10));
  // The outcome of the other write is not known: it may be read.
  oracle.told(told(a_read, 1, 6, 11));
  CHECK(oracle.violations().empty());
}

TEST_CASE("value_oracle: one version has one value") {
  sim::value_oracle oracle{"registers"};
  oracle.invoked(1, 10);
  oracle.invoked(1, 11);
  oracle.told(told(a_write, 1, 5, 10));
  oracle.told(told(a_read, 1, 5, 11));
  CHECK(oracle.violations().size() == 1);
}

TEST_CASE("value_oracle: what is read was written, for this key, by then") {
  sim::value_oracle oracle{"registers"};
  oracle.told(told(a_read, 1, 5, 10));
  CHECK(oracle.violations().size() == 1);
  oracle.invoked(2, 10);
  oracle.told(told(a_read, 1, 5, 10));
  CHECK(oracle.violations().size() == 2);
}

TEST_CASE("value_oracle: a load that was not stored has no version to be compared by") {
  sim::value_oracle oracle{"rows"};
  oracle.invoked(1, 10);
  oracle.invoked(1, 11);
  oracle.told(told(a_read, 1, 0, 10));
  oracle.told(told(a_read, 1, 0, 11));
  CHECK(oracle.violations().empty());
}
