// The table of PostgreSQL by itself, without a cluster: what a column of fences refuses, of rows
// that are written one by one and together.
#include "../support.hpp"
#include "postgres_table.hpp"

#include <cstdint>
#include <iostream>
#include <string>

namespace {

kith::write_fence fence_of(std::uint64_t view, std::uint64_t sequence) {
  return {kith::view_number{view}, 0, kith::sequence{sequence}};
}

bool refused(stores::postgres_table& table, const stores::word_rows& rows) {
  try {
    table.write(rows);
    return false;
  } catch (const kith::write_refused& why) {
    std::cout << "refused: " << why.what() << '\n';
    return true;
  }
}

}  // namespace

int main() {
  stores::postgres_table table{""};  // where PGHOST and its like say
  expect(!table.find("tea"), "there is no row at first");
  table.write({{"tea", "green", fence_of(1, 0xFF)}});
  expect(table.find("tea") == "green", "a row is written");
  table.write({{"tea", "black", fence_of(1, 0x100)}, {"mate", "hot", fence_of(1, 3)}});
  expect(table.find("tea") == "black" && table.find("mate") == "hot", "and many are");

  // The next owner has written; the one before comes late, with more writes behind it.
  table.write({{"tea", "white", fence_of(2, 1)}});
  expect(refused(table, {{"tea", "late", fence_of(1, 0x999)}}), "a late write changes nothing");
  expect(refused(table, {{"tea", "twice", fence_of(2, 1)}}), "nor does one with the same fence");
  expect(table.find("tea") == "white", "the newer row is still there");

  expect(refused(table, {{"mate", "cold", fence_of(1, 4)}, {"tea", "late", fence_of(1, 5)}}),
         "of a batch with a late row nothing is written");
  expect(table.find("mate") == "hot", "not the rows before it either");

  table.write({{"tea", std::nullopt, fence_of(2, 2)}});
  expect(!table.find("tea"), "an erased row is none");
  expect(refused(table, {{"tea", "late", fence_of(2, 1)}}), "and a late write does not revive it");
  std::cout << "mate: " << *table.find("mate") << '\n';
}
