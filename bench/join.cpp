// How long a process takes from its start until it served its first put and get: alone, as the
// second and as the tenth member. It finds the others as users' processes do, over the loopback.

#include "measure.hpp"
#include "peers.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using clock = std::chrono::steady_clock;

/// The role "member": says when it served, and how many members it then knew.
int run_member(const std::string& cluster, const std::string& number) {
  kith::member member({.cluster = cluster});
  const auto cache = member.cache<std::string, bench::record>("records");
  cache.put("product:" + number, bench::make_record(1));
  const auto found = cache.get("product:" + number);
  const auto served = std::chrono::duration_cast<std::chrono::microseconds>(
      clock::now().time_since_epoch());
  bench::require(found && found->id == 1, "the value that was put is not there");
  bench::say(served.count());
  bench::say(static_cast<std::int64_t>(member.members().size()));
  bench::wait_for_end();
  return 0;
}

struct join_times {
  std::vector<double> alone, second, tenth;
};

/// Starts `count` members one after the other, notes what the first, second and tenth took.
void one_cluster(std::size_t number, std::size_t count, join_times& into) {
  const std::string cluster =
      "bench-join-" + std::to_string(::getpid()) + "-" + std::to_string(number);
  std::vector<bench::child> members;
  for (std::size_t i = 1; i <= count; ++i) {
    const auto start = std::chrono::duration_cast<std::chrono::microseconds>(
        clock::now().time_since_epoch());
    members.push_back(bench::child::in_role("member", {cluster, std::to_string(i)}));
    const double ms = static_cast<double>(members.back().read_number() - start.count()) / 1000;
    const std::int64_t known = members.back().read_number();
    bench::require(known == static_cast<std::int64_t>(i), "a member served in another cluster");
    if (i == 1) into.alone.push_back(ms);
    if (i == 2) into.second.push_back(ms);
    if (i == 10) into.tenth.push_back(ms);
  }
}

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "join: from fork and exec of a process until its first put and get were "
                       "served; default options,\ndiscovery on the loopback ports. Clusters of two "
                       "and of ten members, started one after the other; medians."};
  const bool quick = bench::is_quick(argc, argv);
  join_times times;
  const auto until = clock::now() + std::chrono::seconds{14};
  std::size_t number = 0;
  for (int i = 0; i < (quick ? 1 : 5); ++i) one_cluster(number++, 2, times);
  for (int i = 0; i < (quick ? 1 : 5) && clock::now() < until; ++i) {
    one_cluster(number++, 10, times);
  }
  std::printf("%zu starts alone, %zu as the second, %zu as the tenth\n", times.alone.size(),
              times.second.size(), times.tenth.size());
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  report.figure("join_alone_ms", bench::median(times.alone), "ms");
  report.figure("join_second_ms", bench::median(times.second), "ms");
  report.figure("join_tenth_ms", bench::median(times.tenth), "ms");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] {
    if (argc == 5 && std::string_view{argv[2]} == "member") return run_member(argv[3], argv[4]);
    return run(argc, argv);
  });
}
