// Answers of strong caches that are taken back because the clock passed the time until which they
// were good. Rule S5 of docs/coherence.md.
#include <kith/cluster/view.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/node/lane.hpp>
#include <kith/node/withdraw.hpp>
#include <kith/wire/decode.hpp>

#include "who.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

constexpr cache_id leased_cache{7};
constexpr duration leased_for = 3s;
constexpr duration fenced_for = 2s;

struct silent final : node::completion {
  void complete(node::outcome&&) noexcept override {}
};

/// Lane 0 of one of two members, with a strong cache without copies.
struct strong_lane {
  strong_lane() {
    binding->id.store(static_cast<std::uint32_t>(leased_cache));
    binding->strong = true;
    binding->max_staleness = leased_for;
    const std::vector<cluster::member_record> members{{self, {"127.0.0.1", 1}, 1, {}},
                                                      {other, {"127.0.0.1", 2}, 1, {}}};
    cluster::view both = cluster::make_first_view({view_number{1}, 0}, members);
    both.caches.push_back({leased_cache, "leased", {{"backups", "0"}, {"coherence", "strong"}}});
    for (std::size_t p = 0; p < both.rows.size(); ++p) {
      both.rows[p].owner = owned_here(static_cast<partition_id>(p)) ? 0 : 1;
    }
    gates->set_standing(now, now + fenced_for);
    machine.on_session(now, other, sid, out);
    machine.on_view(now, *cluster::make_view(std::move(both)), nullptr, out);
    machine.on_stable({view_number{1}, 0});
    replica::cache_settings settings;
    settings.id = leased_cache;
    settings.max_bytes = std::uint64_t{1} << 20;
    settings.max_staleness = leased_for;
    settings.strong = true;
    machine.open_cache(settings, &kept);
    out.clear();
    static_cast<void>(machine.take_good_until());
  }

  /// The first partition of the lane is this member's, and no other.
  static bool owned_here(partition_id p) { return index_of(p) == 0; }
  enum class place : std::uint8_t { here, there };
  static std::string key_of(place where) {
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      const partition_id p = partition_of(stable_hash(as_bytes(key)));
      if (node::lane_of(p) == 0 && owned_here(p) == (where == place::here)) return key;
    }
  }
  static partition_id partition_with(const std::string& key) {
    return partition_of(stable_hash(as_bytes(key)));
  }

  node::call call(node::call_kind kind, const std::string& key) {
    node::call what;
    what.kind = kind;
    what.cache = binding;
    what.key = to_bytes(key);
    what.key_hash = stable_hash(what.key);
    what.partition = partition_of(what.key_hash);
    what.timeout = 5s;
    what.deadline = now + what.timeout;
    what.done = &nobody;
    return what;
  }
  void put(const std::string& key) {
    node::call what = call(node::call_kind::mutate, key);
    what.value = to_bytes(std::string{"value"});
    machine.submit(now, std::move(what), out);
  }
  void get(const std::string& key) {
    node::call what = call(node::call_kind::get, key);
    what.near = true;
    machine.submit(now, std::move(what), out);
  }
  /// `other` says or asks something.
  template <class Message>
  void hear(const Message& message, const std::string& key, std::uint64_t rid) {
    const wire::packet packet = wire::make_packet(message, partition_with(key), rid);
    CHECK(machine.on_message(now, other, sid,
                             {static_cast<std::uint8_t>(packet.code), 0, packet.rid,
                              packet.partition, packet.sid, packet.payload},
                             out) == node::verdict::fine);
  }
  /// What the owner of the key answers to the request that is under way.
  [[nodiscard]] wire::get_reply answer(wire::get_status status) const {
    wire::get_reply made;
    made.status = status;
    made.epoch = epoch{view_number{1}, 0};
    made.version = {made.epoch, sequence{1}};
    made.as_of = sequence{1};
    made.cacheable = true;
    return made;
  }
  void withdraw() { node::withdraw_reads(machine, now, out); }

  [[nodiscard]] std::vector<node::complete> ends() const {
    std::vector<node::complete> found;
    for (const auto& effect : out) {
      if (const auto* one = std::get_if<node::complete>(&effect)) found.push_back(*one);
    }
    return found;
  }
  [[nodiscard]] std::vector<wire::packet> sent(wire::opcode code) const {
    std::vector<wire::packet> found;
    for (const auto& effect : out) {
      const auto* one = std::get_if<wire::send>(&effect);
      if (one != nullptr && one->message.code == code) found.push_back(one->message);
    }
    return found;
  }

  static constexpr std::uint32_t sid = 5;
  time_point now{1h};
  silent nobody;
  std::unique_ptr<near::gates> gates = std::make_unique<near::gates>();
  near::near_cache<std::string, std::string> kept{{.bytes_max = 1 << 16, .salt = 9}, *gates};
  std::shared_ptr<node::cache_binding> binding = std::make_shared<node::cache_binding>();
  node::lane machine{0, self, *gates, {}};
  node::lane::outbox out;
};

using place = strong_lane::place;

}  // namespace

TEST_CASE("withdraw: what is read here is good until the fence, and fails after it") {
  strong_lane lane;
  const std::string key = strong_lane::key_of(place::here);
  lane.put(key);
  lane.out.clear();
  lane.get(key);
  REQUIRE(lane.ends().size() == 1);
  CHECK(lane.ends()[0].result.yes);
  CHECK(lane.machine.take_good_until() == lane.now + fenced_for);
  lane.withdraw();
  REQUIRE(lane.ends().size() == 1);
  CHECK(lane.ends()[0].result.error == errc::timed_out);
  CHECK(lane.ends()[0].result.value.empty());
}

TEST_CASE("withdraw: a write that was answered stays") {
  strong_lane lane;
  lane.put(strong_lane::key_of(place::here));
  REQUIRE(lane.ends().size() == 1);
  lane.withdraw();
  CHECK_FALSE(lane.ends()[0].result.error);
  CHECK(lane.ends()[0].result.yes);
}

TEST_CASE("withdraw: who asked from elsewhere is to ask again") {
  strong_lane lane;
  const std::string key = strong_lane::key_of(place::here);
  lane.put(key);
  lane.out.clear();
  wire::get asked;
  asked.epoch = epoch{view_number{1}, 0};
  asked.cache = leased_cache;
  const bytes name = to_bytes(key);
  asked.key = name;
  lane.hear(asked, key, 42);
  CHECK(lane.machine.take_good_until() == lane.now + fenced_for);
  wire::get_reply reply;
  REQUIRE(lane.sent(wire::opcode::get_reply).size() == 1);
  REQUIRE(wire::decode(lane.sent(wire::opcode::get_reply)[0].payload, reply) ==
          wire::decode_error::none);
  REQUIRE(reply.status == wire::get_status::hit);
  lane.withdraw();
  REQUIRE(lane.sent(wire::opcode::get_reply).size() == 1);
  const wire::packet again = lane.sent(wire::opcode::get_reply)[0];
  CHECK(again.rid == 42);
  CHECK(again.partition == strong_lane::partition_with(key));
  wire::get_reply empty;
  REQUIRE(wire::decode(again.payload, empty) == wire::decode_error::none);
  CHECK(empty.status == wire::get_status::retry);
  CHECK(empty.epoch == asked.epoch);
  CHECK(empty.value.empty());
  CHECK_FALSE(empty.cacheable);
}

TEST_CASE("withdraw: what a follower was given is good until the lease or the fence ends") {
  for (const duration fence : {leased_for + 1s, leased_for - 1s}) {
    strong_lane lane;
    lane.gates->set_standing(lane.now, lane.now + fence);
    const std::string key = strong_lane::key_of(place::there);
    lane.get(key);
    lane.get(key);
    const auto asked = lane.sent(wire::opcode::get);
    REQUIRE(asked.size() == 1);
    lane.out.clear();
    lane.hear(lane.answer(wire::get_status::absent), key, asked[0].rid);
    REQUIRE(lane.ends().size() == 2);
    CHECK(lane.machine.take_good_until() == lane.now + std::min(fence, leased_for));
    lane.withdraw();
    for (const node::complete& each : lane.ends()) {
      CHECK(each.result.error == errc::timed_out);
    }
  }
}

TEST_CASE("withdraw: a fill whose leader's answer is taken back ends, and its follower asks anew") {
  strong_lane lane;
  const std::string key = strong_lane::key_of(place::there);
  lane.get(key);
  lane.get(key);
  const auto asked = lane.sent(wire::opcode::get);
  REQUIRE(asked.size() == 1);
  lane.out.clear();
  wire::get_reply hit = lane.answer(wire::get_status::hit);
  const bytes value = to_bytes(std::string{"value"});
  hit.value = value;
  lane.hear(hit, key, asked[0].rid);
  REQUIRE(lane.ends().size() == 1);
  REQUIRE(lane.ends()[0].result.fill);
  REQUIRE(lane.sent(wire::opcode::get).empty());
  lane.withdraw();
  REQUIRE(lane.ends().size() == 1);
  CHECK(lane.ends()[0].result.error == errc::timed_out);
  CHECK_FALSE(lane.ends()[0].result.fill);
  const auto anew = lane.sent(wire::opcode::get);
  REQUIRE(anew.size() == 1);
  CHECK(anew[0].rid != asked[0].rid);
  CHECK(lane.machine.near().fills() == 1);
}
