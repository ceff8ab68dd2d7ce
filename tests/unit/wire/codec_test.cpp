// The fields of messages: one encoding a value, every bound, nothing allocated on a claim.
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/encode.hpp>

#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace kith;
using namespace kith::wire;

namespace {

bytes hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  bytes out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
  }
  return out;
}

struct number {
  std::uint64_t value = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.value);
  }
};

struct names {
  std::vector<number> items;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(capped(self.items, 4));
  }
};

template <class Message>
decode_error why(byte_view source) {
  Message message;
  return decode(source, message);
}

const bytes sample_key = to_bytes("a key");
const bytes sample_value = to_bytes("a value");

mutate sample_mutation() {
  mutate m;
  m.epoch = {view_number{300}, 2};
  m.operation = 77;
  m.lowest_unsettled = 70;
  m.kind = mutation::compare_and_put;
  m.cache = cache_id{9};
  m.key = sample_key;
  m.value = sample_value;
  m.rule = ttl_rule::given;
  m.ttl = std::chrono::seconds{5};
  m.expected = {{view_number{3}, 0}, sequence{12}};
  m.tags = {{0x1122334455667788u}};
  return m;
}

invalidate sample_invalidation() {
  return {{view_number{7}, 0}, stream_number{41},
          {{sequence{5}, cache_id{1}, scope::key, 0x1122334455667788u},
           {sequence{6}, cache_id{2}, scope::cache, 0},
           {sequence{7}, cache_id{2}, scope::tag, 0x1122334455667788u}}};
}

}  // namespace

TEST_CASE("varint: each number has the one shortest encoding") {
  for (const std::uint64_t value : {0ull, 1ull, 127ull, 128ull, 16383ull, 16384ull, ~0ull}) {
    const bytes encoded_number = encoded(number{value});
    number read;
    CHECK(decode(encoded_number, read) == decode_error::none);
    CHECK(read.value == value);
  }
  CHECK(encoded(number{300}) == hex("ac02"));
}

TEST_CASE("varint: padded, overlong and cut encodings are refused by name") {
  CHECK(why<number>(hex("8000")) == decode_error::not_canonical);
  CHECK(why<number>(hex("ffffffffffffffffff02")) == decode_error::not_canonical);
  CHECK(why<number>(hex("ffffffffffffffffffff01")) == decode_error::not_canonical);
  CHECK(why<number>(hex("80")) == decode_error::truncated);
  CHECK(why<number>(hex("")) == decode_error::truncated);
  CHECK(why<number>(hex("0100")) == decode_error::trailing);
}

TEST_CASE("decode: a count over its cap, or over the bytes that are there, is refused") {
  CHECK(why<names>(hex("0501020304")) == decode_error::too_long);
  CHECK(why<names>(hex("040102")) == decode_error::truncated);
  CHECK(why<names>(hex("0401020304")) == decode_error::none);
}

TEST_CASE("decode: a bool, an enumerator and a partition out of range are refused") {
  // get: epoch view, branch, cache, key length and bytes, near, load, depth, no stale_max, version,
  // nothing known
  CHECK(why<get>(hex("0100000161" "01000200" "00000000")) == decode_error::none);
  CHECK(why<get>(hex("0100000161" "02000200" "00000000")) == decode_error::out_of_range);
  // known: version (epoch, sequence), the fixed hash, whether it is read.
  CHECK(why<get>(hex("0100000161" "01000200" "000000" "01" "010203" "0807060504030201" "01")) ==
        decode_error::none);
  CHECK(why<get>(hex("0100000161" "01000200" "000000" "01" "010203" "0807060504030201")) ==
        decode_error::truncated);
  CHECK(why<get>(hex("0100000161" "01000200" "000000" "01" "010203" "0807060504030201" "02")) ==
        decode_error::out_of_range);
  CHECK(why<get>(hex("0100000161" "01000200" "000000" "02" "010203" "0807060504030201" "00")) ==
        decode_error::out_of_range);
  bytes reply = encoded(get_reply{});
  reply[0] = std::byte{11};
  CHECK(why<get_reply>(reply) == decode_error::out_of_range);
  CHECK(why<stream_position>(hex("8008" "0100" "05")) == decode_error::out_of_range);
}

TEST_CASE("decode: a key longer than its cap is refused before it is looked at") {
  get message;
  const bytes long_key(limits::key_bytes + 1);
  message.key = long_key;
  CHECK(why<get>(encoded(message)) == decode_error::too_long);
}

TEST_CASE("encode: messages have the bytes that other members know") {
  CHECK(encoded(sample_mutation()) ==
        hex("ac0202" "4d" "46" "02" "09" "056120" "6b6579" "0761207661" "6c7565" "02"
            "80e497d012" "03000c" "00" "00" "00" "01" "8877665544332211"));
  CHECK(encoded(sample_invalidation()) ==
        hex("0700" "29" "03" "05" "01" "00" "8877665544332211" "06" "02" "01" "0000000000000000"
            "07" "02" "02" "8877665544332211"));
}

TEST_CASE("decode: what was encoded comes back, and encodes to the same bytes") {
  const auto twice = []<class Message>(const Message& message) {
    const bytes first = encoded(message);
    Message read;
    REQUIRE(decode(first, read) == decode_error::none);
    CHECK(encoded(read) == first);
  };
  twice(sample_mutation());
  twice(sample_invalidation());
  twice(get_reply{get_status::absent, {view_number{1}, 0}, {}, sequence{4}, stream_number{2}, true,
                  false, duration{5}, 0, {{1}, {2}}, sample_value});
  twice(get{{view_number{1}, 2}, cache_id{3}, sample_key, true, false, 4, duration{5}, {},
            known_value{{{view_number{6}, 7}, sequence{8}}, 9}});
  twice(return_ticket{77});
  twice(mutate_reply{mutate_status::refused, {}, {}, true, sample_key});
  twice(digest{true,
               time_point{duration{-5}},
               true,
               {{partition_id{1023}, {view_number{2}, 1}, stream_number{9}}}});
  twice(batch{{{opcode::get, 3, partition_id{5}, sample_key}}});
}

TEST_CASE("decode: every truncation is refused and no mutation of the bytes crashes") {
  const bytes whole[] = {encoded(sample_mutation()), encoded(sample_invalidation())};
  random_source random{7};
  for (const bytes& message : whole) {
    for (std::size_t length = 0; length < message.size(); ++length) {
      CHECK(why<mutate>(byte_view{message}.first(length)) != decode_error::none);
      CHECK(why<invalidate>(byte_view{message}.first(length)) != decode_error::none);
    }
    for (int i = 0; i < 2000; ++i) {
      bytes damaged = message;
      damaged[random.below(damaged.size())] ^= static_cast<std::byte>(1 + random.below(255));
      mutate m;
      if (decode(damaged, m) == decode_error::none) CHECK(encoded(m) == damaged);
      invalidate n;
      if (decode(damaged, n) == decode_error::none) CHECK(encoded(n) == damaged);
    }
  }
}
