// What it costs to ask a member, and a cache, for their numbers.

#include "measure.hpp"
#include "subject.hpp"

#include <unistd.h>

#include <string>

namespace {

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "stats: member::stats and cache::stats of a member with one cache of 10000 "
                       "entries and no peer.\nRounds of 20 calls turn about, medians."};
  kith::member member{bench::apart("bench-stats-" + std::to_string(::getpid()))};
  const auto cache = member.cache<std::string, bench::record>("records");
  bench::fill(cache, bench::make_keys(10000));
  const auto ns = bench::interleave(
      {bench::is_quick(argc, argv) ? 50U : 1000U, 20},
      [&](std::size_t) {
        kith::member_stats all = member.stats();
        bench::keep(all);
      },
      [&](std::size_t) {
        kith::cache_stats one = cache.stats();
        bench::keep(one);
      });
  report.figure("stats_member_us", ns[0] / 1000, "us");
  report.figure("stats_cache_us", ns[1] / 1000, "us");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] { return run(argc, argv); });
}
