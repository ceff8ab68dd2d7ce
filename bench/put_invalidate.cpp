// How long after a put at one member another member's near copy is gone, against a bare ping-pong
// between two processes. Both members are in this process, so that one thread can put and then
// read: a reader of its own would be moved off its processor by the very put that it waits for.

#include "measure.hpp"
#include "peers.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace {

constexpr const char* key = "product:100000";
using clock = std::chrono::steady_clock;

double us_between(clock::time_point from, clock::time_point to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}

struct two_members {
  const bench::record_cache& owner;
  const bench::record_cache& reader;
  std::uint64_t id = 0;

  /// From the start of a put to the start of the first read that finds the new value. Before it
  /// returns the new copy answers reads.
  double put_and_wait() {
    const auto start = clock::now();
    owner.put(key, bench::make_record(++id));
    auto began = clock::now();
    for (auto found = reader.get(key); !found || found->id != id; found = reader.get(key)) {
      bench::require(us_between(start, began) < 5e6, "a near copy outlived its put by 5 s");
      began = clock::now();
    }
    const std::uint64_t hits = reader.stats().near_hits;
    while (reader.stats().near_hits == hits) {
      bench::require(us_between(start, clock::now()) < 5e6, "a new value was not near after 5 s");
      (void)reader.get(key);
    }
    return us_between(start, began);
  }
};

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "put_invalidate: from the start of a put at the member that owns the key "
                       "until the near copy of another\nmember is gone; against the p50 of a "
                       "blocking TCP ping-pong between two processes. The thread that puts\nthen "
                       "reads without pause. Loopback, TCP_NODELAY, 10 puts and 10 pings turn "
                       "about; percentiles over all. The two ends of the "
                       "ping-pong have a processor each."};
  const std::string cluster = "bench-put-invalidate-" + std::to_string(::getpid());
  kith::member owner{bench::apart(cluster)};
  const auto owned = owner.cache<std::string, bench::record>("records");
  kith::member reader{bench::apart(cluster, owner.address().port, 0)};
  bench::wait_for_members(reader, 2);
  const auto near = reader.cache<std::string, bench::record>("records");

  // The members' threads run where they like; this thread and the other end of the ping-pong apart.
  bench::apart_on_processors::begin();
  bench::ping_pong floor;
  two_members both{owned, near};
  for (int warm = 0; warm < 20; ++warm) (void)both.put_and_wait();
  bench::latencies bare, gone;
  const auto until =
      clock::now() + std::chrono::milliseconds{bench::is_quick(argc, argv) ? 300 : 6000};
  while (clock::now() < until) {
    bare.time(10, [&] { floor.call(); });
    for (int i = 0; i < 10; ++i) gone.add(both.put_and_wait());
  }
  bare.print("ping-pong");
  gone.print("near copy gone");
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  report.figure("put_invalidate_p50", gone.at(0.5) / bare.at(0.5), "x");
  report.figure("put_invalidate_p99", gone.at(0.99) / bare.at(0.5), "x");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, run); }
