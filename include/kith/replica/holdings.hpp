// What one lane's replica holds: the partitions with their terms of ownership, the caches' entries,
// the listeners, and the work under way. Reads and writes share it.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/key_events.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/audience.hpp>
#include <kith/replica/change_notice.hpp>
#include <kith/replica/counters.hpp>
#include <kith/replica/dirty_keys.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/entries.hpp>
#include <kith/replica/feed_item.hpp>
#include <kith/replica/feed_table.hpp>
#include <kith/replica/hidden_writes.hpp>
#include <kith/replica/load.hpp>
#include <kith/replica/operation.hpp>
#include <kith/replica/options.hpp>
#include <kith/replica/owed_writes.hpp>
#include <kith/replica/processor.hpp>
#include <kith/replica/uncertain_keys.hpp>
#include <kith/replica/written_keys.hpp>
#include <kith/store/pressure.hpp>
#include <kith/wire/limits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kith::replica {

/// The answer of an operation that was applied, until its copies are made.
struct unconfirmed_answer {
  feed_table::must_wait until;
  member_id from;
  std::uint64_t operation = 0;
  mutation_answer answer;
};

struct owned_partition {
  partition_id id{};
  std::size_t slot = 0;
  bool owned = false;
  /// As the installed view has it.
  replica::row row{};
  /// The newest that is known, owned or not.
  kith::epoch epoch;
  /// The newest mutation's. Invariant: at most sequence_max.
  sequence seq;
  std::map<member_id, operation_window> windows;
  /// In the order of their changes.
  std::deque<unconfirmed_answer> unconfirmed{};
  hidden_queue hidden{};
  /// All in the row have had what this owner began with: what its successor has is no less.
  bool settled = false;
  /// The earlier owners whose entries it has, oldest first; at most wire::terms_max.
  std::vector<wire::term> terms{};
  /// Of the newest write of a store, in this epoch.
  sequence fenced{};

  /// A write of an earlier owner came to this one: it was passed on whenever the owner changed.
  /// `copies`: of its cache.
  [[nodiscard]] bool inherited(const version& write, std::uint8_t copies) const;
  [[nodiscard]] version newest() const { return {epoch, seq}; }
  [[nodiscard]] version next() const { return {epoch, seq.next()}; }
  /// Each is higher than all before, of earlier owners too.
  [[nodiscard]] write_fence next_fence() {
    fenced = std::max(fenced, seq).next();
    return {epoch.view, epoch.branch, fenced};
  }
};

enum class admission : std::uint8_t { serve, wrong_epoch, retry };

class holdings {
 public:
  holdings(const member_id& self, const replica_options& options);
  holdings(const holdings&) = delete;
  holdings& operator=(const holdings&) = delete;

  const member_id self;
  const replica_options options;
  replica::counters counters;
  replica::audience audience;
  key_events events;
  feed_table feeds;
  dirty_keys dirty;
  /// Of all caches, since the feeds were told last.
  departures departed;
  load_table loads;
  /// Declared before what is charged to it.
  std::size_t pending_write_bytes = 0;
  busy_table busy;
  hidden_table hidden;
  replica::written_keys written;
  uncertain_keys uncertain;
  owed_writes owed;
  /// For listeners in this process, since the driver took them last.
  std::vector<change_notice> notices;
  /// The coordinator's newest echo: nobody else can have got our partitions before it.
  time_point coordinator_fresh = time_point::min();
  /// Until then this member surely owns what its view says.
  time_point fence = time_point::min();
  /// The newest view of which the members that are not in it can do nothing more, and all that are
  /// have installed it.
  std::optional<view_number> stable;
  /// From the majority: some caches go on for this member's own callers.
  bool cut_off = false;
  /// How full the member is, as the driver last said.
  store::memory_state memory;
  /// Of the lane, and from its secret: other members' lanes draw otherwise.
  random_source random;
  /// This process keeps near entries of what it owns.
  bool tell_own = false;
  /// The installed view, and its members, sorted.
  std::optional<view_number> view;
  std::vector<member_id> members;

  /// Nullptr when the partition is another lane's.
  [[nodiscard]] owned_partition* partition(partition_id id);
  [[nodiscard]] const owned_partition* partition(partition_id id) const;
  [[nodiscard]] std::vector<owned_partition>& partitions() { return partitions_; }
  [[nodiscard]] const std::vector<owned_partition>& partitions() const { return partitions_; }

  /// A window of a member that left is gone, so nothing may be applied for it any more; it comes
  /// back as a new member.
  [[nodiscard]] bool stranger(const member_id& who) const {
    return view && who != self && !std::binary_search(members.begin(), members.end(), who);
  }
  [[nodiscard]] bool strong(cache_id cache) const { return feeds.strong(cache); }
  /// No more strong writes are to begin.
  [[nodiscard]] bool hides_enough() const {
    return hidden.size() >= options.hidden_writes ||
           pending_write_bytes >= options.pending_write_bytes;
  }
  /// The past of the partition is over: whoever owned it before, or read from that one, is fenced
  /// or has installed the view; and nobody who may be the next owner has less than this one.
  [[nodiscard]] bool settled(const owned_partition& of) const {
    return of.settled && stable && of.epoch.view <= *stable;
  }
  /// Nobody else can serve the cache in the partition.
  [[nodiscard]] bool in_force(time_point now, const owned_partition& of, cache_id cache) const {
    return strong(cache) ? now < fence && settled(of) : fresh_enough(now, cache);
  }
  /// This owner may answer from its store: nobody can have replaced it unnoticed for long.
  [[nodiscard]] bool serves(time_point now, const owned_partition& of, cache_id cache) const {
    return of.owned && (in_force(now, of, cache) || goes_on(cache, &cache_settings::reads_cut_off));
  }
  /// The same of what changes it.
  [[nodiscard]] bool takes_writes(time_point now, const owned_partition& of, cache_id cache) const {
    return of.owned &&
           (in_force(now, of, cache) || goes_on(cache, &cache_settings::writes_cut_off));
  }
  /// The same for all caches: it may vouch for its store to those who keep near entries.
  [[nodiscard]] bool vouches(time_point now) const;
  [[nodiscard]] admission admit(time_point now, const member_id& from, const owned_partition& of,
                                const kith::epoch& asked, cache_id cache, outbox& out);

  /// Nullptr when no entry of the cache ever came and nobody opened it.
  [[nodiscard]] entries* find_cache(cache_id id) const;
  /// Makes the cache with defaults if it is unknown. Nullptr when there are too many.
  [[nodiscard]] entries* use_cache(cache_id id);
  void open_cache(const cache_settings& settings);
  [[nodiscard]] const std::vector<std::unique_ptr<entries>>& caches() const { return caches_; }
  /// A cache that is known has another share of the bytes from now on.
  void set_cache_bytes(cache_id id, std::uint64_t max_bytes);

  /// No new copy of an entry is to be kept by its reader.
  [[nodiscard]] bool withholds_copies() const {
    return memory.pressure >= store::pressure::no_copies;
  }
  [[nodiscard]] bool refuses_bytes() const { return memory.pressure >= store::pressure::refuse; }
  /// Evicts a part of what the lane has too much, from the cache that has most.
  void relieve(time_point now);

  /// The mutation with the version of.next() is done: it is numbered, told and remembered by loads.
  void commit(time_point now, owned_partition& of, const key_view& key, outbox& out);
  /// The same of a mutation of all entries of the cache, or of those with a tag, of hash `hash`.
  void commit_many(time_point now, owned_partition& of, cache_id cache, wire::scope which,
                   std::uint64_t hash, outbox& out);
  /// Entries that ended because nobody used them are mutations too: copies of them are dropped.
  void commit_idle_ends(time_point now, entries& cache, outbox& out);

  [[nodiscard]] std::uint64_t next_number() { return ++numbers_; }

  /// The coordinator has confirmed this member's view within what the cache allows.
  [[nodiscard]] bool fresh_enough(time_point now, cache_id cache) const;

 private:
  [[nodiscard]] bool goes_on(cache_id cache, bool cache_settings::* allowed) const;
  entries* add_cache(const cache_settings& settings);
  void number(time_point now, owned_partition& of, wire::invalidation entry, outbox& out);
  void feed_key(time_point now, owned_partition& of, const key_view& key);

  std::vector<owned_partition> partitions_;
  /// In the order of their coming.
  std::vector<std::unique_ptr<entries>> caches_;
  hash_map<cache_id, entries*> cache_index_;
  std::uint64_t numbers_ = 0;
};

// --- implementation ---

inline bool owned_partition::inherited(const version& write, std::uint8_t copies) const {
  const auto first = std::ranges::find(terms, write.epoch, &wire::term::epoch);
  if (first == terms.end() || write.seq > first->last) return false;
  return std::all_of(first, terms.end(), [&](const wire::term& each) {
    return each.kept == wire::whole_scope || copies > each.kept;
  });
}

inline holdings::holdings(const member_id& me, const replica_options& chosen)
    : self{me},
      options{chosen},
      audience{options, counters},
      feeds{options, counters},
      dirty{options.dirty_keys, options.dirty_period},
      random{stable_hash_combine(options.salt, options.lane)} {
  KITH_ASSERT(options.lanes > 0 && partition_count % options.lanes == 0);
  KITH_ASSERT(options.lane < options.lanes);
  partitions_.resize(partition_count / options.lanes);
  for (std::size_t slot = 0; slot < partitions_.size(); ++slot) {
    partitions_[slot].id = static_cast<partition_id>(slot * options.lanes + options.lane);
    partitions_[slot].slot = slot;
  }
}

inline const owned_partition* holdings::partition(partition_id id) const {
  if (index_of(id) >= partition_count || index_of(id) % options.lanes != options.lane) {
    return nullptr;
  }
  return &partitions_[index_of(id) / options.lanes];
}

inline owned_partition* holdings::partition(partition_id id) {
  return const_cast<owned_partition*>(std::as_const(*this).partition(id));
}

inline bool holdings::fresh_enough(time_point now, cache_id cache) const {
  const entries* known = find_cache(cache);
  const duration staleness =
      known != nullptr ? known->settings().max_staleness : options.staleness_default;
  return now <= coordinator_fresh + std::min(options.serve_window, staleness);
}

inline bool holdings::goes_on(cache_id cache, bool cache_settings::* allowed) const {
  const entries* known = cut_off ? find_cache(cache) : nullptr;
  return known != nullptr && !known->settings().strong && known->settings().*allowed;
}

inline bool holdings::vouches(time_point now) const {
  const bool owner = std::any_of(partitions_.begin(), partitions_.end(),
                                 [](const owned_partition& p) { return p.owned; });
  return owner &&
         now <= coordinator_fresh + std::min(options.serve_window, options.staleness_default);
}

inline admission holdings::admit(time_point now, const member_id& from, const owned_partition& of,
                                 const kith::epoch& asked, cache_id cache, outbox& out) {
  if (!of.owned || asked != of.epoch) {
    ++counters.wrong_epoch;
    if (asked > of.epoch && from != self) out.push_back(pull_view{from});
    return admission::wrong_epoch;
  }
  if (stranger(from)) {
    ++counters.strangers;
    return admission::retry;
  }
  // Who asks from elsewhere may be of the majority, and is promised more.
  if (from == self ? !serves(now, of, cache) : !in_force(now, of, cache)) {
    const bool leased = strong(cache);
    ++(!leased ? counters.not_fresh : now < fence ? counters.unsettled : counters.fenced);
    return admission::retry;
  }
  return admission::serve;
}

inline entries* holdings::find_cache(cache_id id) const {
  const auto at = cache_index_.find(id);
  return at == cache_index_.end() ? nullptr : at->second;
}

inline entries* holdings::add_cache(const cache_settings& settings) {
  caches_.push_back(std::make_unique<entries>(settings, options));
  caches_.back()->report_to(notices);
  caches_.back()->report_departures(departed);
  return cache_index_[settings.id] = caches_.back().get();
}

inline entries* holdings::use_cache(cache_id id) {
  if (entries* known = find_cache(id)) return known;
  if (caches_.size() >= wire::limits::caches) return nullptr;
  cache_settings settings;
  settings.id = id;
  settings.max_bytes = options.cache_bytes_default;
  settings.max_staleness = options.staleness_default;
  return add_cache(settings);
}

inline void holdings::open_cache(const cache_settings& settings) {
  if (settings.tells_dirty) dirty.track(settings.id);
  entries* known = find_cache(settings.id);
  const bool again = known != nullptr && known->settings().watched != nullptr;
  if (known != nullptr) {
    known->configure(settings);
  } else {
    known = add_cache(settings);
  }
  // Listeners may have come with it from another identity of this member.
  for (const owned_partition& each : partitions_) {
    if (each.owned && !again) known->note_arrival(each.id);
  }
}

inline void holdings::set_cache_bytes(cache_id id, std::uint64_t max_bytes) {
  entries* known = find_cache(id);
  if (known == nullptr) return;
  cache_settings settings = known->settings();
  settings.max_bytes = max_bytes;
  known->configure(settings);
}

inline void holdings::relieve(time_point now) {
  // So few at a time: the next ones may be another cache's.
  constexpr std::size_t steps = 8;
  for (std::size_t i = 0; i < steps && memory.excess > 0 && !caches_.empty(); ++i) {
    const auto largest = std::ranges::max_element(caches_, {}, [](const auto& cache) {
      return cache->size() > 0 ? cache->bytes_held() : std::uint64_t{0};
    });
    entries& from = **largest;
    const std::uint64_t before = from.bytes_held();
    const std::size_t gone = from.evict_bytes(now, memory.excess, store::evictions_a_turn / steps);
    counters.pressure_evictions += gone;
    memory.excess -= std::min(memory.excess, before - from.bytes_held());
    if (gone == 0) return;
  }
}

inline void holdings::number(time_point now, owned_partition& of, wire::invalidation entry,
                             outbox& out) {
  KITH_ASSERT(of.seq < sequence_max);
  of.seq = of.seq.next();
  entry.seq = of.seq;
  ++counters.mutations;
  audience.publish(now, of.slot, entry, out);
  if (tell_own) out.push_back(own_mutation{of.id, of.epoch, entry});
}

/// What the mutation has made of the key.
inline void holdings::feed_key(time_point now, owned_partition& of, const key_view& key) {
  if (!feeds.feeds(of.slot)) return;
  entries* known = find_cache(key.cache);
  const auto seen = known != nullptr ? known->peek(now, key.hash, key.key) : entries::found{};
  const owed_write* owes = owed.find(key.cache, key.key);
  if (owes != nullptr && !seen) {
    return tell_owed(*owes, [&](const feed_item& item) { feeds.record(now, of.slot, item); });
  }
  feed_item item = item_of(key.cache, key.key, of.newest(), known, seen);
  item.owed = owes != nullptr;
  feeds.record(now, of.slot, std::move(item));
}

inline void holdings::commit(time_point now, owned_partition& of, const key_view& key,
                             outbox& out) {
  loads.outrun(key.cache, key.key);
  if (entries* known = find_cache(key.cache)) known->forget_absent(now, key.hash, key.key);
  number(now, of, {{}, key.cache, wire::scope::key, key.hash}, out);
  feed_key(now, of, key);
  events.record({now, key_event::write_applied, key.cache, of.id, key.hash, of.newest()});
}

/// No load has to be outrun: the entry was as good as gone before, and no value is older than that.
inline void holdings::commit_idle_ends(time_point now, entries& cache, outbox& out) {
  for (const entries::idle_end& gone : cache.take_idle_ends()) {
    owned_partition& of = *partition(partition_of(gone.hash));
    if (!of.owned || of.seq >= sequence_max) continue;
    ++counters.idle_ends;
    number(now, of, {{}, cache.settings().id, wire::scope::key, gone.hash}, out);
    feed_key(now, of, {cache.settings().id, gone.hash, gone.key});
  }
}

/// The end of a tag is judged by each load and processor when it is over, by the tags it has then.
inline void holdings::commit_many(time_point now, owned_partition& of, cache_id cache,
                                  wire::scope which, std::uint64_t hash, outbox& out) {
  if (which == wire::scope::cache) {
    loads.outrun_all(of.id, cache);
    busy.for_each([&](busy_key& running) {
      if (running.at.partition == of.id && running.at.cache == cache) running.outrun = true;
    });
  }
  number(now, of, {{}, cache, which, hash}, out);
  if (feeds.feeds(of.slot)) {
    const bool all = which == wire::scope::cache;
    feed_item item;
    item.kind = all ? wire::feed_kind::clear : wire::feed_kind::end_tag;
    item.cache = cache;
    item.version = of.newest();
    if (!all) item.tags.push_back(hash);
    feeds.record(now, of.slot, std::move(item));
  }
  const auto what = which == wire::scope::tag ? key_event::tag_ended : key_event::cleared;
  events.record({now, what, cache, of.id, {}, of.newest()});
}

}  // namespace kith::replica
