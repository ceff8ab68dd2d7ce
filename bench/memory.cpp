// What an owned entry costs beside its key and value, and how near what a member says that it takes
// is to what malloc gave out.

#include "measure.hpp"
#include "subject.hpp"

#include <kith/core/random.hpp>

#include <malloc.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

std::uint64_t given_out() {
  const struct mallinfo2 now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

using text_cache = kith::cache<std::string, kith::bytes>;

struct filled {
  std::uint64_t taken = 0;
  std::uint64_t ledger = 0;
  /// Of keys and values.
  std::uint64_t content = 0;
};

/// Puts `count` entries of 16 to 4096 bytes, each power of two as likely as the next.
filled fill(const text_cache& cache, std::size_t count) {
  kith::random_source random{1};
  filled made;
  const std::uint64_t before = given_out();
  for (std::size_t done = 0; done < count;) {
    std::vector<std::pair<std::string, kith::bytes>> some;
    for (; some.size() < 500 && done < count; ++done) {
      const std::size_t lowest = std::size_t{16} << random.below(8);
      some.emplace_back("product:" + std::to_string(done),
                        kith::bytes(lowest + random.below(lowest + 1)));
      made.content += some.back().first.size() + some.back().second.size();
    }
    cache.put_many(some);
  }
  made.taken = given_out() - before;
  made.ledger = cache.stats().owned_allocated;
  return made;
}

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "memory: a member that owns all keys, entries of 16 to 4096 bytes. What "
                       "malloc gave out meanwhile\n(mallinfo2), against what the member says that "
                       "its entries take, and against keys and values alone."};
  const std::size_t count = bench::is_quick(argc, argv) ? 100'000 : 1'000'000;
  kith::member member{bench::apart("bench-memory-" + std::to_string(::getpid()))};
  const auto cache = member.cache<std::string, kith::bytes>(
      "texts", {.max_bytes = kith::byte_count{std::uint64_t{1} << 40}});
  const filled made = fill(cache, count);
  if (cache.stats().owned_entries != count) throw std::runtime_error{"not all entries are there"};
  const auto taken = static_cast<double>(made.taken);
  const double wrong = std::abs(static_cast<double>(made.ledger) - taken) / taken * 100;
  const double beside = (taken - static_cast<double>(made.content)) / static_cast<double>(count);
  std::printf("%zu entries: malloc gave out %.1f MiB, the member says %.1f MiB, %.1f MiB of it are "
              "keys and values\n",
              count, taken / 0x1p20, static_cast<double>(made.ledger) / 0x1p20,
              static_cast<double>(made.content) / 0x1p20);
  report.figure("memory_ledger_error", wrong, "%");
  report.figure("memory_overhead_owned", beside, "bytes");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] { return run(argc, argv); });
}
