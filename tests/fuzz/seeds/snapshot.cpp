// Seeds of snapshot_fuzz.cpp: whole snapshots, and some that are nearly so.
#include "corpus.hpp"

#include <kith/near/snapshot.hpp>

#include <cstddef>

namespace fuzz {

void add_snapshot(corpus& to) {
  using namespace kith;
  const auto append = [](bytes& all, const bytes& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  near::snapshot::writer none;
  bytes empty = none.begin({1, "words", 0, "string", "string"});
  append(empty, none.end());
  near::snapshot::writer some;
  bytes whole = some.begin({1, "words", 3, "string", "string"});
  const version at{{view_number{4}, 9}, sequence{12}};
  append(whole, some.append({as_bytes("a"), at, true, as_bytes("alpha")}));
  append(whole, some.append({as_bytes("b"), at, false, {}}));
  append(whole, some.end());
  bytes long_length = whole;
  long_length[14] = std::byte{0x7F};
  bytes wrong_digest = whole;
  wrong_digest.back() ^= std::byte{1};
  to.add("snapshot", "empty", empty);
  to.add("snapshot", "two", whole);
  to.add("snapshot", "long_length", long_length);
  to.add("snapshot", "wrong_digest", wrong_digest);
}

}  // namespace fuzz
