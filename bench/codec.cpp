// What a value with serialize() costs to write and to read, against a codec written by hand with
// memcpy for the same fields and about the same bytes. Both write into memory that they have and
// read into an object that they have, so that nothing is allocated and only the encoding is seen.
// Besides: the same with new memory, and what a key's hash costs through key_hash.

#include "measure.hpp"
#include "record.hpp"

#include <kith/codec_boost.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace {

using bench::record;

/// By hand: lengths of four bytes, one check of the room for all, one bound check a field.
namespace by_hand {

void write(const record& from, kith::byte_sink& out) {
  const std::size_t numbers = from.numbers.size() * sizeof(std::int32_t);
  const std::size_t needed = 4 + from.name.size() + 4 + numbers + 16;
  std::byte* at = out.position();
  if (static_cast<std::size_t>(out.limit() - at) < needed) at = out.grow(at, needed);
  const auto put = [&at](const void* data, std::size_t size) {
    std::memcpy(at, data, size);
    at += size;
  };
  const auto name_size = static_cast<std::uint32_t>(from.name.size());
  const auto count = static_cast<std::uint32_t>(from.numbers.size());
  put(&name_size, 4);
  put(from.name.data(), from.name.size());
  put(&count, 4);
  put(from.numbers.data(), numbers);
  put(&from.price, 8);
  put(&from.id, 8);
  out.finish(at);
}

bool read(kith::byte_view in, record& into) {
  const std::byte* at = in.data();
  const std::byte* const end = at + in.size();
  const auto left = [&] { return static_cast<std::size_t>(end - at); };
  std::uint32_t count = 0;
  if (left() < 4) return false;
  std::memcpy(&count, at, 4);
  at += 4;
  if (left() < count) return false;
  into.name.assign(reinterpret_cast<const char*>(at), count);
  at += count;
  if (left() < 4) return false;
  std::memcpy(&count, at, 4);
  at += 4;
  if (left() / sizeof(std::int32_t) < count) return false;
  into.numbers.resize(count);
  std::memcpy(into.numbers.data(), at, count * sizeof(std::int32_t));
  at += count * sizeof(std::int32_t);
  if (left() != 16) return false;
  std::memcpy(&into.price, at, 8);
  std::memcpy(&into.id, at + 8, 8);
  return true;
}

}  // namespace by_hand

record sample() {
  record r{std::string(20, 'n'), {}, 4.99, 7};
  for (std::int32_t i = 0; i < 16; ++i) r.numbers.push_back(i);
  return r;
}

/// Both sides write to the same memory, at a fixed place in its page: where the target lies against
/// the source decides more than who writes there.
alignas(4096) kith::byte_sink sink;

void measure_write(bench::report& report) {
  record value = sample();
  by_hand::write(value, sink);
  const std::size_t hand_size = sink.size();
  const std::size_t codec_size = kith::encode(value).size();
  const auto ns = bench::interleave(
      {},
      [&](std::size_t i) {
        value.id = i;
        bench::keep(value);
        sink.clear();
        by_hand::write(value, sink);
        bench::keep(sink);
      },
      [&](std::size_t i) {
        value.id = i;
        bench::keep(value);
        sink.clear();
        kith::encode(value, sink);
        bench::keep(sink);
      },
      [&](std::size_t i) {
        value.id = i;
        bench::keep(value);
        kith::bytes own = kith::encode(value);
        bench::keep(own);
      });
  std::printf("write: by hand %.1f ns (%zu bytes), codec %.1f ns (%zu bytes), new bytes %.1f ns\n",
              ns[0], hand_size, ns[1], codec_size, ns[2]);
  report.figure("codec_write", ns[1] / ns[0], "x");
}

/// False when a side did not read what was written.
bool measure_read(bench::report& report) {
  record into = sample();
  sink.clear();
  by_hand::write(into, sink);
  kith::bytes hand = kith::to_bytes(sink.view());
  kith::bytes encoded = kith::encode(into);
  bool good = true;
  const auto ns = bench::interleave(
      {},
      [&](std::size_t) {
        bench::keep(hand);
        good &= by_hand::read(hand, into);
        bench::keep(into);
      },
      [&](std::size_t) {
        bench::keep(encoded);
        good &= kith::decode(encoded, into);
        bench::keep(into);
      },
      [&](std::size_t) {
        bench::keep(hand);
        record fresh;
        good &= by_hand::read(hand, fresh);
        bench::keep(fresh);
      },
      [&](std::size_t) {
        bench::keep(encoded);
        const std::optional<record> fresh = kith::decode<record>(encoded);
        good &= fresh.has_value();
        bench::keep(fresh);
      });
  std::printf(
      "read: by hand %.1f ns, codec %.1f ns; a new object: by hand %.1f ns, codec %.1f ns\n", ns[0],
      ns[1], ns[2], ns[3]);
  report.figure("codec_read", ns[1] / ns[0], "x");
  return good;
}

void measure_keys() {
  std::string key = "product:123456";
  const auto ns = bench::interleave(
      {},
      [&](std::size_t) {
        bench::keep(key);
        std::uint64_t hash = kith::stable_hash(kith::as_bytes(key));
        bench::keep(hash);
      },
      [&](std::size_t) {
        bench::keep(key);
        std::uint64_t hash = kith::key_hash<std::string>(key);
        bench::keep(hash);
      },
      [&](std::size_t i) {
        std::uint64_t hash = kith::key_hash<std::int64_t>(i);
        bench::keep(hash);
      });
  std::printf("key hash: 14 bytes of text %.1f ns, through key_hash %.1f ns, an integer %.1f ns\n",
              ns[0], ns[1], ns[2]);
}

}  // namespace

int main(int argc, char** argv) {
  bench::report report{argc, argv,
                       "codec: {string 20, vector<int> 16, double, u64} through serialize(), "
                       "against memcpy by hand.\nOne thread, 400 rounds of 2000 calls turn about, "
                       "medians."};
  measure_write(report);
  if (!measure_read(report)) {
    std::fputs("a side did not read what was written\n", stderr);
    return EXIT_FAILURE;
  }
  measure_keys();
  return report.finish();
}
