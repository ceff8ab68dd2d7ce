// Opening a cache: its options checked, its agreement with the cluster, its processors.
#pragma once

#include <kith/codec.hpp>
#include <kith/core/random.hpp>
#include <kith/error.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/entry.hpp>
#include <kith/handle/key_calls.hpp>
#include <kith/handle/port.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/options.hpp>
#include <kith/replica/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith::handle {

/// Throw kith::error(invalid_option) with the field's name.
inline void require_option(bool holds, const char* field) {
  if (!holds) throw error{errc::invalid_option, field};
}

template <class Key, class Value>
void check_lifetimes(const cache_options<Key, Value>& options) {
  const auto positive = [](const std::optional<duration>& given, const char* field) {
    require_option(!given || *given > duration{}, field);
  };
  const loading_options& loading = options.loading;
  positive(options.ttl, "ttl: must be positive; absent is unlimited");
  require_option(!options.ttl_jitter || (options.ttl && *options.ttl_jitter >= duration{} &&
                                         *options.ttl_jitter <= *options.ttl),
                 "ttl_jitter: from 0 to ttl, which it needs");
  positive(options.idle, "idle: must be positive; absent is unlimited");
  positive(loading.negative_ttl, "loading.negative_ttl: must be positive; absent is off");
  positive(loading.refresh_after, "loading.refresh_after: must be positive; absent is off");
  require_option(!loading.refresh_after || !options.ttl || *loading.refresh_after < *options.ttl,
                 "loading.refresh_after: must be below ttl");
  positive(loading.stale_while_revalidate,
           "loading.stale_while_revalidate: must be positive; absent is off");
  positive(loading.stale_if_error, "loading.stale_if_error: must be positive; absent is off");
  positive(loading.soft_timeout, "loading.soft_timeout: must be positive; absent is off");
  require_option(
      !loading.soft_timeout || loading.stale_while_revalidate || loading.stale_if_error,
      "loading.soft_timeout: needs stale_while_revalidate or stale_if_error, for how long a value "
      "may be answered");
  positive(loading.hard_timeout, "loading.hard_timeout: must be positive; absent is 30 s");
  require_option(!loading.soft_timeout || !loading.hard_timeout ||
                     *loading.soft_timeout < *loading.hard_timeout,
                 "loading.soft_timeout: must be below hard_timeout");
  // Owners count it in parts of 2^-16.
  const double early = loading.early_refresh.value_or(1);
  require_option(early >= loading_options::least_early && early <= loading_options::most_early,
                 "loading.early_refresh: from 2^-16 to 16; absent is off");
  require_option(loading.load_many_max > 0, "loading.load_many_max: at least 1");
}

/// What the owner has to know of them.
template <class Key, class Value>
[[nodiscard]] replica::lifetime_settings lifetimes_of(const cache_options<Key, Value>& options) {
  const loading_options& loading = options.loading;
  replica::lifetime_settings life;
  life.ttl_jitter = options.ttl_jitter.value_or(duration{});
  life.idle = options.idle;
  life.negative_ttl = loading.negative_ttl;
  life.refresh_after = loading.refresh_after;
  life.stale_while_revalidate = loading.stale_while_revalidate.value_or(duration{});
  life.stale_if_error = loading.stale_if_error.value_or(duration{});
  life.soft_timeout = loading.soft_timeout;
  life.hard_timeout = loading.hard_timeout;
  life.early_refresh = static_cast<std::uint64_t>(
      loading.early_refresh.value_or(0) * static_cast<double>(random_source::exponential_one));
  return life;
}

template <class Key, class Value>
void check_writing(const cache_options<Key, Value>& options) {
  require_option(options.write_timeout > duration{}, "write_timeout: must be positive");
  require_option(!options.uncertain_for || *options.uncertain_for > duration{},
                 "uncertain_for: must be positive; absent is write_timeout");
  const bool has_writer = options.write || options.write_many;
  require_option(has_writer || options.write_mode == write_mode::through,
                 "write_mode: needs write or write_many");
  const write_behind_options& behind = options.write_behind;
  require_option(behind.delay >= duration{}, "write_behind.delay: must not be negative");
  require_option(behind.batch_max > 0, "write_behind.batch_max: at least 1");
  require_option(behind.queue_max >= node::lane_count, "write_behind.queue_max: at least 16");
  require_option(behind.retry_first > duration{} && behind.retry_longest >= behind.retry_first,
                 "write_behind.retry_first: positive, and at most retry_longest");
}

/// What the owner has to know of it.
template <class Key, class Value>
[[nodiscard]] replica::store_settings writing_of(const cache_options<Key, Value>& options) {
  replica::store_settings store;
  store.write_timeout = options.write_timeout;
  store.uncertain_for = options.uncertain_for.value_or(options.write_timeout);
  store.delay = options.write_behind.delay;
  store.batch_max = options.write_many ? options.write_behind.batch_max : 1;
  store.queue_max = options.write_behind.queue_max / node::lane_count;
  store.retry_first = options.write_behind.retry_first;
  store.retry_longest = options.write_behind.retry_longest;
  return store;
}

template <class Key, class Value>
[[nodiscard]] const char* store_of(const cache_options<Key, Value>& options) {
  if (!options.write && !options.write_many) return "none";
  return options.write_mode == write_mode::through ? "through" : "behind";
}

template <class Key, class Value>
void check_options(const std::string& name, const cache_options<Key, Value>& options) {
  const auto require = require_option;
  check_lifetimes(options);
  check_writing(options);
  require(!name.empty() && name.size() <= wire::limits::name_bytes, "name: 1 to 128 bytes");
  require(options.max_bytes.value() > 0,
          "max_bytes: must be above 0 (4096 << 20 is 0 in an int; write 4_GiB)");
  require(!options.near.enabled || options.near.max_bytes.value() > 0,
          "near.max_bytes: must be above 0; near.enabled = false turns the near cache off");
  require(options.backups >= 0 && options.backups <= 6, "backups: 0 to 6");
  require(options.async_backups >= 0 && options.async_backups <= 6 - options.backups,
          "async_backups: 0 to 6, and at most 6 together with backups");
  require(
      !options.merge || options.merge_policy.value_or(merge_policy::newest) == merge_policy::newest,
      "merge: with merge_policy::newest, or with none");
  require(options.timeout > duration{}, "timeout: must be positive");
}

/// A strong cache counts by leases instead.
inline void check_staleness(const port& to, const near_options& near) {
  const duration least = std::max<duration>(near_options::least_staleness,
                                            to.heartbeat() + std::chrono::seconds{1});
  require_option(near.max_staleness >= least,
                 "near.max_staleness: at least 2 s, and a second more than the member's "
                 "timing.heartbeat, in which each owner can show that it still owns");
}

/// A strong cache keeps its promise only where one side of a cut goes on, and something survives
/// the owner that is not behind it.
template <class Key, class Value>
void check_coherence(const port& to, const cache_options<Key, Value>& options) {
  if (options.coherence != kith::coherence::strong) return;
  require_option(to.needs_majority(), "coherence: strong needs the member's quorum = majority");
  const std::string_view store = store_of(options);
  require_option(options.backups > 0 || store == "through",
                 "backups: a strong cache needs at least 1, or a store that is written through");
  require_option(store != "behind", "write_mode: a strong cache writes its store through");
  require_option(!options.merge,
                 "merge: a strong cache has nothing to merge, as one side of a cut goes on");
  require_option(options.merge_policy.value_or(merge_policy::discard) == merge_policy::discard,
                 "merge_policy: a strong cache has nothing to merge, as one side of a cut goes on");
  require_option(options.async_backups == 0,
                 "async_backups: a strong cache has none; what they have may be old");
  require_option(!options.load && !options.load_many,
                 "load: a strong cache has no loader; its own writes are all that it knows of");
}

/// What all members that open the cache have to say alike; the names are what config_mismatch
/// tells.
template <class Key, class Value>
[[nodiscard]] cluster::cache_request agreed_options(const std::string& name,
                                                    const cache_options<Key, Value>& options) {
  const auto text = [](const std::optional<duration>& time) {
    return time ? std::to_string(time->count()) : std::string{"unlimited"};
  };
  return {name,
          {{"key", std::string{codec_tag<Key>()}},
           {"value", std::string{codec_tag<Value>()}},
           {"schema", std::to_string(options.schema)},
           {"coherence", options.coherence == kith::coherence::strong ? "strong" : "eventual"},
           {"backups", std::to_string(options.backups)},
           {"async_backups", std::to_string(options.async_backups)},
           {"ttl_ns", text(options.ttl)},
           {"idle_ns", text(options.idle)},
           {"write", store_of(options)}}};
}

template <class Key, class Value>
[[nodiscard]] std::shared_ptr<cache_state<Key, Value>> open_cache(const std::shared_ptr<port>& to,
                                                                  const std::string& name,
                                                                  cache_options<Key, Value> options,
                                                                  std::uint64_t salt) {
  check_options(name, options);
  if (options.coherence != kith::coherence::strong) check_staleness(*to, options.near);
  check_coherence(*to, options);
  using state = cache_state<Key, Value>;
  const cluster::cache_request agreed = agreed_options(name, options);
  const std::uint64_t bytes = options.max_bytes.value();
  const std::optional<duration> ttl = options.ttl;
  const replica::lifetime_settings life = lifetimes_of(options);
  const replica::store_settings store = writing_of(options);
  const auto shared = std::static_pointer_cast<state>(to->begin_opening(name, typeid(state), [&] {
    return std::make_shared<state>(to, name, std::move(options), salt);
  }));
  try {
    to->open({agreed, shared->binding(), shared, bytes, ttl, life, store});
  } catch (...) {
    to->end_opening(name, false);
    throw;
  }
  to->end_opening(name, true);
  return shared;
}

template <class Key, class Value, class Processor>
using processor_result_of = std::invoke_result_t<const Processor&, entry<Key, Value>&>;

/// What invoke gives for a processor, and how its outcome is taken. One without a result gives the
/// version of the entry, to handlers only.
template <class Key, class Value, class Processor>
struct processed_result {
  using result = processor_result_of<Key, Value, Processor>;
  static constexpr bool nothing = std::is_void_v<result>;
  using type = std::conditional_t<nothing, version, result>;
  using take = std::conditional_t<nothing, take_version, take_result<type>>;
};

/// Runs one processor at the owner: its fields from bytes, its result to bytes.
template <class Key, class Value, class Processor>
[[nodiscard]] replica::processor_result run_processor(entry<Key, Value>& seen, byte_view fields) {
  std::optional<Processor> run = kith::decode<Processor>(fields);
  if (!run) return replica::processor_failure{"the fields are not the processor's"};
  replica::processed done;
  if constexpr (std::is_void_v<processor_result_of<Key, Value, Processor>>) {
    std::as_const (*run)(seen);
  } else {
    done.result = kith::encode(std::as_const(*run)(seen));
  }
  done.action = seen.action();
  if (done.action == replica::processor_action::set) done.value = kith::encode(seen.value());
  return done;
}

}  // namespace kith::handle
