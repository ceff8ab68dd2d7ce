// How long after a put at one member another member's near copy is gone, against a bare ping-pong
// between two processes.

#include "measure.hpp"
#include "peers.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace {

constexpr const char* key = "product:100000";

/// Of the clock that all processes of this machine share.
std::int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

/// Reads its near copy without pause. The first read that finds the next value began when the copy
/// was gone: says when, as soon as the new copy answers reads.
int run_reader(const std::string& cluster, const std::string& port) {
  kith::member member{bench::apart(cluster, static_cast<std::uint16_t>(std::stoi(port)), 0)};
  bench::wait_for_members(member, 2);
  const auto cache = member.cache<std::string, bench::record>("records");
  std::uint64_t seen = 0;
  while (true) {
    const std::int64_t began = now_ns();
    const auto found = cache.get(key);
    if (!found || found->id == seen) continue;
    seen = found->id;
    const std::uint64_t hits = cache.stats().near_hits;
    while (cache.stats().near_hits == hits) (void)cache.get(key);
    bench::say(began);
  }
}

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "put_invalidate: from the start of a put at one process, which owns the "
                       "key, until the near copy in\nanother process is gone, as a thread sees it "
                       "that reads without pause; against the p50 of a blocking\nTCP ping-pong "
                       "between two processes. Loopback, TCP_NODELAY, 10 puts and 10 pings turn "
                       "about; of all."};
  const std::string cluster = "bench-put-invalidate-" + std::to_string(::getpid());
  kith::member member{bench::apart(cluster)};
  const auto cache = member.cache<std::string, bench::record>("records");
  bench::ping_pong floor;
  bench::child reader =
      bench::child::in_role("reader", {cluster, std::to_string(member.address().port)});

  std::uint64_t id = 1;
  const auto put_and_wait = [&] {
    const std::int64_t began = now_ns();
    cache.put(key, bench::make_record(id++));
    return static_cast<double>(reader.read_number() - began) / 1000;
  };
  for (int warm = 0; warm < 20; ++warm) (void)put_and_wait();

  bench::latencies bare, gone;
  std::size_t torn = 0;
  const auto until = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds{bench::is_quick(argc, argv) ? 300 : 8000};
  while (std::chrono::steady_clock::now() < until) {
    bare.time(10, [&] { floor.call(); });
    for (int i = 0; i < 10; ++i) {
      const double us = put_and_wait();
      if (us > 0) gone.add(us);
      if (us <= 0) ++torn;
    }
  }
  bare.print("ping-pong");
  gone.print("near copy gone");
  std::printf("%zu puts left out: the reader was interrupted in the read that saw the end\n", torn);
  report.figure("put_invalidate_p50", gone.at(0.5) / bare.at(0.5), "x");
  report.figure("put_invalidate_p99", gone.at(0.99) / bare.at(0.5), "x");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] {
    if (argc == 5 && std::string_view{argv[2]} == "reader") return run_reader(argv[3], argv[4]);
    if (const auto done = bench::run_role(argc, argv)) return *done;
    return run(argc, argv);
  });
}
