// One lane's reading side with a real near cache behind it, and short words for what its owner, its
// callers and its clock do.
#pragma once

#include <kith/near/coherence.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/wire/decode.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kith::test {

using namespace std::chrono_literals;

struct near_key {
  std::string text;
  std::uint64_t hash = 0;
  partition_id partition{};

  explicit near_key(std::string its_text)
      : text{std::move(its_text)},
        hash{stable_hash(as_bytes(text))},
        partition{partition_of(hash)} {}
};

/// The `which`th other key with the given relation to `a`.
template <class Relation>
near_key key_like(const near_key& a, Relation&& holds) {
  for (int i = 0;; ++i) {
    near_key b{"other-" + std::to_string(i)};
    if (holds(index_of(a.partition), index_of(b.partition))) return b;
  }
}

inline bool same_partition(std::uint32_t a, std::uint32_t b) { return a == b; }
inline bool same_lane(std::uint32_t a, std::uint32_t b) { return a != b && a % 16 == b % 16; }

struct near_reader {
  static constexpr cache_id cache{7};
  static constexpr std::uint32_t sid = 5;
  static constexpr member_id self{1, 1, 1};
  static constexpr member_id owner{2, 2, 1};
  static constexpr member_id stranger{3, 3, 1};

  const near_key key{"key"};
  const near_key neighbour = key_like(key, same_partition);
  const near_key distant = key_like(key, same_lane);
  const epoch term{view_number{4}, 0};

  time_point now{1000s};
  duration max_age = 3s;
  std::unique_ptr<near::gates> gates = std::make_unique<near::gates>();
  near::near_cache<std::string, std::string> kept{{.bytes_max = 1 << 16, .salt = 9}, *gates};
  near::coherence lane;
  near::outbox out;
  std::uint64_t rid = 100;

  static near::coherence_options options_for(const near_key& of) {
    near::coherence_options options;
    options.lane = index_of(of.partition) % options.lanes;
    return options;
  }

  explicit near_reader(near::coherence_options options = options_for(near_key{"key"}))
      : lane{self, *gates, options} {
    lane.attach(cache, kept, max_age);
    hear_coordinator();
    lane.on_session(now, owner, sid, out);
    own(key.partition);
    own(distant.partition);
    out.clear();
  }

  void own(partition_id p) { lane.on_ownership(now, p, owner, term, out); }
  void hear_coordinator() { gates->coordinator_fresh = now.time_since_epoch().count(); }

  // What callers do.

  [[nodiscard]] near::fill_request request(const near_key& k, std::uint64_t id) const {
    return {.partition = k.partition,
            .cache = cache,
            .hash = k.hash,
            .key = as_bytes(k.text),
            .rid = id,
            .max_age = max_age};
  }
  near::begin_result begin(const near_key& k, std::uint64_t id) {
    return lane.begin(now, request(k, id));
  }
  std::uint64_t lead(const near_key& k) {
    const std::uint64_t id = ++rid;
    REQUIRE(begin(k, id) == near::begin_result::lead);
    return id;
  }
  std::uint64_t follow(const near_key& k) {
    const std::uint64_t id = ++rid;
    REQUIRE(begin(k, id) == near::begin_result::joined);
    return id;
  }
  ref<std::string> find(const near_key& k) const { return kept.find(k.hash, k.text, now, max_age); }
  bool hit(const near_key& k) const { return static_cast<bool>(find(k)); }

  // What the owner does.

  version at(std::uint64_t seq) const { return {term, sequence{seq}}; }
  wire::get_reply value(std::uint64_t as_of, std::uint64_t seq, std::uint64_t n_last = 0) const {
    wire::get_reply reply;
    reply.epoch = term;
    reply.version = at(seq);
    reply.as_of = sequence{as_of};
    reply.n_last = stream_number{n_last};
    reply.cacheable = true;
    return reply;
  }
  near::reply_verdict reply(std::uint64_t id, const wire::get_reply& answer) {
    return lane.on_reply(now, owner, id, answer, out);
  }
  near::counted_cell draft(const near_key& k, std::uint64_t seq, time_point expires = never) const {
    return kept.draft({.hash = k.hash, .version = at(seq), .charge = 300, .expires = expires},
                      k.text, "value " + std::to_string(seq));
  }
  bool install(std::uint64_t id, const near_key& k, std::uint64_t seq) {
    return lane.install(now, id, draft(k, seq), out);
  }
  /// A whole fill that is kept: version `seq`, read when the partition stood at `seq` too.
  void fill(const near_key& k, std::uint64_t seq, std::uint64_t n_last = 0) {
    const std::uint64_t id = lead(k);
    REQUIRE(reply(id, value(seq, seq, n_last)) == near::reply_verdict::deliver_and_install);
    REQUIRE(install(id, k, seq));
  }

  wire::invalidation entry(const near_key& k, std::uint64_t seq) const {
    return {sequence{seq}, cache, wire::scope::key, k.hash};
  }
  bool invalidate(std::uint64_t first, std::vector<wire::invalidation> entries) {
    return lane.on_invalidate(now, owner, sid, key.partition,
                              {term, stream_number{first}, std::move(entries)}, out);
  }
  bool invalidate_all(std::uint64_t n, std::uint64_t seq) {
    return lane.on_invalidate_all(now, owner, sid, key.partition,
                                  {term, stream_number{n}, sequence{seq}}, out);
  }
  bool replay(std::uint64_t first, std::vector<wire::invalidation> entries) {
    return lane.on_replay(now, owner, sid, key.partition,
                          {term, false, stream_number{first}, sequence{}, std::move(entries)}, out);
  }
  bool too_old(std::uint64_t n, std::uint64_t seq) {
    return lane.on_replay(now, owner, sid, key.partition,
                          {term, true, stream_number{n}, sequence{seq}, {}}, out);
  }
  bool behind(std::uint64_t n) {
    const wire::digest told{false, {}, false, {{key.partition, term, stream_number{n}}}};
    return lane.on_digest(now, owner, sid, told, out);
  }
  bool echo(time_point sent, std::vector<wire::stream_position> positions = {}) {
    return lane.on_digest(now, owner, sid, {true, sent, false, std::move(positions)}, out);
  }
  void reconnect(std::uint32_t new_sid) {
    lane.on_session(now, owner, 0, out);
    out.clear();
    lane.on_session(now, owner, new_sid, out);
  }
  bool subscribed(std::uint32_t its_sid, bool reset, std::uint64_t n, std::uint64_t seq = 0) {
    return lane.on_subscribed(now, owner, its_sid, key.partition,
                              {term, reset, stream_number{n}, sequence{seq}}, out);
  }

  // What left.

  template <class Effect>
  std::vector<Effect> effects() const {
    std::vector<Effect> found;
    for (const near::effect& one : out) {
      if (const auto* it = std::get_if<Effect>(&one)) found.push_back(*it);
    }
    return found;
  }
  template <class Message>
  std::vector<Message> sent() const {
    std::vector<Message> found;
    for (const wire::send& one : effects<wire::send>()) {
      if (one.message.code != Message::code) continue;
      REQUIRE(wire::decode(one.message.payload, found.emplace_back()) == wire::decode_error{});
    }
    return found;
  }
  bool suspects(const near_key& k) const {
    return gates->partitions[index_of(k.partition)].suspect;
  }
  const near::coherence_counters& counted() const { return lane.counters(); }
};

}  // namespace kith::test
