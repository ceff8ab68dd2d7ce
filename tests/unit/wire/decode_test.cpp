// What reading a message may take in memory, and what happens where there is none.
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/membership_messages.hpp>
#include <kith/wire/splitter.hpp>

#include <support/allocations.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <vector>

using namespace kith;
using namespace kith::wire;

namespace {

template <class Message>
decode_error decoded_error(byte_view source) {
  Message message;
  return decode(source, message);
}

/// A frame of `size` bytes in all, with right checksums.
bytes frame_of(std::size_t size, int flags) {
  bytes frame(size);
  const auto length = static_cast<std::uint32_t>(size - header_bytes);
  write_header({newest_version, 0x40, static_cast<std::uint16_t>(flags), length, 1, 0},
               frame.data());
  const std::uint32_t sum = crc32c(byte_view{frame}.subspan(header_bytes, length - checksum_bytes));
  std::memcpy(frame.data() + size - checksum_bytes, &sum, checksum_bytes);
  return frame;
}

}  // namespace

TEST_CASE("decode: items of few bytes that would take much memory are refused") {
  // No members, no rows, and caches of 32 options each that have neither name nor value.
  bytes crowd{std::byte{1}, {}, {}, {}, std::byte{0x80}, std::byte{8}};
  for (int i = 0; i < 1024; ++i) {
    crowd.insert(crowd.end(), 2, std::byte{0});
    crowd.push_back(std::byte{32});
    crowd.insert(crowd.end(), 64, std::byte{0});
  }
  full_view read;
  decode_error error{};
  const std::size_t held = test::peak_of([&] { error = decode(crowd, read); });
  CHECK(error == decode_error::too_long);
  CHECK(held <= decode_memory(crowd.size()));
}

TEST_CASE("decode: what an honest member sends is within the bound of its memory") {
  full_view whole;
  whole.body.members.resize(2, {{1, 2, 3}, {"localhost", 5801}, 1, {}});
  whole.body.rows.resize(partition_count);
  const cache_record cache{cache_id{1},
                           "name",
                           {{"key", "i64"},
                            {"value", "i64"},
                            {"schema", "0"},
                            {"coherence", "eventual"},
                            {"backups", "0"},
                            {"ttl_ns", "0"}}};
  whole.body.caches.resize(limits::caches, cache);
  const bytes sent = encoded(whole);
  full_view read;
  const std::size_t held = test::peak_of([&] { CHECK(decode(sent, read) == decode_error::none); });
  CHECK(held <= decode_memory(sent.size()));
  CHECK(held > 2 * sent.size());
  const digest longest{true, {}, false, std::vector<stream_position>(limits::batch_items)};
  CHECK(decoded_error<digest>(encoded(longest)) == decode_error::none);
  const batch counts{std::vector<batch_item>(limits::batch_items, {opcode::count, 1, {}, {}})};
  CHECK(decoded_error<batch>(encoded(counts)) == decode_error::none);
}

TEST_CASE("decode: a message for which there is no memory is refused") {
  const bytes sent =
      encoded(invalidate{{}, stream_number{1}, {{sequence{5}, cache_id{1}, scope::key, 7}}});
  invalidate read;
  decode_error error{};
  test::without_blocks_of(1, [&] { error = decode(sent, read); });
  CHECK(error == decode_error::no_memory);
  CHECK(decode(sent, read) == decode_error::none);
}

TEST_CASE("splitter: bytes for which there is no memory end the connection and no more") {
  const bytes frame = frame_of(1000, 0);
  splitter in{newest_version};
  test::without_blocks_of(1000, [&] { in.feed(frame); });
  message_frame received;
  CHECK_FALSE(in.next(received));
  CHECK(in.error() == frame_error::no_memory);

  const auto memory = std::make_shared<decode_budget>();
  splitter pieces{newest_version, memory};
  pieces.feed(frame_of(60'000, flag::fragment | flag::more));
  test::without_blocks_of(1000, [&] { CHECK_FALSE(pieces.next(received)); });
  CHECK(pieces.error() == frame_error::no_memory);
}
