// More at once than a link carries at once: what members ask and answer is bounded, and arrives.
#include <doctest/doctest.h>

#include "real_member.hpp"
#include "support.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace net_test;
using kith::wire::opcode;

namespace {

/// Two members; `change` sees the options of both.
class two_members {
 public:
  template <class Change>
  explicit two_members(Change change) {
    for (auto& each : members_) {
      kith::net::runtime_options options;
      options.cluster = "flow test";
      if (&each != &members_[0]) options.membership.candidates = {first().runtime().local()};
      change(options);
      each = std::make_unique<real_member>(options);
    }
    for (const auto& each : members_) REQUIRE(wait_until([&] { return sees(*each, 2); }));
  }

  [[nodiscard]] real_member& first() { return *members_[0]; }
  [[nodiscard]] real_member& second() { return *members_[1]; }
  [[nodiscard]] std::uint64_t links_lost() {
    return first().runtime().counters().links_down + second().runtime().counters().links_down;
  }
  /// What calls of `one` did at its lanes, by `counter(node::router_counters)`.
  template <class Counter>
  [[nodiscard]] static std::uint64_t sum(real_member& one, Counter counter) {
    std::uint64_t all = 0;
    one.runtime().for_each_lane(
        [&](const kith::node::lane& lane) { all += counter(lane.calls().counters()); });
    return all;
  }

 private:
  std::unique_ptr<real_member> members_[2];
};

constexpr auto as_they_are = [](kith::net::runtime_options&) {};

using large_cache = kith::cache<std::int64_t, std::string>;

/// Nothing is evicted, every read asks the owner, and slow machines have their time.
large_cache open_large(real_member& at) {
  kith::cache_options<std::int64_t, std::string> options;
  options.max_bytes = kith::byte_count{std::uint64_t{4} << 30};
  options.near.enabled = false;
  options.timeout = patience;
  return at.cache<std::int64_t, std::string>("large", options);
}

/// Holds up the thread by which `of` reads and writes, from construction until it is let go.
class held_up {
 public:
  explicit held_up(real_member& of) {
    std::promise<void> entered;
    std::shared_future<void> over = over_.get_future().share();
    boost::asio::post(of.runtime().handler_executor(), [&entered, over] {
      entered.set_value();
      over.wait();
    });
    entered.get_future().wait();
  }
  ~held_up() { let_go(); }
  void let_go() {
    if (!std::exchange(gone_, true)) over_.set_value();
  }

 private:
  std::promise<void> over_;
  bool gone_ = false;
};

std::vector<std::pair<std::int64_t, std::string>> large_entries(std::size_t number,
                                                                std::size_t size) {
  std::vector<std::pair<std::int64_t, std::string>> entries;
  for (std::size_t i = 0; i < number; ++i) {
    entries.emplace_back(static_cast<std::int64_t>(i), std::string(size, 'x'));
  }
  return entries;
}

TEST_CASE("flow: many large values in one call arrive within its time, over one connection") {
  for (const auto& [number, size] : {std::pair{100u, 1u << 20}, std::pair{20u, 4u << 20}}) {
    two_members both{as_they_are};
    large_cache writer = open_large(both.first());
    large_cache reader = open_large(both.second());
    writer.put_many(large_entries(number, size));
    CHECK(both.links_lost() == 0);
    CHECK(reader.size() == number);
  }
}

// Goal: what a member asks of one that does not read waits at the caller, bounded, and is not taken
// for the peer's fault. Method: the owner's thread of the network is held up meanwhile.
TEST_CASE("flow: requests to a peer that does not read are held back and leave when it does") {
  two_members both{[](kith::net::runtime_options& options) {
    options.links.connection.outbox.request_bytes = 2 << 20;
    options.links.connection.outbox.hard_bytes = 4 << 20;
  }};
  large_cache writer = open_large(both.first());
  large_cache reader = open_large(both.second());
  // More than what both sockets may hold, and quickly written: the owner is silent meanwhile.
  const auto entries = large_entries(96, 256 << 10);
  held_up owner{both.second()};
  std::vector<std::future<kith::version>> done;
  for (const auto& [key, value] : entries) {
    done.push_back(writer.async_put(key, value, boost::asio::use_future));
  }
  const auto held = [&] {
    return two_members::sum(both.first(), [](const auto& c) { return c.held_back; });
  };
  CHECK(held() > 0);
  owner.let_go();
  for (auto& each : done) CHECK(each.get() != kith::version{});
  CHECK(both.links_lost() == 0);
  CHECK(reader.size() == entries.size());
}

// Goal: a frame of small requests for much does not make the owner hold all the answers at once.
// Method: one large key asked many times in one call, with bounds that all answers together pass.
TEST_CASE("flow: a batch that asks for more than the link takes is answered bit by bit") {
  constexpr std::size_t size = 256 << 10;
  two_members both{[](kith::net::runtime_options& options) {
    options.links.connection.outbox.soft_bytes = 1 << 20;
    options.links.connection.outbox.hard_bytes = 2 << 20;
    options.links.connection.outbox.total_bytes = 4 << 20;
  }};
  large_cache owner = open_large(both.first());
  large_cache reader = open_large(both.second());
  const auto view = both.first().runtime().view();
  std::int64_t key = 0;
  while (view->owner_of(kith::partition_of(kith::encoded_key<std::int64_t>{key}.hash()))->address !=
         both.first().runtime().local()) {
    ++key;
  }
  owner.put(key, std::string(size, 'x'));
  std::vector<std::int64_t> keys(100, key);
  const auto found = reader.get_many(keys);
  REQUIRE_FALSE(found.empty());
  CHECK(found.begin()->second->size() == size);
  CHECK(both.first().runtime().counters().parked > 0);
  CHECK(both.links_lost() == 0);
}

// Goal: what one peer may have unanswered is bounded, and it gets its answers all the same.
// Method: loads that wait until the owner has refused some.
TEST_CASE("flow: requests beyond those in flight are told to come again, and are answered") {
  two_members both{[](kith::net::runtime_options& options) {
    options.links.connection.intake.requests = 8;
    options.workers.threads = 2;
  }};
  std::promise<void> release;
  const std::shared_future<void> over = release.get_future().share();
  kith::cache_options<std::int64_t, std::string> loading;
  loading.timeout = patience;
  loading.load = [over](const std::int64_t& key) -> std::optional<std::string> {
    over.wait();
    return std::to_string(key);
  };
  auto owner = both.first().cache<std::int64_t, std::string>("rows", loading);
  auto reader = both.second().cache<std::int64_t, std::string>("rows", loading);
  std::vector<std::future<kith::ref<std::string>>> answers;
  for (std::int64_t key = 0; key < 100; ++key) {
    answers.push_back(reader.async_get(key, boost::asio::use_future));
  }
  const auto& counters = both.first().runtime().counters();
  CHECK(wait_until([&] { return counters.refused_in_flight > 0; }));
  release.set_value();
  for (std::size_t i = 0; i < answers.size(); ++i) CHECK(*answers[i].get() == std::to_string(i));
}

TEST_CASE("flow: who breaks a cap is named in the log and counted") {
  kith::net::runtime_options options;
  options.cluster = "flow test";
  const auto shared = std::make_shared<bell>();
  std::vector<kith::log_record> lines;
  options.log = [&](const kith::log_record& line) {
    {
      const kith::mutex_lock lock{shared->mutex};
      lines.push_back(line);
    }
    shared->changed.notify_all();
  };
  real_member owner{options};
  raw_peer peer{owner.runtime().local()};
  REQUIRE(
      peer.shake_hands(7, kith::stable_hash(kith::as_bytes(options.cluster)), 1 << 20,
                       kith::net::config_hash(options.membership.quorum, options.membership.timers,
                                              options.lane.replica.lease)));
  peer.send(peer.framed(packet_of(opcode::heartbeat, 1, 2 * kith::wire::limits::control_bytes)));
  const kith::net::close_reason why = kith::net::close_reason::too_long;
  CHECK(shared->wait([&] {
    for (const kith::log_record& line : lines) {
      if (line.event != "link closed") continue;
      return line.fields[0].second == kith::to_string(member(7)) &&
             line.fields[1].second == to_string(why);
    }
    return false;
  }));
  CHECK(owner.runtime().counters().closed_too_long == 1);
  owner.stop();
}

TEST_CASE("flow: calls beyond the bound of what waits are told at once, the others are done") {
  two_members both{[](kith::net::runtime_options& options) {
    options.links.connection.outbox.request_bytes = 1 << 20;
    options.lane.router.pending_bytes = 128 << 10;
  }};
  large_cache writer = open_large(both.first());
  large_cache reader = open_large(both.second());
  // More than what both ends' sockets may hold beside the bounds; and quickly written, as the owner
  // is silent meanwhile.
  const auto entries = large_entries(200, 96 << 10);
  held_up owner{both.second()};
  std::vector<std::future<kith::version>> done;
  for (const auto& [key, value] : entries) {
    done.push_back(writer.async_put(key, value, boost::asio::use_future));
  }
  owner.let_go();
  std::size_t stored = 0;
  std::size_t refused = 0;
  for (auto& each : done) {
    try {
      stored += each.get() != kith::version{} ? 1u : 0u;
    } catch (const boost::system::system_error& wrong) {
      refused += wrong.code() == kith::errc::overloaded ? 1u : 0u;
    }
  }
  CHECK(refused > 0);
  CHECK(stored > 0);
  CHECK(stored + refused == done.size());
  CHECK(reader.size() == stored);
  CHECK(both.links_lost() == 0);
}

}  // namespace
