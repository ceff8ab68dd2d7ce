// A typed handle to one cache of the cluster. Copies are cheap and share everything.
//
// Every operation has two forms. `op(...)` blocks and throws kith::error. `async_op(..., token)`
// takes any Asio completion token and completes with void(error_code, Result) on the handler's
// associated executor, by default the member's; it is never completed from within the initiating
// call. Every handler is called exactly once: with errc::closed when the member ends, before its
// destructor returns, and when it is gone, on a thread that kith keeps for that until main has
// ended.
//
// Each async operation can be cancelled by its handler's cancellation slot, and ends at once then,
// with boost::asio::error::operation_aborted (docs/operations.md). One that reads ends on each kind
// of cancellation. One that writes a key ends on terminal and partial, and may have been applied,
// as if its time were over; on total only if no owner was asked yet. One that writes many keys does
// not hear total.
//
// Every operation that asks an owner ends at its own `timeout`, or at the cache's: with
// errc::timed_out, or errc::no_owner where nobody was there to ask. The time runs from the
// operation's start, which for a lazy token is later than its call.
//
// Errors of every operation that asks an owner, beside those that it names:
//   timed_out, no_owner, closed   as above; the first and the last are maybe_applied for writes
//   overloaded                    `max_pending` calls of this member wait (member_options), or 128
//                                 MiB of them in the key's lane; or the owner has too many waiters
//   too_large                     the encoded key, above 4096 bytes, or value, above 8 MiB
//   invalid_argument              the key is empty; it is an integer that Key cannot hold; a codec
//                                 of the user's threw when it wrote the key, the value or the
//                                 processor, or the options' `expiry` did, and what was thrown is
//                                 nested in the error; or the timeout or the time to live is not
//                                 positive
//   config_mismatch               the cluster merged with another whose cache has other options
//   would_deadlock                a blocking call on a thread that would have to serve it
// None leaves an async call but through its handler, which is told the code alone; what copying a
// key, a visitor or a handler throws leaves it, and std::bad_alloc.
//
// The operations on many keys are in cache_many.hpp.
//
// Keys are looked up by anything that reads as one: a string literal for std::string, any integer
// that fits for an integer. Thread safety: any thread, any number at a time.
#pragma once

#include <kith/cache_many.hpp>
#include <kith/causal_token.hpp>
#include <kith/codec.hpp>
#include <kith/events.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/cache_stats.hpp>
#include <kith/handle/encoding.hpp>
#include <kith/handle/near_warming.hpp>
#include <kith/near/ref.hpp>
#include <kith/options.hpp>
#include <kith/stats.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith {

/// A value with the version of its entry, for compare_and_put. An absent key has no value and the
/// oldest version.
template <class Value>
struct versioned {
  ref<Value> value;
  kith::version version;

  explicit operator bool() const { return static_cast<bool>(value); }
};

template <class Key, class Value>
class cache : public many_keys<Key, Value> {
 public:
  using key_type = Key;
  using value_type = Value;
  using pair_type = typename many_keys<Key, Value>::pair_type;

  /// Returns the value for `key`: from the near cache, else from its owner, else from the loader.
  ///
  /// Empty: the key is absent. Errors: decode_failed; lost_write (behind a token); load_failed (the
  /// message carries what the loader threw; if it ran in this process, its exception is nested:
  /// std::rethrow_if_nested).
  /// Staleness: at most `near.max_staleness` after the owner applied a newer value; with
  /// `read::backup`, after it was acknowledged.
  /// Cost: a near hit takes no lock and allocates nothing; else one round trip. (Of the async form
  /// it takes no lock of the cache's, but copies the key and posts the handler.)
  template <key_like<Key> Lookup>
  [[nodiscard]] ref<Value> get(const Lookup& key, const get_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_get(const Lookup& key, const get_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_get(const Lookup& key, Token&& token) const {
    return async_get(key, get_options{}, std::forward<Token>(token));
  }

  /// Calls `see(const Value&)` with the value for `key`, found as get finds it, and returns whether
  /// there was one. A near hit is seen where it lies: nothing is copied, counted or allocated.
  ///
  /// The value may be kept no longer than the call; `get` gives one that may. `see` runs on the
  /// calling thread, at most once, with no lock held: it may use the cache. What it throws reaches
  /// the caller. Errors, staleness, cost: as get.
  template <key_like<Key> Lookup, std::invocable<const Value&> Visitor>
  bool visit(const Lookup& key, Visitor&& see, const get_options& how = {}) const;
  /// Completes with void(error_code, bool). `see` is copied or moved, and runs on the handler's
  /// executor just before the handler. If it throws, the handler gets errc::visitor_failed and
  /// true: a handler is called once whatever happens, and has no room for an exception.
  template <key_like<Key> Lookup, std::invocable<const Value&> Visitor, class Token>
  auto async_visit(const Lookup& key, Visitor&& see, const get_options& how, Token&& token) const;
  template <key_like<Key> Lookup, std::invocable<const Value&> Visitor, class Token>
  auto async_visit(const Lookup& key, Visitor&& see, Token&& token) const {
    return async_visit(key, std::forward<Visitor>(see), get_options{}, std::forward<Token>(token));
  }

  /// The value as its owner has it now, with its version. Does not run the loader. Errors:
  /// decode_failed. Cost: one round trip.
  template <key_like<Key> Lookup>
  [[nodiscard]] versioned<Value> get_versioned(const Lookup& key,
                                               const call_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_get_versioned(const Lookup& key, const call_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_get_versioned(const Lookup& key, Token&& token) const {
    return async_get_versioned(key, call_options{}, std::forward<Token>(token));
  }

  /// Whether the cluster holds the key. Does not run the loader. Cost: one round trip.
  template <key_like<Key> Lookup>
  [[nodiscard]] bool contains(const Lookup& key, const call_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_contains(const Lookup& key, const call_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_contains(const Lookup& key, Token&& token) const {
    return async_contains(key, call_options{}, std::forward<Token>(token));
  }

  /// Names what a write of `key` returned, or a read of it found (ref::version), for reads that
  /// must not miss it, here or in another process: get(key, {.after = token}). No message.
  template <key_like<Key> Lookup>
  [[nodiscard]] causal_token token(const Lookup& key, const version& at) const {
    return state_->token(encoded_key<Key>{key}.hash(), at);
  }

  /// Stores the value at the owner and returns its version. Every near copy is dropped about a
  /// millisecond later, this member's before the call returns.
  ///
  /// Errors: those of every operation; out_of_memory, where the owner is at its memory_limit. Cost:
  /// one round trip.
  template <key_like<Key> Lookup>
  version put(const Lookup& key, const Value& value, const put_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_put(const Lookup& key, const Value& value, const put_options& how,
                 Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_put(const Lookup& key, const Value& value, Token&& token) const {
    return async_put(key, value, put_options{}, std::forward<Token>(token));
  }

  /// Stores the value if the key is absent. True: it was, and now it is not.
  template <key_like<Key> Lookup>
  bool put_if_absent(const Lookup& key, const Value& value, const put_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_put_if_absent(const Lookup& key, const Value& value, const put_options& how,
                           Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_put_if_absent(const Lookup& key, const Value& value, Token&& token) const {
    return async_put_if_absent(key, value, put_options{}, std::forward<Token>(token));
  }

  /// Stores the value if the entry still has the version `expected`; the oldest version expects an
  /// absent key.
  template <key_like<Key> Lookup>
  bool compare_and_put(const Lookup& key, const version& expected, const Value& value,
                       const put_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_compare_and_put(const Lookup& key, const version& expected, const Value& value,
                             const put_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_compare_and_put(const Lookup& key, const version& expected, const Value& value,
                             Token&& token) const {
    return async_compare_and_put(key, expected, value, put_options{}, std::forward<Token>(token));
  }

  /// Gives the entry the time to live of `how`, counted from now, without sending its value; where
  /// `how` has none, the cache's `ttl`. True: there was an entry.
  ///
  /// It is a write like put: the entry has a new version, and every near copy is dropped, as it
  /// knows the old end. Errors: as put. Cost: one round trip, with the key alone.
  template <key_like<Key> Lookup>
  bool touch(const Lookup& key, const put_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_touch(const Lookup& key, const put_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_touch(const Lookup& key, Token&& token) const {
    return async_touch(key, put_options{}, std::forward<Token>(token));
  }

  /// Removes the entry. A load that is under way will not bring it back. Returns the version of the
  /// removal, also where there was no entry: whatever is put later has a newer one. Errors, cost:
  /// as put.
  template <key_like<Key> Lookup>
  version erase(const Lookup& key, const call_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_erase(const Lookup& key, const call_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_erase(const Lookup& key, Token&& token) const {
    return async_erase(key, call_options{}, std::forward<Token>(token));
  }

  /// Removes the entry if it still has the version `expected`. True: it had, and is gone; a load
  /// that is under way will not bring it back, as with erase. False: nothing was done, also where
  /// there was no entry. Errors: as put.
  template <key_like<Key> Lookup>
  bool erase_if_version(const Lookup& key, const version& expected,
                        const call_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_erase_if_version(const Lookup& key, const version& expected, const call_options& how,
                              Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_erase_if_version(const Lookup& key, const version& expected, Token&& token) const {
    return async_erase_if_version(key, expected, call_options{}, std::forward<Token>(token));
  }

  /// Adds `delta` at the owner and returns the sum; an absent key counts as 0. What remains of the
  /// entry's time to live stays. A sum beyond 64 bits wraps round. Only for Value = std::int64_t.
  /// Errors: as put; decode_failed: what is stored is no number. Cost: one round trip.
  template <key_like<Key> Lookup>
  std::int64_t add(const Lookup& key, std::int64_t delta, const call_options& how = {}) const
    requires std::same_as<Value, std::int64_t>;
  template <key_like<Key> Lookup, class Token>
  auto async_add(const Lookup& key, std::int64_t delta, const call_options& how,
                 Token&& token) const
    requires std::same_as<Value, std::int64_t>;
  template <key_like<Key> Lookup, class Token>
  auto async_add(const Lookup& key, std::int64_t delta, Token&& token) const
    requires std::same_as<Value, std::int64_t>
  {
    return async_add(key, delta, call_options{}, std::forward<Token>(token));
  }

  /// Makes `Processor` known on this member under a name that is the same on all members. Where an
  /// owner does not know it, as in a rolling deploy, the calling member runs it itself, between a
  /// read of the entry and a write on the condition that nobody changed it since. Processors are
  /// functions of the entry and their own fields, with a codec for both the fields and the result.
  ///
  /// A type that gets a second name is known by both, and sent under the newer one. Throws
  /// kith::error(invalid_argument): the name has not 1 to 128 bytes, or is another type's on this
  /// member. Thread safety: any thread, also while processors run. No message.
  template <class Processor>
  void register_processor(const std::string& name) const;

  /// Runs the processor at the owner of the key, once, with no other write of the key between its
  /// read and its write, and returns its result.
  ///
  /// Errors: as put; unknown_processor (not registered here), processor_failed (the message carries
  /// what it threw), overloaded also where the owner does not know the processor and other writes
  /// of the key came between each of several runs here, decode_failed: the result. Cost: one round
  /// trip, and a wait for one of the owner's `loader_threads`.
  template <key_like<Key> Lookup, class Processor>
  auto invoke(const Lookup& key, const Processor& run, const call_options& how = {}) const;
  template <key_like<Key> Lookup, class Processor, class Token>
  auto async_invoke(const Lookup& key, const Processor& run, const call_options& how,
                    Token&& token) const;
  template <key_like<Key> Lookup, class Processor, class Token>
  auto async_invoke(const Lookup& key, const Processor& run, Token&& token) const {
    return async_invoke(key, run, call_options{}, std::forward<Token>(token));
  }

  /// What the cache holds for the key is old, as its row was changed from outside: drops it, as
  /// erase does; but a cache that writes to a store does not delete there.
  ///
  /// Errors: as put.
  template <key_like<Key> Lookup>
  version invalidate(const Lookup& key, const call_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_invalidate(const Lookup& key, const call_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_invalidate(const Lookup& key, Token&& token) const {
    return async_invalidate(key, call_options{}, std::forward<Token>(token));
  }

  /// The same for all keys: as clear.
  void invalidate_all(const call_options& how = {}) const { clear(how); }
  template <class Token>
  auto async_invalidate_all(const call_options& how, Token&& token) const {
    return async_clear(how, std::forward<Token>(token));
  }
  template <class Token>
  auto async_invalidate_all(Token&& token) const {
    return async_clear(call_options{}, std::forward<Token>(token));
  }

  /// Drops all entries that have the tag, here and in all near caches, partition by partition; not
  /// atomic. What a load brings that is under way is not stored if it, or the entry that it
  /// replaces, has the tag, or if it is an absence: it may be older. Other loads are not touched.
  ///
  /// Cost: one small request a partition, which travel together as those of clear; at each member
  /// O(1), whatever the number of entries, or where somebody listens to its changes O(entries). A
  /// member remembers the 16,384 tags that were invalidated last; when one more is, entries with
  /// tags that are older than all of those go too.
  ///
  /// Errors: as put; invalid_argument (an empty tag, or one of more than 128 bytes).
  void invalidate_tag(std::string_view tag, const call_options& how = {}) const;
  template <class Token>
  auto async_invalidate_tag(std::string_view tag, const call_options& how, Token&& token) const;
  template <class Token>
  auto async_invalidate_tag(std::string_view tag, Token&& token) const {
    return async_invalidate_tag(tag, call_options{}, std::forward<Token>(token));
  }

  /// Removes all entries, partition by partition; not atomic: after an error some partitions are
  /// cleared and others are not. Loads that are under way bring nothing back. Errors: those of
  /// every operation. Cost: 1024 calls at once, for which `max_pending` has room if little else
  /// waits; a round trip.
  void clear(const call_options& how = {}) const;
  template <class Token>
  auto async_clear(const call_options& how, Token&& token) const;
  template <class Token>
  auto async_clear(Token&& token) const {
    return async_clear(call_options{}, std::forward<Token>(token));
  }

  /// The number of entries, summed over the owners; approximate while it changes. Errors, cost: as
  /// clear.
  [[nodiscard]] std::uint64_t size(const call_options& how = {}) const;
  template <class Token>
  auto async_size(const call_options& how, Token&& token) const;
  template <class Token>
  auto async_size(Token&& token) const {
    return async_size(call_options{}, std::forward<Token>(token));
  }

  /// Calls `see(const Key&, const Value&, const version&)` for the entries that this member owns,
  /// as far as it knows; returns how many those were. No message. `see` runs on the calling thread
  /// with no lock held: it may use the cache; what it throws ends the walk and reaches the caller.
  ///
  /// Weakly consistent: what is there from beginning to end is seen once; what comes, goes or moves
  /// to another owner meanwhile perhaps, with whatever value it has in its turn. Entries whose time
  /// is over are not seen. Neither are those whose bytes are no Key and Value: one of them must not
  /// hide all others, so they are counted, in `stats().unreadable`, and left out.
  ///
  /// Errors: closed, would_deadlock. Cost: decodes each entry; copies them, up to
  /// node::scan_turn::slots_max at a time, so that other operations wait no longer than for that.
  /// There is no async form: nothing is waited for, and `see` needs a thread of the caller's.
  template <std::invocable<const Key&, const Value&, const version&> Visitor>
  std::uint64_t for_each_local(Visitor&& see) const;

  /// The keys in this member's near cache, the hottest first, at most `most`.
  ///
  /// Hottest is what the near cache would keep longest if nothing were read any more. Its policy
  /// (SIEVE) knows of each entry only whether it was read since it was last judged: those that were
  /// come first, then those that it judged and spared, then the others; of each kind the one that
  /// came last. So the order tells the hot from the cold, and not the hottest from the hot.
  ///
  /// No read is counted, no message is sent, readers are not stopped. Any thread. What comes or
  /// goes meanwhile is there or not. Cost: looks at every near entry, a few hundred at a time under
  /// the near cache's mutex; copies `most` keys.
  [[nodiscard]] std::vector<Key> hottest(std::size_t most) const;

  /// Writes this member's near cache to a stream, the hottest entries first (as `hottest`), for
  /// warm_near after a restart. Returns how many entries those are. An entry that its codec cannot
  /// write is left out.
  ///
  /// No message is sent, readers are not stopped, no read is counted. Any thread; it blocks as the
  /// stream does. What comes or goes meanwhile is there or not. Errors: snapshot_failed: the stream
  /// does not take it. Cost: as `hottest`, and encodes each key and value; values that leave the
  /// near cache meanwhile stay in memory until they are written.
  std::uint64_t save_near(std::ostream& to) const;

  /// Fills this member's near cache with what save_near wrote, where that is still true: the owner
  /// of each key is asked whether it still has that value, under that version. Owners send the
  /// values that have changed, and no others. Nothing of the snapshot is served before.
  ///
  /// From the hottest on, until the near cache is full: nothing leaves it to make room. Nothing is
  /// loaded, no read is counted, and no owner takes it for a use of the entry. What could not be
  /// had is no error; warm_result counts it. Not atomic: after `closed` a part may be warm.
  ///
  /// Errors: snapshot_failed: damaged, cut off, of another format, cluster, cache, schema or codec
  /// (the message names which), and then nothing was done; invalid_argument (the timeout is not
  /// positive, near.enabled is false); closed; would_deadlock. Staleness: as of a get. Cost: reads
  /// the stream as far as the snapshot goes; memory for as much of it as the near cache may hold;
  /// then a round trip for 256 entries or 1 MiB, one after the other. There is no asynchronous
  /// form: to read the stream blocks. Call it on a thread of your own, while the member serves.
  warm_result warm_near(std::istream& from, const warm_options& how = {}) const;

  /// What this member has counted of the cache and holds of it. No message.
  ///
  /// Cost: some microseconds (bench/stats.cpp); each lane's lock and the near cache's are held for
  /// a moment.
  [[nodiscard]] cache_stats stats() const { return state_->stats(); }

  /// Changes `max_bytes` at this member. A lower one is reached in turns of a few hundred entries a
  /// lane, while the cache serves; until then a write evicts as much as it brings.
  ///
  /// Any thread; does not block. Throws kith::error: invalid_argument (0), closed.
  void set_max_bytes(byte_count most) const { state_->set_max_bytes(most); }
  /// Changes `near.max_bytes`. What is too much is evicted on the calling thread before this
  /// returns, a few hundred entries at a time; readers are never stopped.
  ///
  /// Any thread. Throws kith::error: invalid_argument (0), closed.
  void set_near_max_bytes(byte_count most) const { state_->set_near_max_bytes(most); }
  /// Calls `visit` once for each metric of it; see docs/operations.md.
  void visit_stats(const metric_visitor& visit) const { state_->visit_stats(visit); }

  /// What this member knows of the key: its partition and owner, the entry in the near cache, and
  /// where this member owns it, the stored version and who may keep it too; the last events of the
  /// key here. For people who ask why a read answered what it did; to_string() writes it in lines.
  ///
  /// Throws kith::error(invalid_argument): the key cannot be encoded. Thread safety: any thread,
  /// also one that serves the network. No message. Cost: the near cache's mutex for a look-up, then
  /// the lock of the key's lane for some microseconds.
  template <key_like<Key> Lookup>
  [[nodiscard]] explanation explain(const Lookup& key) const {
    return state_->explain(call_key{key}, key);
  }

  /// Calls `listener.changed` for each change of an entry of the cache that this member owns, as
  /// the owner: for all of a cache's changes, every member listens. See events.hpp for where it
  /// runs. A key's changes are told in their order, each at least once while this member stays the
  /// owner, unless the queue was full. `listener.missed` is told when that was so, and when a
  /// partition has come to this member from another owner, who had listeners of its own.
  ///
  /// Throws kith::error(invalid_argument): no `changed`, a queue of 0. No message. Cost: each
  /// change copies its key, and its value if that is wanted, once a listener; nothing without one.
  [[nodiscard]] subscription listen_local(entry_listener<Key, Value> listener) const {
    return state_->listen(std::move(listener), state_);
  }

  /// A handle to the cache `name` of the member behind `to`; see member::cache.
  static cache open(std::shared_ptr<handle::port> to, const std::string& name,
                    cache_options<Key, Value> options, std::uint64_t salt);

 private:
  using state = handle::cache_state<Key, Value>;
  using call_key = handle::call_key<Key>;

  using many_keys<Key, Value>::many_keys;
  using many_keys<Key, Value>::state_;
  using many_keys<Key, Value>::port_;
};

}  // namespace kith

#include <kith/handle/cache_many.hpp>
#include <kith/handle/cache_near.hpp>
#include <kith/handle/cache_operations.hpp>
#include <kith/handle/cache_reads.hpp>
#include <kith/handle/cache_whole.hpp>
#include <kith/handle/cache_writes.hpp>
