// The simulated TCP keeps what TCP keeps: no end waits for ever for one that is gone.
#include <kith/core/bytes.hpp>
#include <kith/sim/network.hpp>
#include <kith/sim/scheduler.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using namespace kith;

namespace {

struct recorder final : sim::endpoint_events {
  void on_bytes(std::uint64_t, byte_view received) override {
    bytes_in += received.size();
    for (const std::byte one : received) {
      bits_in += static_cast<std::size_t>(std::popcount(std::to_integer<unsigned>(one)));
    }
  }
  void on_lost(std::uint64_t, sim::loss_kind how) override { lost.push_back(how); }
  void on_accept(std::uint64_t connection) override { accepted = connection; }
  void on_dialled(std::uint64_t, sim::dial_result, std::uint64_t connection) override {
    dialled = connection;
  }

  std::size_t bytes_in = 0;
  std::size_t bits_in = 0;
  std::vector<sim::loss_kind> lost;
  std::uint64_t accepted = 0;
  std::uint64_t dialled = 0;
};

/// Two hosts with one connection, dialled by the first.
struct pair {
  pair() {
    net.up(net.add_host(&first));
    net.up(net.add_host(&second));
    net.dial(0, 1);
    time.run_until(time.now() + 1s);
    REQUIRE(first.dialled != 0);
    REQUIRE(second.accepted == first.dialled);
  }
  void run() { time.run_until(time.now() + 1s); }

  sim::scheduler time{1};
  sim::network net{time, 2, {}};
  recorder first;
  recorder second;
};

}  // namespace

TEST_CASE("network: a close under a cut is told when the cut ends, behind what was sent before") {
  pair two;
  two.net.cut(0, 1);
  two.net.send(two.first.dialled, 0, bytes(3));
  two.net.close(two.first.dialled, 0);
  two.run();
  CHECK(two.second.lost.empty());
  CHECK(two.second.bytes_in == 0);
  two.net.uncut(0, 1);
  two.run();
  CHECK(two.second.bytes_in == 3);
  CHECK(two.second.lost == std::vector{sim::loss_kind::closed});
  CHECK(two.net.connections_of(0).empty());
  CHECK(two.net.connections_of(1).empty());
}

TEST_CASE("network: a process that ends under a cut resets its peer when the cut ends") {
  pair two;
  two.net.cut(0, 1);
  two.net.down(0, false);
  two.run();
  CHECK(two.second.lost.empty());
  two.net.uncut(0, 1);
  two.run();
  CHECK(two.second.lost == std::vector{sim::loss_kind::reset});
}

TEST_CASE("network: bytes to an end that is closed are answered with a reset") {
  pair two;
  two.net.down(0, true);
  two.net.send(two.first.dialled, 1, bytes(3));
  two.run();
  CHECK(two.second.lost.empty());  // its machine is gone: silence
  two.net.cut(0, 1);
  two.net.reboot(0);
  two.net.send(two.first.dialled, 1, bytes(3));
  two.run();
  CHECK(two.second.lost.empty());  // the reset cannot get through
  two.net.uncut(0, 1);
  two.run();
  CHECK(two.second.lost == std::vector{sim::loss_kind::reset});
}

TEST_CASE("network: what arrives after a close is answered with a reset, not dropped") {
  pair two;
  two.net.clog(0, 1, 500ms);
  two.net.send(two.first.dialled, 0, bytes(3));
  two.net.close(two.second.accepted, 1);
  two.run();
  CHECK(two.second.bytes_in == 0);
  CHECK(two.first.lost == std::vector{sim::loss_kind::closed});
  CHECK(two.net.connections_of(0).empty());
}

TEST_CASE("network: nothing follows a chunk within which a reset struck") {
  pair two;
  two.net.options().reset_per_million = 1'000'000;
  two.net.send(two.first.dialled, 0, bytes(10));
  two.net.options().reset_per_million = 0;
  two.net.send(two.first.dialled, 0, bytes(100));
  two.run();
  CHECK(two.second.bytes_in < 10);
  CHECK(two.second.lost == std::vector{sim::loss_kind::reset});
}

TEST_CASE("network: damage turns one bit of one chunk over, if it is sent in time") {
  pair two;
  two.net.harm(0, 1, {.bit = 8 * 10 + 3, .until = two.time.now() + 100ms});
  two.net.send(two.first.dialled, 0, bytes(10));
  two.net.send(two.first.dialled, 0, bytes(10));
  two.net.send(two.first.dialled, 0, bytes(10));
  two.run();
  CHECK(two.second.bytes_in == 30);
  CHECK(two.second.bits_in == 1);
  CHECK(two.net.damaged_at(1) == 1);
  two.net.harm(0, 1, {.until = two.time.now() + 100ms});
  two.run();
  two.net.send(two.first.dialled, 0, bytes(10));
  two.run();
  CHECK(two.second.bits_in == 1);
  CHECK(two.net.damaged_at(1) == 1);
}

TEST_CASE("network: what was said on one connection is said again on the next one") {
  pair two;
  const std::size_t handshake = sim::replay::begins_behind;
  two.net.send(two.first.dialled, 0, bytes(handshake));
  two.net.replay_one(0, 1, two.time.now() + 10s);
  two.net.send(two.first.dialled, 0, bytes(7));
  two.run();
  CHECK(two.second.bytes_in == handshake + 7);
  CHECK(two.second.lost == std::vector{sim::loss_kind::reset});
  two.net.dial(0, 1);
  two.run();
  two.net.send(two.first.dialled, 0, bytes(handshake));
  two.run();
  CHECK(two.second.bytes_in == 2 * handshake + 7);
  for (int i = 0; i < 2; ++i) two.net.send(two.first.dialled, 0, bytes(100));
  two.run();
  CHECK(two.second.bytes_in == 2 * handshake + 7 + 7 + 200);
  CHECK(two.net.damaged_at(1) == 1);
  CHECK(two.net.counters().replayed_chunks == 1);
}

TEST_CASE("network: what a lossy machine loses is sent again, in order") {
  pair two;
  two.net.lossy(1, true);
  for (int i = 0; i < 20; ++i) two.net.send(two.first.dialled, 0, bytes(1));
  two.run();
  CHECK(two.second.bytes_in < 20);
  CHECK(two.net.counters().lost_chunks > 0);
  CHECK(two.net.held_at(0) == 1);
  two.net.lossy(1, false);
  // The longest back-off.
  two.time.run_until(two.time.now() + 6s);
  CHECK(two.second.bytes_in == 20);
  CHECK(two.net.held_at(0) == 0);
}

TEST_CASE("network: what was lost before a cut is sent again behind it") {
  pair two;
  two.net.lossy(1, true);
  for (int i = 0; i < 20; ++i) two.net.send(two.first.dialled, 0, bytes(1));
  two.net.close(two.first.dialled, 0);
  two.net.cut(0, 1);
  two.net.lossy(1, false);
  two.time.run_until(two.time.now() + 6s);
  CHECK(two.second.lost.empty());
  two.net.uncut(0, 1);
  two.run();
  CHECK(two.second.bytes_in == 20);
  CHECK(two.second.lost == std::vector{sim::loss_kind::closed});
}

TEST_CASE("network: of two overlapping losses, clogs and slow readers the end of one leaves one") {
  pair lossy;
  lossy.net.lossy(1, true);
  lossy.net.lossy(1, true);
  lossy.net.lossy(1, false);
  for (int i = 0; i < 20; ++i) lossy.net.send(lossy.first.dialled, 0, bytes(1));
  CHECK(lossy.net.counters().lost_chunks > 0);

  pair clogged;
  clogged.net.clog(0, 1, 2s);
  clogged.net.clog(0, 1, 3s);
  clogged.net.clog(0, 1, -3s);
  clogged.net.send(clogged.first.dialled, 0, bytes(3));
  clogged.run();
  CHECK(clogged.second.bytes_in == 0);
  clogged.net.clog(0, 1, -2s);
  clogged.time.run_until(clogged.time.now() + 2s);
  CHECK(clogged.second.bytes_in == 3);

  pair slow;
  slow.net.slow_reader(1, 2s, 10s);
  slow.net.slow_reader(1, 3s, 1s);
  slow.run();
  slow.net.send(slow.first.dialled, 0, bytes(3));
  slow.run();
  CHECK(slow.second.bytes_in == 0);
  slow.time.run_until(slow.time.now() + 1500ms);
  CHECK(slow.second.bytes_in == 3);
  CHECK(slow.net.counters().slow_chunks == 1);
}

TEST_CASE("network: chunks of a heavy-tailed link are late, in order, and no later than 5 s each") {
  pair two;
  two.net.options().heavy_links_per_mille = 1000;
  for (int i = 0; i < 100; ++i) two.net.send(two.first.dialled, 0, bytes(1));
  const std::uint64_t late = two.net.counters().tail_chunks;
  CHECK(late > 0);
  CHECK(late < 50);
  two.time.run_until(two.time.now() + 6s);
  CHECK(two.second.bytes_in == 100);

  pair light;
  light.net.options().heavy_links_per_mille = 0;
  for (int i = 0; i < 100; ++i) light.net.send(light.first.dialled, 0, bytes(1));
  CHECK(light.net.counters().tail_chunks == 0);
}

TEST_CASE("network: what gathered before a slow reader is read when it is slow no more") {
  pair slow;
  slow.net.slow_reader(1, 1s, 2s);
  slow.net.send(slow.first.dialled, 0, bytes(100'000));
  slow.run();
  CHECK(slow.second.bytes_in == 0);
  slow.time.run_until(slow.time.now() + 1500ms);
  CHECK(slow.second.bytes_in == 100'000);
}
