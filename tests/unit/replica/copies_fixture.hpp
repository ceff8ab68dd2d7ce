// Members that own a partition and keep copies of it, for tests: what they send each other of feeds
// is under way until a test delivers or loses it, and rows are what a test says.
#pragma once

#include "owner_fixture.hpp"

#include <kith/wire/feed_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kith::replica {

/// Asks, and keeps nothing.
inline const member_id carl{4, 4, 1};
/// A cache with two copies, where `books` has one.
inline constexpr cache_id films{8};

inline const epoch second_epoch{view_number{6}, 0};
inline const epoch third_epoch{view_number{7}, 0};

inline cache_settings books_settings() {
  cache_settings settings;
  settings.id = books;
  return settings;
}

struct copying {
  struct letter {
    member_id from;
    wire::send what;
  };
  struct said {
    member_id by;
    claim_row what;
  };

  time_point now{std::chrono::hours{1}};
  std::vector<member_id> everybody{self, anna, bert, carl};
  std::map<member_id, std::unique_ptr<replica>> members;
  std::deque<letter> under_way;
  /// What is sent to them, and what they send, is lost.
  std::set<member_id> cut_off;
  /// What was sent beside feeds, since clear(), and what was claimed.
  std::vector<letter> answers;
  std::vector<said> claims;
  row installed;
  std::uint64_t views = first_epoch.view.value();
  std::uint64_t operations = 0;
  std::uint64_t rids = 0;

  explicit copying(const replica_options& options = options_of_home(),
                   const cache_settings& of_books = books_settings(),
                   std::vector<cache_copies> all = {{books, 1, 0}, {films, 2, 0}}) {
    for (const member_id& who : {self, anna, bert}) {
      auto& made = members[who] = std::make_unique<replica>(who, options);
      made->on_caches(all);
      made->open_cache(of_books);
    }
  }

  replica& at(const member_id& who) { return *members.at(who); }
  const counters& counted(const member_id& who) { return at(who).counters(); }

  void carry_out(const member_id& by, const outbox& effects) {
    for (const effect& e : effects) {
      if (const auto* claimed = std::get_if<claim_row>(&e)) claims.push_back({by, *claimed});
      const auto* sent = std::get_if<wire::send>(&e);
      if (sent == nullptr) continue;
      const wire::opcode code = sent->message.code;
      const bool feed =
          code == wire::feed::code || code == wire::feed_ack::code || code == wire::feed_end::code;
      if (!feed) {
        answers.push_back({by, *sent});
      } else if (members.contains(sent->to) && !cut_off.contains(by) &&
                 !cut_off.contains(sent->to)) {
        under_way.push_back({by, *sent});
      }
    }
  }
  void clear() {
    answers.clear();
    claims.clear();
  }

  /// All install a view in which the partition has this row.
  void install(const row& told) {
    installed = told;
    ++views;
    for (const auto& [who, machine] : members) {
      outbox out;
      machine->on_view(now, view_number{views}, everybody, out);
      machine->on_row(now, home, told, out);
      machine->set_standing(now);
      carry_out(who, out);
    }
  }
  /// The member, and what is under way to it and from it, is gone.
  void crash(const member_id& who) {
    members.erase(who);
    std::erase(everybody, who);
    std::erase_if(under_way, [&](const letter& l) { return l.from == who || l.what.to == who; });
  }
  void pass(duration time) {
    now += time;
    for (const auto& [who, machine] : members) {
      outbox out;
      machine->set_standing(now);
      machine->on_timeout(now, out);
      carry_out(who, out);
    }
  }
  /// So long, a step at a time, as a driver would.
  void pass_in_steps(duration time, duration step = 10ms) {
    for (duration gone{}; gone < time; gone += step) pass(step);
  }

  /// False: the receiver calls it a violation.
  bool hand(const letter& l) {
    outbox out;
    replica& to = at(l.what.to);
    const wire::packet& packet = l.what.message;
    const auto decoded = [&](auto& into) {
      REQUIRE(wire::decode(packet.payload, into) == wire::decode_error::none);
    };
    bool fine = true;
    if (packet.code == wire::feed::code) {
      wire::feed message;
      decoded(message);
      fine = to.on_feed(now, l.from, packet.partition, message, out);
    } else if (packet.code == wire::feed_ack::code) {
      wire::feed_ack message;
      decoded(message);
      fine = to.on_feed_ack(now, l.from, packet.partition, message, out);
    } else {
      wire::feed_end message;
      decoded(message);
      fine = to.on_feed_end(l.from, packet.partition, message);
    }
    carry_out(l.what.to, out);
    return fine;
  }
  /// So many messages of feeds, in their order; all of them and what follows.
  void deliver(std::size_t count = 100'000) {
    for (; count > 0 && !under_way.empty(); --count) {
      const letter next = std::move(under_way.front());
      under_way.pop_front();
      CHECK(hand(next));
    }
    CHECK((count == 0 || under_way.empty()));
  }
  void lose() { under_way.clear(); }

  std::uint64_t mutate(const change& want, std::string_view k = key, cache_id cache = books) {
    wire::mutate message;
    message.epoch = installed.began;
    message.cache = cache;
    message.operation = want.operation == 0 ? ++operations : want.operation;
    message.lowest_unsettled = want.lowest_unsettled;
    message.kind = want.kind;
    message.value = want.value;
    message.rule = want.rule;
    message.ttl = want.ttl;
    message.tags = want.tags;
    if (!wire::without_key(message.kind)) message.key = as_bytes(k);
    outbox out;
    CHECK(at(installed.owner).on_mutate(now, carl, ++rids, home, message, out));
    carry_out(installed.owner, out);
    return rids;
  }
  std::uint64_t put(std::string_view value, std::string_view k = key, cache_id cache = books) {
    return mutate({.value = as_bytes(value)}, k, cache);
  }
  std::uint64_t add(std::uint64_t operation) {
    const bytes one = write_number(1);
    return mutate({.operation = operation, .kind = wire::mutation::add, .value = one});
  }
  /// What carl was answered; nothing while it waits.
  std::optional<wire::mutate_reply> reply(std::uint64_t rid) const {
    for (const letter& l : answers) {
      if (l.what.message.rid != rid || l.what.message.code != wire::mutate_reply::code) continue;
      wire::mutate_reply made;
      REQUIRE(wire::decode(l.what.message.payload, made) == wire::decode_error::none);
      return made;
    }
    return std::nullopt;
  }
  std::optional<wire::mutate_status> status(std::uint64_t rid) const {
    const auto told = reply(rid);
    return told ? std::optional{told->status} : std::nullopt;
  }
  bool answered(std::uint64_t rid) const { return status(rid) == wire::mutate_status::applied; }

  wire::get_reply get(version after = {}, std::string_view k = key, cache_id cache = books) {
    wire::get message;
    message.epoch = installed.began;
    message.cache = cache;
    message.key = as_bytes(k);
    message.after = after;
    outbox out;
    CHECK(at(installed.owner).on_get(now, self_of_get(), 0, home, message, out));
    REQUIRE(!out.empty());
    read_ = std::get<answer_get>(out.front());
    carry_out(installed.owner, out);
    return read_.reply;
  }
  /// What its owner answers; empty when absent.
  std::string value(std::string_view k = key, cache_id cache = books) {
    get({}, k, cache);
    return std::string{as_text(read_.value)};
  }
  /// What the member's copy has; empty when absent.
  std::string copied(const member_id& by, std::string_view k = key, cache_id cache = books) {
    const entries* all = at(by).kept().cache(cache);
    if (all == nullptr) return {};
    const auto found = all->peek(now, stable_hash(as_bytes(k)), as_bytes(k));
    return found ? std::string{as_text(found->value().value)} : std::string{};
  }
  const copy& copy_of(const member_id& by) {
    return at(by).kept().of(index_of(home) / options_of_home().lanes);
  }

  std::vector<claim_row> claimed(wire::claim_kind kind) const {
    std::vector<claim_row> found;
    for (const said& each : claims) {
      if (each.what.kind == kind) found.push_back(each.what);
    }
    return found;
  }
  /// The feeds that are under way to the member, decoded. They view what is under way.
  std::vector<wire::feed> feeds_to(const member_id& to) const {
    std::vector<wire::feed> found;
    for (const letter& l : under_way) {
      if (l.what.to != to || l.what.message.code != wire::feed::code) continue;
      REQUIRE(wire::decode(l.what.message.payload, found.emplace_back()) ==
              wire::decode_error::none);
    }
    return found;
  }

 private:
  /// A caller in the owner's own process.
  const member_id& self_of_get() const { return installed.owner; }

  answer_get read_;
};

/// Owned by `self` in its first epoch.
inline row row_with(std::vector<member_id> backups) {
  row made;
  made.owner = self;
  made.began = first_epoch;
  made.backups = backups;
  made.wanted = std::move(backups);
  return made;
}
/// It has no copies yet, and is to have these.
inline row row_wanting(std::vector<member_id> wanted) {
  row made = row_with({});
  made.wanted = std::move(wanted);
  return made;
}
/// Passed on to `owner`, who kept a copy.
inline row row_after(const member_id& owner, const epoch& began, std::vector<member_id> backups) {
  row made = row_with(std::move(backups));
  made.owner = owner;
  made.began = began;
  made.inherits = true;
  return made;
}

/// One in which anna has a copy of all.
struct copied_team : copying {
  using copying::copying;
  explicit copied_team(const replica_options& options = options_of_home(),
                       const cache_settings& of_books = books_settings())
      : copying{options, of_books} {
    install(row_with({anna}));
    deliver();
    clear();
  }
};

/// Each item of a feed goes in a message of its own, and the next one when that was acknowledged.
inline replica_options one_by_one() {
  replica_options options = options_of_home();
  options.feed_window = 1;
  options.feed_message = 1;
  return options;
}

}  // namespace kith::replica
