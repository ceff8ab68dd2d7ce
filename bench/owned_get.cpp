// What a read costs whose key this member owns, against a find in a map of encoded values and a
// decode into a new object, which is the least that it has to do.

#include "measure.hpp"
#include "subject.hpp"

#include <absl/container/flat_hash_map.h>

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace {

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "owned_get: cache::get on a member that owns all keys, against find in an "
                       "absl::flat_hash_map\nof encoded values and decode into a new object. 10000 "
                       "keys of 14 bytes, random order.\nRounds of 500 calls turn about, medians."};
  kith::member member{bench::apart("bench-owned-get-" + std::to_string(::getpid()))};
  const auto cache = member.cache<std::string, bench::record>("records");
  const std::vector<std::string> keys = bench::make_keys(10000);
  const std::vector<std::uint32_t> order = bench::make_order(1 << 16, keys.size());
  bench::fill(cache, keys);
  absl::flat_hash_map<std::string, kith::bytes> encoded;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    encoded.emplace(keys[i], kith::encode(bench::make_record(i)));
  }

  bool good = true;
  const auto before = cache.stats();
  const auto ns = bench::interleave(
      {bench::is_quick(argc, argv) ? 40U : 400U, 500},
      [&](std::size_t i) {
        const std::uint32_t at = order[i * 31 % order.size()];
        const auto found = kith::decode<bench::record>(encoded.find(keys[at])->second);
        good &= found && found->id == at;
      },
      [&](std::size_t i) {
        const std::uint32_t at = order[i * 31 % order.size()];
        const auto found = cache.get(keys[at]);
        good &= found && found->id == at;
      });
  const auto after = cache.stats();
  if (!good) throw std::runtime_error{"a read gave the wrong value"};
  std::printf(
      "find + decode %.1f ns, owned get %.1f ns; %llu near hits, %llu answered by the "
      "owner's store\n",
      ns[0], ns[1], static_cast<unsigned long long>(after.near_hits - before.near_hits),
      static_cast<unsigned long long>(after.owner_hits - before.owner_hits));
  report.figure("owned_get", ns[1] / ns[0], "x");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] { return run(argc, argv); });
}
