// What all handles of one cache of one member share: its options, its near cache, its loader and
// processors, and the way to the member. Everything typed about a call is decided here, once, for
// the blocking and the async form alike.
#pragma once

#include <kith/causal_token.hpp>
#include <kith/codec.hpp>
#include <kith/core/histogram.hpp>
#include <kith/core/mutex.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/events.hpp>
#include <kith/handle/cache_stats.hpp>
#include <kith/handle/change_listeners.hpp>
#include <kith/handle/entry.hpp>
#include <kith/handle/explanation.hpp>
#include <kith/handle/operation.hpp>
#include <kith/handle/policies.hpp>
#include <kith/handle/port.hpp>
#include <kith/loader.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/near/ref.hpp>
#include <kith/options.hpp>
#include <kith/replica/tags.hpp>
#include <kith/store/budget.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kith::handle {

/// What an error of too_large says.
[[nodiscard]] inline std::string size_and_cap(const char* what, std::size_t size, std::size_t cap) {
  return std::string{what} + ": " + std::to_string(size) + " of at most " + std::to_string(cap) +
         " bytes";
}

/// Under which a value that a get brought may be kept.
[[nodiscard]] inline near::entry_terms terms_of(const node::outcome& of, byte_view value) {
  const std::uint64_t charge = store::near_charge_of({of.key.size(), value.size()}) +
                               replica::charge_of_tags(of.tags.size());
  near::entry_terms terms{of.key_hash, of.version, charge, of.expires, replica::hashes_of(of.tags)};
  terms.value_hash = stable_hash(value);
  if (of.recalled) {
    terms.charge = of.recalled->place.charge;
    terms.value_hash = of.recalled->value_hash;
  }
  return terms;
}

/// Reads of one cache through this member, by where they were answered. The near cache counts its
/// hits itself, a thread apart from the other.
struct read_counters {
  std::atomic<std::uint64_t> owner{0};
  std::atomic<std::uint64_t> backup{0};
  std::atomic<std::uint64_t> loaded{0};
  std::atomic<std::uint64_t> absent{0};
  std::atomic<std::uint64_t> failed{0};
  /// Entries that walks left out.
  std::atomic<std::uint64_t> unreadable{0};
  /// Loads that ran in this process, for whomever.
  std::atomic<std::uint64_t> loads_here{0};
  /// Of those that ended.
  std::atomic<std::uint64_t> loads_failed{0};
  single_writer_histogram<latency_scale> load_times;
  /// Of processors that ran in this process.
  single_writer_histogram<latency_scale> processor_times;
  /// Exceptions that left listeners.
  std::atomic<std::uint64_t> listener_failures{0};
};

template <class Key, class Value>
class cache_state final : public node::cache_hooks {
  static_assert(encodable<Key>, "kith: the key type has no codec; see kith/codec.hpp");
  static_assert(!encodable<Key> || encodable_key<Key>,
                "kith: keys must have one encoding for each value; see kith/codec.hpp");
  static_assert(encodable<Value>, "kith: the value type has no codec; see kith/codec.hpp");

 public:
  using options_type = cache_options<Key, Value>;
  using processor = std::function<replica::processor_result(entry<Key, Value>&, byte_view)>;

  cache_state(std::shared_ptr<port> to, std::string name, options_type options, std::uint64_t salt)
      : port_{std::move(to)},
        options_{std::move(options)},
        binding_{std::make_shared<node::cache_binding>()} {
    name_hash_ = stable_hash(as_bytes(name));
    binding_->name = std::move(name);
    binding_->strong = options_.coherence == kith::coherence::strong;
    binding_->max_staleness = binding_->strong ? port_->lease() : options_.near.max_staleness;
    binding_->near_local = options_.near.enabled && options_.near.local;
    binding_->has_loader = options_.load || options_.load_many;
    binding_->hard_timeout = options_.loading.hard_timeout;
    binding_->ttl = options_.ttl;
    bind_policies(*binding_, options_);
    // The gates are the member's: the near cache keeps the port alive through this state.
    near_.emplace(near::near_config{options_.near.max_bytes.value(), salt}, port_->gates());
  }

  [[nodiscard]] const std::shared_ptr<node::cache_binding>& binding() const { return binding_; }
  [[nodiscard]] const near::near_cache<Key, Value>& near_cache() const { return *near_; }
  [[nodiscard]] const options_type& options() const { return options_; }
  void set_max_bytes(byte_count most) {
    require_some(most, "max_bytes: must be above 0");
    port_->set_cache_bytes(binding_->name, most.value());
  }
  void set_near_max_bytes(byte_count most) {
    require_some(most, "near.max_bytes: must be above 0");
    if (port_->closed()) throw error{errc::closed};
    near_->set_bytes_max(port_->now(), most.value());
  }
  /// Takes each lane's lock and the near cache's for a moment.
  [[nodiscard]] cache_stats stats() const;
  template <class Lookup>
  [[nodiscard]] explanation explain(const encoded_key<Key>& key, const Lookup& lookup) const;

  /// The near cache's answer, if it may be served. Throws as timeout_of and version_after.
  template <class Lookup>
  [[nodiscard]] ref<Value> find_near(std::uint64_t hash, const Lookup& lookup,
                                     const get_options& how);
  /// Behind a find_near() that found nothing: what the near cache has of the key and may not serve
  /// is asked about, so that the owner need not send it again.
  template <class Lookup>
  void recall_into(node::call& what, const Lookup& lookup) const;

  [[nodiscard]] causal_token token(std::uint64_t key_hash, const version& at) const {
    return {name_hash_, partition_of(key_hash), at};
  }
  /// What a read of the key has to have seen. Throws kith::error(invalid_argument) for a token of
  /// another cache or partition.
  [[nodiscard]] version version_after(const std::optional<causal_token>& given,
                                      std::uint64_t key_hash) const;

  /// How long a call may take. Throws kith::error(invalid_argument) unless that is positive.
  [[nodiscard]] duration timeout_of(const std::optional<duration>& given) const;
  /// A call about `key`. Throws kith::error: invalid_argument (empty key, timeout), too_large.
  [[nodiscard]] node::call make_call(node::call_kind kind, const encoded_key<Key>& key,
                                     const std::optional<duration>& timeout) const;
  [[nodiscard]] node::call make_get(const encoded_key<Key>& key, const get_options& how) const;
  void check_read(const get_options& how) const {
    if (how.read != kith::read::backup || !binding_->strong) return;
    throw error{errc::invalid_argument, "read: a copy of a strong cache may be older than it"};
  }
  [[nodiscard]] node::call make_mutation(wire::mutation kind, const encoded_key<Key>& key,
                                         const std::optional<duration>& timeout) const;

  /// The value that a get brought, or what went wrong, which is `result.error` too. Ends the fill
  /// that the get leads.
  error_code take_value(node::outcome& result, ref<Value>& value);

  /// The time to live of one entry by the options' `expiry`, for a call that puts `value` and has
  /// none of its own. Throws what the user's function does as throw_refusal does.
  void set_expiry(node::call& put, const Value& value) const;

  void count_warm(const near::warm_counters& more) KITH_EXCLUDES(warm_mutex_) {
    const mutex_lock lock{warm_mutex_};
    add_counters(warm_, more, node::warm_rows);
  }
  /// A walk came by an entry that is of other types.
  void count_unreadable() { counters_.unreadable.fetch_add(1, std::memory_order_relaxed); }

  /// Throws kith::error(invalid_argument) for a name that is too long or of another type.
  void register_processor(const std::string& name, std::type_index type, processor run);
  /// Throws kith::error(unknown_processor) for a type that was not registered here.
  [[nodiscard]] std::string processor_name(std::type_index type) const;

  void visit_stats(const metric_visitor& visit) const override {
    kith::visit_stats(stats(), binding_->name, visit);
  }
  inline replica::load_result load(byte_view key) noexcept override;
  inline std::vector<replica::load_result> load_many(
      const std::vector<bytes>& keys) noexcept override;
  [[nodiscard]] std::size_t load_many_max() const override {
    return options_.load_many ? options_.loading.load_many_max : 0;
  }
  inline replica::processor_result process(const replica::run_processor& job) noexcept override;
  inline replica::write_result write(const replica::run_write& job) noexcept override;
  /// See cache::listen_local. `self` is this.
  [[nodiscard]] subscription listen(entry_listener<Key, Value> listener,
                                    const std::shared_ptr<cache_state>& self);
  void note_change(const replica::change_notice& what) override { listeners_.note(what); }
  void tell_listeners() override { listeners_.tell(*port_); }
  near::table* near_table() override { return options_.near.enabled ? &*near_ : nullptr; }

 private:
  static void require_some(byte_count given, const char* what) {
    if (given.value() == 0) throw error{errc::invalid_argument, what};
  }
  /// A literal is an int: it must not be compared with a key of another sign.
  template <class Lookup>
  [[nodiscard]] static decltype(auto) as_key(const Lookup& lookup) {
    if constexpr (std::is_arithmetic_v<Key>) {
      return static_cast<Key>(lookup);
    } else {
      return (lookup);
    }
  }
  replica::load_result run_loader(byte_view key) noexcept;
  replica::processor_result run_processor(const replica::run_processor& job) noexcept;
  void record_time(single_writer_histogram<latency_scale>& in, time_point since) const {
    const auto took = std::max<duration::rep>((port_->now() - since).count(), 0);
    in.record_shared(static_cast<std::uint64_t>(took));
  }
  [[nodiscard]] static std::optional<Value> value_in(const node::outcome& result);
  error_code decode_value(node::outcome& result, ref<Value>& value);
  void count_read(const node::outcome& result, bool failed);
  [[nodiscard]] std::optional<duration> expiry_of(const Key& key, const Value& value) const;
  [[nodiscard]] std::vector<replica::load_result> rows_of(const std::vector<bytes>& keys) const;
  [[nodiscard]] replica::load_result encode_loaded(const Key& key, loaded_value<Value> row) const;

  std::shared_ptr<port> port_;
  const options_type options_;
  std::uint64_t name_hash_ = 0;
  std::shared_ptr<node::cache_binding> binding_;
  std::optional<near::near_cache<Key, Value>> near_;
  read_counters counters_;
  change_listeners listeners_{binding_->watched};
  mutable mutex warm_mutex_;
  near::warm_counters warm_ KITH_GUARDED_BY(warm_mutex_);

  mutable mutex processors_mutex_;
  struct named_processor {
    std::type_index type;
    processor run;
  };
  std::unordered_map<std::string, named_processor> processors_ KITH_GUARDED_BY(processors_mutex_);
  std::unordered_map<std::type_index, std::string> processor_names_
      KITH_GUARDED_BY(processors_mutex_);
};

// --- implementation ---

template <class Key, class Value>
cache_stats cache_state<Key, Value>::stats() const {
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  cache_stats now;
  now.owner_hits = read(counters_.owner);
  now.backup_hits = read(counters_.backup);
  now.loaded = read(counters_.loaded);
  now.absent = read(counters_.absent);
  now.failed = read(counters_.failed);
  now.unreadable = read(counters_.unreadable);
  now.loads_here = read(counters_.loads_here);
  now.loads_failed = read(counters_.loads_failed);
  counters_.load_times.add_to(now.load_times);
  counters_.processor_times.add_to(now.processor_times);
  now.listener_failures = read(counters_.listener_failures);
  now.writes = read(binding_->writes);
  now.writes_failed = read(binding_->writes_failed);
  const near::lookup_counters& lookups = near_->lookups();
  now.near_ages = lookups.ages();
  now.near_hits = now.near_ages.count();
  now.oldest_near_hit = lookups.oldest();
  now.near_absent = read(lookups.absent);
  now.near_not_fresh = read(lookups.not_fresh);
  now.near_suspect = read(lookups.suspect);
  now.near_expired = read(lookups.expired);
  now.near_entries = near_->size();
  now.near_bytes = near_->bytes();
  now.near_store = near_->engine_counters();
  {
    const mutex_lock lock{warm_mutex_};
    now.near_warm = warm_;
  }
  const node::owned_share owned = port_->owned_of(binding_->current_id());
  now.owned_entries = owned.entries;
  now.owned_bytes = owned.bytes;
  now.owned_allocated = owned.allocated;
  now.owned_store = owned.store;
  return now;
}

template <class Key, class Value>
version cache_state<Key, Value>::version_after(const std::optional<causal_token>& given,
                                               std::uint64_t key_hash) const {
  if (!given) return {};
  if (given->cache != name_hash_) {
    throw error{errc::invalid_argument, "after: the token is of another cache"};
  }
  if (given->partition != partition_of(key_hash)) {
    throw error{errc::invalid_argument, "after: the token is of another partition than the key"};
  }
  return given->version;
}

template <class Key, class Value>
duration cache_state<Key, Value>::timeout_of(const std::optional<duration>& given) const {
  if (given && *given <= duration{}) {
    throw error{errc::invalid_argument, "timeout: must be positive"};
  }
  return given.value_or(options_.timeout);
}

template <class Key, class Value>
node::call cache_state<Key, Value>::make_call(node::call_kind kind, const encoded_key<Key>& key,
                                              const std::optional<duration>& timeout) const {
  if (key.view().empty()) throw error{errc::invalid_argument, "the key is empty"};
  if (key.view().size() > wire::limits::key_bytes) {
    throw error{errc::too_large,
                size_and_cap("the key", key.view().size(), wire::limits::key_bytes)};
  }
  node::call what;
  what.kind = kind;
  what.cache = binding_;
  what.key_hash = key.hash();
  what.partition = partition_of(what.key_hash);
  what.key = to_bytes(key.view());
  what.timeout = timeout_of(timeout);
  return what;
}

template <class Key, class Value>
node::call cache_state<Key, Value>::make_get(const encoded_key<Key>& key,
                                             const get_options& how) const {
  check_read(how);
  node::call what = make_call(node::call_kind::get, key, how.timeout);
  what.near = options_.near.enabled && how.read != kith::read::owner;
  what.backup = how.read == kith::read::backup;
  // Any member may ask for the load: the owner runs its own loader or hands out a ticket.
  what.load = binding_->has_loader;
  what.max_age = how.max_age;
  what.after = version_after(how.after, key.hash());
  return what;
}

template <class Key, class Value>
node::call cache_state<Key, Value>::make_mutation(wire::mutation kind, const encoded_key<Key>& key,
                                                  const std::optional<duration>& timeout) const {
  node::call what = make_call(node::call_kind::mutate, key, timeout);
  what.mutation = kind;
  return what;
}

template <class Key, class Value>
void cache_state<Key, Value>::count_read(const node::outcome& result, bool failed) {
  std::atomic<std::uint64_t>& counter = failed                              ? counters_.failed
                                        : !result.yes && !result.shared     ? counters_.absent
                                        : result.tier == node::tier::loaded ? counters_.loaded
                                        : result.tier == node::tier::backup ? counters_.backup
                                                                            : counters_.owner;
  counter.fetch_add(1, std::memory_order_relaxed);
}

template <class Key, class Value>
error_code cache_state<Key, Value>::take_value(node::outcome& result, ref<Value>& value) {
  if (!result.error) result.error = decode_value(result, value);
  count_read(result, static_cast<bool>(result.error));
  return result.error;
}

template <class Key, class Value>
error_code cache_state<Key, Value>::decode_value(node::outcome& result, ref<Value>& value) {
  if (result.shared) {
    value = near::ref_from<Value>(std::move(result.shared));
    return {};
  }
  if (result.recalled) {
    value = near::ref_from<Value>(result.recalled);
    if (!result.fill) return {};
  }
  std::optional<Value> decoded = value_in(result);
  const bool whole = !result.yes || decoded.has_value() || value;
  if (!result.fill) {
    if (decoded) value = near::make_ref<Value>(result.version, std::move(*decoded));
    return whole ? error_code{} : make_error_code(errc::decode_failed);
  }
  near::counted_cell draft;
  std::optional<Key> key = kith::decode<Key>(result.key);
  if (decoded && key) {
    draft = near::near_cache<Key, Value>::draft(terms_of(result, result.value),
                                                std::move(*key), std::move(*decoded));
    value = near::near_cache<Key, Value>::value_of(draft);
  }
  port_->settle(partition_of(result.key_hash), *result.fill, std::move(draft));
  return whole ? error_code{} : make_error_code(errc::decode_failed);
}

template <class Key, class Value>
subscription cache_state<Key, Value>::listen(entry_listener<Key, Value> listener,
                                             const std::shared_ptr<cache_state>& self) {
  if (!listener.changed) throw error{errc::invalid_argument, "changed: there is no function"};
  if (listener.queue_max == 0) throw error{errc::invalid_argument, "queue_max: must be above 0"};
  change_listeners::queue::options made;
  made.events_max = listener.queue_max;
  // A ring through listeners_, which ends with the subscription.
  made.tell = [self, told = listener](const replica::change_notice& what) {
    if (!what.what) {
      if (told.missed) told.missed({0, what.partition});
      return;
    }
    std::optional<Key> key = kith::decode<Key>(what.key);
    std::optional<Value> value;
    if (what.value && told.values) value = kith::decode<Value>(*what.value);
    if (!key || (what.value && told.values && !value)) return self->count_unreadable();
    told.changed({*what.what, std::move(*key), what.version, std::move(value)});
  };
  made.tell_lost = [missed = listener.missed](std::uint64_t count) {
    if (missed) missed({count, std::nullopt});
  };
  made.failed = [self](const std::string& why) {
    self->counters_.listener_failures.fetch_add(1, std::memory_order_relaxed);
    self->port_->report(
        {log_level::error, "listener threw", {{"cache", self->binding_->name}, {"what", why}}});
  };
  const auto added = std::make_shared<change_listeners::queue>(std::move(made));
  listeners_.add(added, listener.values ? replica::watching::values : replica::watching::keys);
  return subscription{[self, added] { self->listeners_.remove(added); }};
}

template <class Key, class Value>
void cache_state<Key, Value>::register_processor(const std::string& name, std::type_index type,
                                                 processor run) {
  if (name.empty() || name.size() > wire::limits::name_bytes || name == node::merge_processor) {
    throw error{errc::invalid_argument, "the processor's name: 1 to " +
                                            std::to_string(wire::limits::name_bytes) + " bytes"};
  }
  const mutex_lock lock{processors_mutex_};
  // Were it replaced, calls with fields of the first type would run the code of the second.
  const auto [known, added] = processors_.try_emplace(name, type, std::move(run));
  if (!added && known->second.type != type) {
    throw error{errc::invalid_argument, "the processor " + name + ": another type has its name"};
  }
  processor_names_[type] = name;
}

template <class Key, class Value>
std::string cache_state<Key, Value>::processor_name(std::type_index type) const {
  const mutex_lock lock{processors_mutex_};
  const auto found = processor_names_.find(type);
  if (found == processor_names_.end()) throw error{errc::unknown_processor, type.name()};
  return found->second;
}

template <class Key, class Value>
replica::processor_result cache_state<Key, Value>::process(
    const replica::run_processor& job) noexcept {
  const time_point began = port_->now();
  replica::processor_result result = run_processor(job);
  record_time(counters_.processor_times, began);
  return result;
}

template <class Key, class Value>
replica::processor_result cache_state<Key, Value>::run_processor(
    const replica::run_processor& job) noexcept {
  try {
    if (job.name == node::merge_processor) return merge_entry(options_, job);
    processor run;
    {
      const mutex_lock lock{processors_mutex_};
      const auto found = processors_.find(job.name);
      if (found == processors_.end()) return replica::processor_unknown{};
      run = found->second.run;
    }
    std::optional<Key> key = kith::decode<Key>(job.key);
    std::optional<Value> value;
    if (job.current) value = kith::decode<Value>(*job.current);
    if (!key || value.has_value() != job.current.has_value()) {
      return replica::processor_failure{"the entry is not of the cache's types"};
    }
    entry<Key, Value> seen{std::move(*key), std::move(value), job.current_version};
    return run(seen, job.fields);
  } catch (const std::exception& thrown) {
    return replica::processor_failure{thrown.what()};
  } catch (...) {
    return replica::processor_failure{"the processor threw"};
  }
}

}  // namespace kith::handle

#include <kith/handle/cache_loads.hpp>
#include <kith/handle/cache_state_near.hpp>
#include <kith/handle/cache_stores.hpp>
