// An owner of one partition and two other members, for tests: calls have defaults, and what the
// owner sent is read by member and kind.
#pragma once

#include <kith/replica/replica.hpp>
#include <kith/wire/decode.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kith::replica {

using namespace std::chrono_literals;

/// Members, ascending.
inline const member_id self{1, 1, 1};
inline const member_id anna{2, 2, 1};
inline constexpr std::uint32_t anna_sid = 11;
inline const member_id bert{3, 3, 1};

inline constexpr cache_id books{7};

/// The key of the tests, its partition, and more keys of that partition.
inline const std::string key = "key";
inline const partition_id home = partition_of(stable_hash(as_bytes("key")));

inline std::string key_of(partition_id partition, int nth) {
  for (int i = 0;; ++i) {
    std::string candidate = "k" + std::to_string(i);
    if (partition_of(stable_hash(as_bytes(candidate))) == partition && nth-- == 0) return candidate;
  }
}

inline const epoch first_epoch{view_number{5}, 0};

inline replica_options options_of_home() {
  replica_options options;
  options.lane = index_of(home) % options.lanes;
  return options;
}

/// What a test says of a request; the owner below adds the rest.
struct asked {
  bool near = false;
  bool load = false;
  std::optional<duration> stale_max = std::nullopt;
  version after = {};
  std::optional<wire::known_value> known = std::nullopt;
};
struct change {
  /// 0: the next one.
  std::uint64_t operation = 0;
  std::uint64_t lowest_unsettled = 0;
  wire::mutation kind = wire::mutation::put;
  byte_view value = {};
  wire::ttl_rule rule = wire::ttl_rule::cache_default;
  duration ttl = {};
  version expected = {};
  std::uint64_t ticket = 0;
  byte_view processor = {};
  std::vector<wire::tag> tags = {};
};

struct owner {
  replica machine;
  time_point now{std::chrono::hours{1}};
  outbox out;
  std::uint64_t rids = 0;
  std::uint64_t operations = 0;
  kith::epoch term = first_epoch;

  explicit owner(const replica_options& options = options_of_home(), duration staleness = 3s)
      : machine{self, options} {
    cache_settings settings;
    settings.id = books;
    settings.max_staleness = staleness;
    settings.has_loader = true;
    machine.open_cache(settings);
    const member_id everybody[] = {self, anna, bert};
    machine.on_view(now, first_epoch.view, everybody, out);
    machine.on_ownership(now, home, self, first_epoch, out);
    machine.on_session(now, anna, anna_sid, out);
    machine.on_session(now, bert, 12, out);
    machine.set_standing(now);
  }

  void pass(duration time) {
    now += time;
    machine.set_standing(now);
    machine.on_timeout(now, out);
  }

  std::uint64_t get(const member_id& from, const asked& want, std::string_view k = key) {
    wire::get message;
    message.near = want.near;
    message.load = want.load;
    message.stale_max = want.stale_max;
    message.after = want.after;
    message.known = want.known;
    message.epoch = term;
    message.cache = books;
    message.key = as_bytes(k);
    CHECK(machine.on_get(now, from, ++rids, partition_of(stable_hash(message.key)), message, out));
    return rids;
  }
  std::uint64_t near_get(const member_id& from, std::string_view k = key) {
    return get(from, {.near = true}, k);
  }
  std::uint64_t load(const member_id& from) { return get(from, {.near = true, .load = true}); }

  std::uint64_t mutate(const member_id& from, const change& want, std::string_view k = key) {
    wire::mutate message;
    message.epoch = term;
    message.cache = books;
    message.operation = want.operation == 0 ? ++operations : want.operation;
    message.lowest_unsettled = want.lowest_unsettled;
    message.kind = want.kind;
    message.value = want.value;
    message.rule = want.rule;
    message.ttl = want.ttl;
    message.expected = want.expected;
    message.ticket = want.ticket;
    message.processor = want.processor;
    message.tags = want.tags;
    if (!wire::without_key(message.kind)) message.key = as_bytes(k);
    const partition_id p = message.key.empty() ? home : partition_of(stable_hash(message.key));
    CHECK(machine.on_mutate(now, from, ++rids, p, message, out));
    return rids;
  }
  std::uint64_t put(const member_id& from, std::string_view value, std::string_view k = key) {
    return mutate(from, {.kind = wire::mutation::put, .value = as_bytes(value)}, k);
  }
  std::uint64_t erase(const member_id& from, std::string_view k = key) {
    return mutate(from, {.kind = wire::mutation::erase}, k);
  }

  /// All messages of a kind that were sent to `to` since clear(); with them their packets.
  template <class Message>
  std::vector<Message> sent(const member_id& to) const {
    std::vector<Message> found;
    for (const effect& e : out) {
      const auto* s = std::get_if<wire::send>(&e);
      if (s == nullptr || s->to != to || s->message.code != Message::code) continue;
      REQUIRE(wire::decode(s->message.payload, found.emplace_back()) == wire::decode_error::none);
    }
    return found;
  }
  template <class Message>
  Message one(const member_id& to) const {
    const auto all = sent<Message>(to);
    REQUIRE(all.size() == 1);
    return all.front();
  }
  template <class Effect>
  std::vector<Effect> effects() const {
    std::vector<Effect> found;
    for (const effect& e : out) {
      if (const auto* wanted = std::get_if<Effect>(&e)) found.push_back(*wanted);
    }
    return found;
  }
  /// The opcodes that went to `to`, in order.
  std::vector<wire::opcode> order(const member_id& to) const {
    std::vector<wire::opcode> codes;
    for (const effect& e : out) {
      const auto* s = std::get_if<wire::send>(&e);
      if (s != nullptr && s->to == to) codes.push_back(s->message.code);
    }
    return codes;
  }
  void clear() { out.clear(); }

  /// What a get of the owner's own process finds; empty when absent.
  std::string value(std::string_view k = key) {
    outbox mine;
    wire::get message;
    message.epoch = term;
    message.cache = books;
    message.key = as_bytes(k);
    CHECK(machine.on_get(now, self, 0, partition_of(stable_hash(message.key)), message, mine));
    REQUIRE(mine.size() == 1);
    return std::string{as_text(std::get<answer_get>(mine[0]).value)};
  }

  bool ack(const member_id& from, std::uint32_t sid, std::uint64_t up_to,
           bool no_interest = false) {
    return machine.on_invalidate_ack(now, from, sid, home,
                                     {term, stream_number{up_to}, no_interest}, out);
  }
  bool ask_replay(const member_id& from, std::uint32_t sid, std::uint64_t first, std::uint64_t to) {
    return machine.on_replay_request(now, from, sid, home,
                                     {term, stream_number{first}, stream_number{to}}, out);
  }
  bool subscribe(const member_id& from, std::uint32_t sid, std::vector<std::uint64_t> have) {
    wire::subscribe message;
    for (const std::uint64_t n : have) message.positions.push_back({home, term, stream_number{n}});
    const auto lane = static_cast<partition_id>(options_of_home().lane);
    return machine.on_subscribe(now, from, sid, lane, message, out);
  }
  bool beat(const member_id& from, std::uint32_t sid, time_point sent_at) {
    const auto lane = static_cast<partition_id>(options_of_home().lane);
    return machine.on_beat(now, from, sid, lane, {sent_at}, out);
  }
  const counters& counted() const { return machine.counters(); }
};

/// An owner whose cache has other settings.
struct owner_with : owner {
  explicit owner_with(const lifetime_settings& life, std::optional<duration> ttl = 60s,
                      bool has_loader = true) {
    cache_settings settings;
    settings.id = books;
    settings.ttl = ttl;
    settings.has_loader = has_loader;
    settings.life = life;
    machine.open_cache(settings);
  }

  /// The one load that began since clear().
  load_ticket begun() {
    const auto runs = effects<run_load>();
    REQUIRE(runs.size() == 1);
    return runs[0].ticket;
  }
  void finish(const load_ticket& ticket, std::string_view row,
              std::optional<duration> ttl = std::nullopt) {
    machine.on_load_done(now, ticket, loaded{to_bytes(row), ttl}, out);
  }
  void fail(const load_ticket& ticket) {
    machine.on_load_done(now, ticket, load_failure{"no database"}, out);
  }
  /// Loads `row` and forgets what was said.
  void load_row(std::string_view row) {
    clear();
    load(anna);
    finish(begun(), row);
    clear();
  }
  /// Asks as anna and returns the answer that is there at once.
  wire::get_reply ask(const asked& want = {.near = true, .load = true}) {
    clear();
    get(anna, want);
    return one<wire::get_reply>(anna);
  }
  bool asks_and_waits() {
    clear();
    load(anna);
    return sent<wire::get_reply>(anna).empty();
  }
};

/// The stream numbers that anna was told one by one, in the order of arrival.
inline std::vector<std::uint64_t> numbers_told(const owner& o) {
  std::vector<std::uint64_t> numbers;
  for (const auto& batch : o.sent<wire::invalidate>(anna)) {
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      numbers.push_back(batch.first.value() + i);
    }
  }
  return numbers;
}

inline void put_times(owner& o, int times) {
  for (int i = 0; i < times; ++i) o.put(bert, "x");
}

}  // namespace kith::replica
