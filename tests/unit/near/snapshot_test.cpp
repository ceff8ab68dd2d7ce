// The bytes of a near cache's snapshot: what was written is read, and nothing else.
#include <kith/near/snapshot.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::near;
using snapshot::fault;

namespace {

struct seen {
  std::optional<snapshot::header> header;
  std::vector<std::pair<std::string, std::string>> entries;
  fault failure = fault::none;
  /// It wanted more than there was.
  bool cut_off = false;
  std::size_t read = 0;
};

seen read(byte_view from) {
  seen all;
  snapshot::reader in;
  while (in.wanted() > 0) {
    const std::size_t size = in.wanted();
    if (size > from.size()) {
      all.cut_off = true;
      return all;
    }
    const auto piece = in.take(from.first(size));
    if (piece == snapshot::reader::piece::header) all.header = in.header();
    if (piece == snapshot::reader::piece::entry) {
      all.entries.emplace_back(as_text(in.entry().key), as_text(in.entry().value));
    }
    from = from.subspan(size);
    all.read += size;
  }
  all.failure = in.failure();
  return all;
}

void append(bytes& to, const bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

bytes sample() {
  snapshot::writer out;
  bytes all = out.begin({77, "words", 3, "string", "text 2"});
  const version at{{view_number{4}, 9}, sequence{12}};
  append(all, out.append({as_bytes("a"), at, true, as_bytes("alpha")}));
  append(all, out.append({as_bytes("b"), at, false, {}}));
  append(all, out.end());
  return all;
}

}  // namespace

TEST_CASE("snapshot: what was written is read in its order") {
  const seen all = read(sample());
  CHECK(all.failure == fault::none);
  CHECK_FALSE(all.cut_off);
  REQUIRE(all.header);
  CHECK(all.header->cluster == 77);
  CHECK(all.header->cache == "words");
  CHECK(all.header->schema == 3);
  CHECK(all.header->key_codec == "string");
  CHECK(all.header->value_codec == "text 2");
  REQUIRE(all.entries.size() == 2);
  CHECK(all.entries[0] == std::pair<std::string, std::string>{"a", "alpha"});
  CHECK(all.entries[1] == std::pair<std::string, std::string>{"b", ""});
}

TEST_CASE("snapshot: it ends where it ends whatever follows") {
  bytes longer = sample();
  const std::size_t size = longer.size();
  append(longer, to_bytes("something else"));
  const seen all = read(longer);
  CHECK(all.failure == fault::none);
  CHECK(all.read == size);
}

TEST_CASE("snapshot: one that is cut off anywhere is not whole") {
  const bytes whole = sample();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const seen all = read(byte_view{whole}.first(size));
    CHECK(all.cut_off);
  }
}

TEST_CASE("snapshot: each bit of it counts") {
  const bytes whole = sample();
  for (std::size_t i = 0; i < whole.size() * 8; ++i) {
    bytes damaged = whole;
    damaged[i / 8] ^= std::byte{1} << (i % 8);
    const seen all = read(damaged);
    CHECK((all.cut_off || all.failure != fault::none));
  }
}

TEST_CASE("snapshot: what is wrong is named") {
  const auto fault_of = [](std::size_t at, std::uint8_t value) {
    bytes damaged = sample();
    damaged[at] = std::byte{value};
    return read(damaged).failure;
  };
  CHECK(fault_of(0, 'k') == fault::not_a_snapshot);
  CHECK(fault_of(8, 2) == fault::other_format);
  CHECK(fault_of(13, 0xFF) == fault::too_long);
  const std::size_t size = sample().size();
  CHECK(fault_of(size - 1, 0) == fault::wrong_digest);
  CHECK(fault_of(size - 16, 7) == fault::wrong_count);
  for (int i = 0; i <= static_cast<int>(fault::wrong_digest); ++i) {
    CHECK(to_string(static_cast<fault>(i)) != "unknown");
  }
}

TEST_CASE("snapshot: an entry without a key is none") {
  snapshot::writer out;
  bytes all = out.begin({});
  append(all, out.append({{}, {}, false, as_bytes("x")}));
  append(all, out.end());
  CHECK(read(all).failure == fault::bad_entry);
}
