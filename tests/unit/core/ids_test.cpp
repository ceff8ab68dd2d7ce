#include <kith/core/ids.hpp>
#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>

#include <doctest/doctest.h>

namespace kith {

TEST_CASE("partition_of: takes the low ten bits of the hash's upper half") {
  CHECK(partition_of(0) == partition_id{0});
  CHECK(partition_of(0x00000000'FFFFFFFFu) == partition_id{0});
  CHECK(partition_of(0x00000001'00000000u) == partition_id{1});
  CHECK(partition_of(0xFFFFFFFF'00000000u) == partition_id{1023});
  CHECK(partition_of(0xFFFFFC05'12345678u) == partition_id{5});
}

TEST_CASE("partition_of: keys have fixed places, which members of other versions rely on") {
  CHECK(index_of(partition_of(stable_hash(as_bytes("")))) == 0x337);
  CHECK(index_of(partition_of(stable_hash(as_bytes("a")))) == 0x0F1);
  CHECK(index_of(partition_of(stable_hash(as_bytes("abc")))) == 0x0F5);
}

TEST_CASE("partition_of: keys that count up spread evenly") {
  constexpr std::uint64_t keys = 100 * partition_count;
  std::vector<int> filled(partition_count);
  for (std::uint64_t key = 0; key < keys; ++key) {
    ++filled[index_of(partition_of(stable_hash_word(key)))];
  }
  // Mean 100, standard deviation 10: beyond five deviations is no chance.
  CHECK(*std::min_element(filled.begin(), filled.end()) > 50);
  CHECK(*std::max_element(filled.begin(), filled.end()) < 150);
}

TEST_CASE("member_id: two lives of one member are different members of the same object") {
  const member_id first{1, 2, 1};
  const member_id second{1, 2, 2};
  CHECK(first != second);
  CHECK(first < second);
  CHECK(first.same_object(second));
  CHECK_FALSE(first.same_object(member_id{1, 3, 1}));
  CHECK(std::hash<member_id>{}(first) != std::hash<member_id>{}(second));
}

TEST_CASE("member_id: a value-initialised id names nobody") {
  CHECK(member_id{}.nobody());
  CHECK(member_id{0, 0, 3}.nobody());
  CHECK_FALSE(member_id{0, 1, 0}.nobody());
}

TEST_CASE("member_id: its text is eight hexadecimal digits and the incarnation") {
  CHECK(to_string(member_id{0x0123456789ABCDEFu, 5, 7}) == "01234567.7");
  CHECK(to_string(member_id{0xFFFFFFFF'00000000u, 0, 0}) == "ffffffff.0");
}

TEST_CASE("operation_id: a member's operations differ by their counter alone") {
  const member_id origin{1, 2, 3};
  CHECK(operation_id{origin, 1} != operation_id{origin, 2});
  CHECK(operation_id{origin, 1} == operation_id{origin, 1});
  CHECK(operation_id{origin, 1} != operation_id{member_id{1, 2, 4}, 1});
}

}  // namespace kith
