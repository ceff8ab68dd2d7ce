// Keeps the copies of the partitions that one lane owns: begins a feed to each member that should
// have one, sends what there is and what changes, and tells the coordinator who has all.
//
// Rules (docs/coherence.md, "Copies"):
//   B1  an answer waits for all in the row, and for all who were sent the end item of their round
//   B2  who does not keep up leaves by a view, and is waited for until then
//   B3  claims are of one view: what was said in an earlier one is said again
// So whoever a next view may make the owner has all that was ever answered.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/feed_out.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/row.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/feed_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kith::replica {

class feeding {
 public:
  explicit feeding(holdings& of) : held_{of} {}

  /// The row of a partition that this member owns, of a view that was just installed. True when
  /// answers may have to wait no longer.
  void on_row(time_point now, owned_partition& in, const row& told, outbox& out);
  /// This member does not own the partition any more.
  void on_epoch_end(owned_partition& ended);
  /// The way to the member is open again.
  void on_session(const member_id& peer);

  /// True: the member has more than before.
  bool on_ack(time_point now, const member_id& from, owned_partition& in,
              const wire::feed_ack& message);

  /// At the end of each turn of the lane: sends what was recorded.
  void flush(time_point now, outbox& out);
  void on_timeout(time_point now, outbox& out);
  [[nodiscard]] time_point next_timeout() const { return next_; }

 private:
  struct wish {
    member_id to;
    wire::feed_scope scope = 0;
  };
  using feeds = std::vector<feed_out>;
  [[nodiscard]] static bool covers(wire::feed_scope has, wire::feed_scope wanted) {
    return has == wire::whole_scope || (wanted != wire::whole_scope && has <= wanted);
  }

  [[nodiscard]] std::vector<wish> wishes(const row& told) const;
  [[nodiscard]] wire::feed_scope scope_of_heir(const row& told) const;
  [[nodiscard]] bool has_all(const feed_out& of) const {
    return of.scope == wire::whole_scope || of.scope < held_.feeds.least_copies();
  }
  using rests = std::map<member_id, feed_out::rest>;
  /// Returns what is left of those in whose place new ones are to begin.
  rests end_unwanted(time_point now, owned_partition& in, const std::vector<wish>& all,
                     outbox& out);
  void begin(time_point now, owned_partition& in, const wish& to, const rests& before);
  void open_round(time_point now, owned_partition& in, feed_out& to);
  void tell_answers(time_point now, const owned_partition& in, feed_out& to);
  void append(time_point now, feed_out& to, feed_item item);
  void admit_scans();
  void copy_on(time_point now, owned_partition& in, feed_out& to);
  void copy_owed(time_point now, const owned_partition& in, feed_out& to);
  void send(time_point now, const owned_partition& in, feed_out& to, outbox& out);
  /// Who holds the position leaves it to another one, by and by.
  [[nodiscard]] static bool displaced(const row& told, std::size_t position) {
    if (position >= told.wanted.size() || told.wanted[position].nobody()) return false;
    return !told.position_of(told.wanted[position]);
  }
  void claim(time_point now, const owned_partition& in, feed_out& of, outbox& out);
  void give_up(time_point now, feed_out& on);
  void drop(feed_out& over);
  void look_at(time_point now, owned_partition& in, feed_out& at);
  void begin_missing(time_point now);
  void send_end(const owned_partition& in, const feed_out& over, outbox& out) const;
  void take_departures(time_point now);
  void wake(time_point when) { next_ = std::min(next_, when); }

  holdings& held_;
  /// Members that did not keep up, until when nothing is begun for them.
  std::map<member_id, time_point> shunned_;
  time_point next_ = never;
  /// A copy waits for its turn to be made, or one has been made.
  bool scans_changed_ = false;
  /// A feed that should be is not, because its member did not keep up.
  bool missing_ = false;
  /// How many there are: a member of a large cluster that feeds nobody looks for none.
  std::size_t feeds_ = 0;
};

// --- implementation ---

/// One that is in the row may have all already.
inline wire::feed_scope feeding::scope_of_heir(const row& told) const {
  const auto position = told.position_of(told.heir);
  return position && *position < held_.feeds.least_copies() ? *position : wire::whole_scope;
}

/// The present row, who is to be the owner, and whoever is wanted where nobody is. Whoever is
/// wanted in another's place waits while the owner itself is to change: the next one begins anew.
inline auto feeding::wishes(const row& told) const -> std::vector<wish> {
  std::vector<wish> all;
  const auto add = [&](const member_id& who, wire::feed_scope scope) {
    if (who.nobody() || who == held_.self) return;
    const auto known = std::ranges::find(all, who, &wish::to);
    if (known == all.end()) return all.push_back({who, scope});
    if (known->scope == wire::whole_scope) return;
    known->scope = scope == wire::whole_scope ? scope : std::min(known->scope, scope);
  };
  for (std::size_t i = 0; i < told.backups.size(); ++i) {
    add(told.backups[i], static_cast<wire::feed_scope>(i));
  }
  const bool moves = !told.heir.nobody() && told.heir != held_.self;
  if (moves) add(told.heir, scope_of_heir(told));
  for (std::size_t i = 0; i < told.wanted.size(); ++i) {
    if (moves && !told.at(i).nobody()) continue;
    add(told.wanted[i], static_cast<wire::feed_scope>(i));
  }
  return all;
}

inline void feeding::on_row(time_point now, owned_partition& in, const row& told, outbox& out) {
  feed_table& table = held_.feeds;
  table.close(now, in.slot);
  in.row = told;
  for (feed_out& each : table.at(in.slot).feeds) {
    each.position = told.position_of(each.to);
    if (!each.heir) each.barrier = table.at(in.slot).changes;
    each.heir = each.to == told.heir;
    each.claimed = false;
    each.claim_at = never;
  }
  const std::vector<wish> all = wishes(told);
  const rests before = end_unwanted(now, in, all, out);
  for (const wish& one : all) {
    const bool known = std::ranges::any_of(table.at(in.slot).feeds,
                                           [&](const feed_out& f) { return f.to == one.to; });
    const bool in_row = told.position_of(one.to).has_value();
    const auto shunned = shunned_.find(one.to);
    const bool waits = shunned != shunned_.end() && now < shunned->second;
    if (known) continue;
    if (!waits || in_row) {
      begin(now, in, one, before);
    } else {
      missing_ = true;
      wake(shunned->second);
    }
  }
  table.touch(in.slot);
  held_.departed.noted = held_.departed.noted || !table.at(in.slot).feeds.empty();
}

/// One that broke and is in the row stays as it is: it is waited for until a view without it.
inline auto feeding::end_unwanted(time_point now, owned_partition& in, const std::vector<wish>& all,
                                  outbox& out) -> rests {
  feed_table& table = held_.feeds;
  rests left;
  feeds_ -= std::erase_if(table.at(in.slot).feeds, [&](feed_out& each) {
    const auto wanted = std::ranges::find(all, each.to, &wish::to);
    const bool broken = each.stage == feed_stage::broken;
    const bool has_enough = wanted != all.end() && covers(each.scope, wanted->scope);
    const bool stays = broken ? each.position.has_value() : has_enough;
    if (stays) return false;
    if (wanted == all.end() || broken) send_end(in, each, out);
    if (broken) shunned_[each.to] = now + held_.options.copy_pause;
    const auto rest = each.left_over(table.at(in.slot).changes);
    if (rest && wanted != all.end()) left.emplace(each.to, *rest);
    drop(each);
    return true;
  });
  return left;
}

inline void feeding::begin(time_point now, owned_partition& in, const wish& to,
                           const rests& before) {
  ++held_.counters.feeds_begun;
  feeds& all = held_.feeds.at(in.slot).feeds;
  const std::uint64_t changes = held_.feeds.at(in.slot).changes;
  all.emplace_back(to.to, to.scope, held_.next_number(), changes, now);
  ++feeds_;
  all.back().position = in.row.position_of(to.to);
  all.back().heir = to.to == in.row.heir;
  all.back().barrier = changes;
  open_round(now, in, all.back());
  if (const auto rest = before.find(to.to); rest != before.end()) {
    const std::size_t bytes = all.back().bytes();
    all.back().carry_on(now, rest->second);
    held_.feeds.recount(all.back(), bytes);
  }
  held_.feeds.touch(in.slot);
}

inline void feeding::append(time_point now, feed_out& to, feed_item item) {
  const std::size_t before = to.bytes();
  to.append(now, std::make_shared<const feed_item>(std::move(item)));
  held_.feeds.recount(to, before);
}

/// Who owned it before, what was answered, and what there is to copy.
inline void feeding::open_round(time_point now, owned_partition& in, feed_out& to) {
  feed_item first;
  first.kind = wire::feed_kind::begin;
  first.value = wire::encoded(wire::feed_opening{to.scope, in.seq, in.terms});
  append(now, to, std::move(first));
  tell_answers(now, in, to);
  for (const auto& cache : held_.caches()) {
    const cache_id id = cache->settings().id;
    if (!to.has(held_.feeds.copies_of(id).all())) continue;
    for (const store::handle at : cache->handles(in.slot)) to.to_copy.push_back({id, at});
  }
  scans_changed_ = scans_changed_ || !to.to_copy.empty();
}

/// Also how far each window has moved: what it has pushed out may be in the entries, and is not to
/// be applied again.
inline void feeding::tell_answers(time_point now, const owned_partition& in, feed_out& to) {
  const auto tell = [&](const member_id& from, std::uint64_t operation,
                        const mutation_answer& answer) {
    const auto window = in.windows.find(from);
    const std::uint64_t floor = window == in.windows.end() ? 0 : window->second.floor();
    feed_item item;
    item.told = told_answer{from, operation, floor, answer};
    append(now, to, std::move(item));
  };
  for (const auto& [from, window] : in.windows) {
    // Below the floor: it says nothing but the floor.
    if (window.floor() > 0) tell(from, window.floor() - 1, {});
    window.for_each([&](std::uint64_t operation, const operation_record& record) {
      const bool applied = record.answer.status == wire::mutate_status::applied;
      const bool doubted = record.answer.status == wire::mutate_status::stale_operation;
      if (!record.settled || (!applied && !doubted) || record.answer.version == version{}) return;
      tell(from, operation, record.answer);
    });
  }
  for (const unconfirmed_answer& one : in.unconfirmed) tell(one.from, one.operation, one.answer);
  for (const hidden_write& one : in.hidden.writes) tell(one.from, one.operation, one.answer);
}

inline void feeding::on_epoch_end(owned_partition& ended) {
  feeds_ -= held_.feeds.at(ended.slot).feeds.size();
  for (feed_out& each : held_.feeds.at(ended.slot).feeds) drop(each);
  held_.feeds.at(ended.slot) = {};
  ended.unconfirmed.clear();
}

inline void feeding::on_session(const member_id& peer) {
  if (feeds_ == 0) return;
  for (const owned_partition& in : held_.partitions()) {
    for (feed_out& each : held_.feeds.at(in.slot).feeds) {
      if (each.to != peer || each.idle()) continue;
      each.rewind();
      held_.feeds.touch(in.slot);
    }
  }
}

inline bool feeding::on_ack(time_point now, const member_id& from, owned_partition& in,
                            const wire::feed_ack& message) {
  if (!in.owned || message.epoch != in.epoch) return false;
  feeds& all = held_.feeds.at(in.slot).feeds;
  const auto to = std::ranges::find_if(
      all, [&](const feed_out& f) { return f.to == from && f.round == message.round; });
  if (to == all.end()) return false;
  const std::size_t before = to->bytes();
  if (!to->acknowledge(now, message.up_to)) return false;
  held_.feeds.recount(*to, before);
  to->pause = {};
  to->resend_at = to->idle() ? never : now + held_.options.feed_retry_first;
  wake(to->resend_at);
  if (to->stage == feed_stage::closing && to->acked() >= to->end_number) {
    to->stage = feed_stage::in_sync;
    ++held_.counters.feeds_in_sync;
  }
  held_.feeds.touch(in.slot);
  return true;
}

// A turn.

inline void feeding::take_departures(time_point now) {
  for (departures::one& gone : std::exchange(held_.departed.all, {})) {
    const owned_partition& in = *held_.partition(partition_of(gone.hash));
    if (!held_.feeds.feeds(in.slot)) continue;
    feed_item item;
    item.kind = wire::feed_kind::drop;
    item.cache = gone.cache;
    item.key = std::move(gone.key);
    item.version = gone.version;
    held_.feeds.record(now, in.slot, std::move(item));
    held_.feeds.close(now, in.slot);
  }
}

inline void feeding::admit_scans() {
  if (!std::exchange(scans_changed_, false)) return;
  std::size_t running = 0;
  for (const owned_partition& in : held_.partitions()) {
    for (const feed_out& each : held_.feeds.at(in.slot).feeds) running += each.scanning ? 1 : 0;
  }
  for (const owned_partition& in : held_.partitions()) {
    for (feed_out& each : held_.feeds.at(in.slot).feeds) {
      if (running >= held_.options.copies_at_once) return;
      if (each.scanning || each.to_copy.empty()) continue;
      each.scanning = true;
      ++running;
      held_.feeds.touch(in.slot);
    }
  }
}

inline void feeding::copy_on(time_point now, owned_partition& in, feed_out& to) {
  if (to.stage != feed_stage::copying) return;
  while (to.scanning && !to.to_copy.empty() && to.bytes() < held_.options.feed_window) {
    const feed_out::place next = to.to_copy.back();
    to.to_copy.pop_back();
    entries* cache = held_.find_cache(next.cache);
    const auto seen = cache->at(now, in.slot, next.at);
    if (!seen) continue;
    feed_item item = item_of(next.cache, seen->key(), {}, cache, seen);
    item.owed = held_.owed.find(next.cache, seen->key()) != nullptr;
    append(now, to, std::move(item));
  }
  if (!to.to_copy.empty()) return;
  scans_changed_ = scans_changed_ || std::exchange(to.scanning, false);
  copy_owed(now, in, to);
  feed_item last;
  last.kind = wire::feed_kind::end;
  last.version = {in.epoch, in.seq};
  const std::size_t before = to.bytes();
  to.end_number = to.append(now, std::make_shared<const feed_item>(std::move(last)));
  held_.feeds.recount(to, before);
  to.stage = feed_stage::closing;
  to.bound = true;
}

/// What is owed of keys without an entry here: nothing else tells of it.
inline void feeding::copy_owed(time_point now, const owned_partition& in, feed_out& to) {
  held_.owed.for_each([&](const owed_write& one) {
    const cache_id id = one.at.cache;
    if (one.at.partition != in.id || !to.has(held_.feeds.copies_of(id).all())) return;
    if (held_.use_cache(id)->peek(now, one.at.hash, one.at.key)) return;
    tell_owed(one, [&](const feed_item& item) { append(now, to, item); });
  });
}

inline void feeding::send(time_point now, const owned_partition& in, feed_out& to, outbox& out) {
  while (to.stage != feed_stage::broken) {
    const feed_out::batch batch =
        to.take_unsent(held_.options.feed_window, held_.options.feed_message);
    if (batch.items.empty()) return;
    wire::feed message{in.epoch, to.round, batch.first, {}};
    message.items.reserve(batch.items.size());
    for (const feed_item* item : batch.items) message.items.push_back(wire_item(now, *item));
    out.push_back(wire::send{to.to, wire::make_packet(message, in.id)});
    held_.counters.feed_items_sent += batch.items.size();
    if (to.resend_at == never) {
      to.pause = to.pause == duration{} ? held_.options.feed_retry_first : to.pause;
      to.resend_at = now + to.pause;
    }
    wake(std::min(to.resend_at, to.progress_at + held_.options.copy_patience));
  }
}

inline void feeding::claim(time_point now, const owned_partition& in, feed_out& of, outbox& out) {
  if (of.claimed && now < of.claim_at) return;
  std::optional<wire::claim_kind> kind;
  std::uint8_t position = of.position.value_or(0);
  if (of.stage == feed_stage::broken) {
    if (of.position || of.bound) kind = wire::claim_kind::out_of_sync;
  } else if (of.stage == feed_stage::in_sync && of.heir) {
    if (has_all(of) && of.covers(of.barrier)) kind = wire::claim_kind::hand_over;
  } else if (of.stage == feed_stage::in_sync) {
    const auto wanted = std::ranges::find(in.row.wanted, of.to);
    if (wanted != in.row.wanted.end()) {
      position = static_cast<std::uint8_t>(wanted - in.row.wanted.begin());
      const bool has = of.scope == wire::whole_scope || of.scope <= position;
      if (has && of.position != position) kind = wire::claim_kind::in_sync;
    } else if (of.position && !displaced(in.row, *of.position)) {
      kind = wire::claim_kind::out_of_sync;
    }
  }
  if (!kind) return;
  of.claimed = true;
  of.claim_at = now + held_.options.claim_again;
  wake(of.claim_at);
  ++held_.counters.claims;
  out.push_back(claim_row{in.id, *kind, of.to, position});
}

inline void feeding::flush(time_point now, outbox& out) {
  if (!held_.departed.all.empty()) take_departures(now);
  admit_scans();
  while (held_.feeds.touched()) {
    for (const std::size_t slot : held_.feeds.take_touched()) {
      owned_partition& in = held_.partitions()[slot];
      if (!in.owned) continue;
      held_.feeds.close(now, slot);
      for (feed_out& each : held_.feeds.at(slot).feeds) {
        copy_on(now, in, each);
        send(now, in, each, out);
        claim(now, in, each, out);
      }
    }
    admit_scans();
  }
}

}  // namespace kith::replica

#include <kith/replica/feeding_late.hpp>
