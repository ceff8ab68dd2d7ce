// How a near cache outlives its process: it is written to a stream, and after the restart the owner
// of each key is asked whether the value is still the entry's (near/snapshot.hpp has the form,
// docs/coherence.md the rules).
//
// A snapshot is read whole before any of it is used. Then a batch after the other is asked about,
// from the hottest on, and each value enters the near cache as the answer to a get would: under the
// token of that get, with the owner's end and tags. Between a batch and the next anything may
// happen; nothing of the snapshot is looked at by readers before its owner has answered.
#pragma once

#include <kith/codec.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/encoding.hpp>
#include <kith/handle/operation.hpp>
#include <kith/handle/port.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/counters.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/near/snapshot.hpp>
#include <kith/node/call.hpp>
#include <kith/options.hpp>
#include <kith/replica/load.hpp>
#include <kith/store/budget.hpp>
#include <kith/wire/limits.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ios>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith {

/// What became of the entries of a snapshot: each is counted once.
struct warm_result {
  /// In the near cache now: the owner still had the value, or sent another.
  std::uint64_t validated = 0;
  std::uint64_t changed = 0;
  /// The cluster has no such entry any more.
  std::uint64_t absent = 0;
  /// The answer may not be kept: the key was written at the same time, this member owns it (without
  /// `near.local`), there was no room by then, or what the owner sent cannot be read.
  std::uint64_t not_kept = 0;
  /// No owner answered in time.
  std::uint64_t unanswered = 0;
  /// Not asked for: in the near cache already, or the key cannot be read any more.
  std::uint64_t skipped = 0;
  /// Not asked for: the near cache was full, or the time was over.
  std::uint64_t left_out = 0;
};

namespace handle {

/// An entry of a snapshot that fits into the near cache.
struct saved_entry {
  bytes key;
  kith::version version;
  bool read = false;
  bytes value;

  [[nodiscard]] std::uint64_t charge() const {
    return store::near_charge_of({key.size(), value.size()});
  }
};

struct saved_entries {
  std::vector<saved_entry> fitting;
  /// Colder ones that do not fit.
  std::uint64_t left_out = 0;
};

[[noreturn]] inline void refuse_snapshot(const std::string& why) {
  throw error{errc::snapshot_failed, "snapshot: " + why};
}

/// Reads exactly `size` bytes. A length that is a lie costs no more memory than there are bytes.
inline void read_piece(std::istream& from, std::size_t size, bytes& into) {
  constexpr std::size_t step = std::size_t{1} << 16;
  into.clear();
  while (into.size() < size) {
    const std::size_t begun = into.size();
    const std::size_t more = std::min(step, size - begun);
    into.resize(begun + more);
    from.read(reinterpret_cast<char*>(into.data() + begun), static_cast<std::streamsize>(more));
    if (static_cast<std::size_t>(from.gcount()) != more) refuse_snapshot("it ends too early");
  }
}

/// Throws unless the snapshot is of the near cache that is to be warmed.
inline void require_same(const near::snapshot::header& theirs, const near::snapshot::header& ours) {
  const auto require = [](const char* field, const std::string& its, const std::string& here) {
    if (its == here) return;
    refuse_snapshot(std::string{field} + ": \"" + replica::printable(its) + "\", here it is \"" +
                    here + '"');
  };
  if (theirs.cluster != ours.cluster) refuse_snapshot("cluster: it is of one of another name");
  require("cache", theirs.cache, ours.cache);
  require("schema", std::to_string(theirs.schema), std::to_string(ours.schema));
  require("key", theirs.key_codec, ours.key_codec);
  require("value", theirs.value_codec, ours.value_codec);
}

/// All of it, or kith::error(snapshot_failed). Keeps the hottest entries, up to `bytes_max` of what
/// they will be charged.
[[nodiscard]] inline saved_entries read_snapshot(std::istream& from,
                                                 const near::snapshot::header& ours,
                                                 std::uint64_t bytes_max) {
  namespace snapshot = near::snapshot;
  saved_entries all;
  snapshot::reader in;
  bytes piece;
  std::uint64_t charged = 0;
  while (in.wanted() > 0) {
    read_piece(from, in.wanted(), piece);
    switch (in.take(piece)) {
      case snapshot::reader::piece::none: break;
      case snapshot::reader::piece::header: require_same(in.header(), ours); break;
      case snapshot::reader::piece::entry: {
        const snapshot::entry& one = in.entry();
        charged += store::near_charge_of({one.key.size(), one.value.size()});
        if (charged <= bytes_max) {
          all.fitting.push_back({to_bytes(one.key), one.version, one.read, to_bytes(one.value)});
        } else {
          ++all.left_out;
        }
      }
    }
  }
  if (in.failure() != snapshot::fault::none) {
    refuse_snapshot(std::string{to_string(in.failure())});
  }
  return all;
}

/// Saves or warms the near cache of one cache, once. Blocks; one thread.
template <class Key, class Value>
class near_warming {
 public:
  using state = cache_state<Key, Value>;

  near_warming(state& of, port& to) : state_{of}, port_{to} {}

  std::uint64_t save(std::ostream& to);
  warm_result warm(std::istream& from, const warm_options& how);

 private:
  /// Entries that are asked about together, and their bytes as they were. What an owner sends where
  /// they have changed is as much, unless they have grown since.
  static constexpr std::size_t batch_entries = 256;
  static constexpr std::size_t batch_bytes = std::size_t{1} << 20;

  using near_cache = near::near_cache<Key, Value>;
  using entries = std::vector<saved_entry>;

  [[nodiscard]] near::snapshot::header header() const;
  bool put(std::ostream& to, const bytes& piece) const;
  [[nodiscard]] std::optional<bytes> encoded_entry(const near::counted_cell& held, bool read);

  [[nodiscard]] std::size_t next_batch(const entries& all, std::size_t from) const;
  [[nodiscard]] std::optional<node::call> call_for(const saved_entry& one);
  void ask(entries& all, std::size_t from, std::size_t to);
  void take(saved_entry& asked, node::outcome& said);
  [[nodiscard]] bool keep(const node::outcome& said, byte_view value, bool read);

  state& state_;
  port& port_;
  near::snapshot::writer out_;
  time_point ends_ = never;
  near::warm_counters counted_;
};

// --- implementation ---

template <class Key, class Value>
near::snapshot::header near_warming<Key, Value>::header() const {
  return {port_.cluster_hash(), state_.binding()->name, state_.options().schema,
          std::string{codec_tag<Key>()}, std::string{codec_tag<Value>()}};
}

template <class Key, class Value>
bool near_warming<Key, Value>::put(std::ostream& to, const bytes& piece) const {
  to.write(reinterpret_cast<const char*>(piece.data()),
           static_cast<std::streamsize>(piece.size()));
  return static_cast<bool>(to);
}

/// Nothing for an entry that its codec cannot write: it must not hide all others.
template <class Key, class Value>
std::optional<bytes> near_warming<Key, Value>::encoded_entry(const near::counted_cell& held,
                                                             bool read) {
  const near::entry_cell<Key, Value>& entry = near_cache::entry_of(held);
  try {
    const call_key<Key> key{entry.key};
    const bytes value = written(entry.value, "the value");
    const bool fits = !key.view().empty() && key.view().size() <= wire::limits::key_bytes &&
                      value.size() <= wire::limits::value_bytes;
    if (!fits) return std::nullopt;
    return out_.append({key.view(), entry.version, read, value});
  } catch (const error&) {
    return std::nullopt;
  }
}

template <class Key, class Value>
std::uint64_t near_warming<Key, Value>::save(std::ostream& to) {
  constexpr std::size_t all = SIZE_MAX;
  std::uint64_t saved = 0;
  try {
    bool good = put(to, out_.begin(header()));
    for (auto& one : state_.near_cache().hottest(port_.now(), all)) {
      if (!good) break;
      // What has left the near cache meanwhile is freed as soon as it is written.
      const near::counted_cell held = std::move(one.held);
      const std::optional<bytes> piece = encoded_entry(held, one.read);
      if (!piece) continue;
      good = put(to, *piece);
      ++saved;
    }
    if (!good || !put(to, out_.end()) || !to.flush()) {
      refuse_snapshot("the stream does not take it");
    }
  } catch (const std::ios_base::failure&) {
    refuse_snapshot("the stream does not take it");
  }
  counted_.snapshots_saved = 1;
  state_.count_warm(counted_);
  return saved;
}

template <class Key, class Value>
warm_result near_warming<Key, Value>::warm(std::istream& from, const warm_options& how) {
  if (how.timeout <= duration{}) {
    throw error{errc::invalid_argument, "timeout: must be positive"};
  }
  if (!state_.options().near.enabled) {
    throw error{errc::invalid_argument, "near.enabled: there is no near cache to be warmed"};
  }
  saved_entries saved;
  try {
    saved = read_snapshot(from, header(), state_.near_cache().bytes_max());
  } catch (const std::ios_base::failure&) {
    state_.count_warm({.snapshots_refused = 1});
    refuse_snapshot("the stream cannot be read");
  } catch (const error&) {
    state_.count_warm({.snapshots_refused = 1});
    throw;
  }
  const time_point now = port_.now();
  ends_ = how.timeout < never - now ? now + how.timeout : never;
  std::size_t at = 0;
  try {
    for (std::size_t next = next_batch(saved.fitting, at); next > at;) {
      ask(saved.fitting, at, next);
      at = next;
      next = next_batch(saved.fitting, at);
    }
  } catch (const error&) {
    state_.count_warm(counted_);
    throw;
  }
  counted_.left_out = saved.left_out + (saved.fitting.size() - at);
  counted_.snapshots_warmed = 1;
  state_.count_warm(counted_);
  return {.validated = counted_.validated,
          .changed = counted_.changed,
          .absent = counted_.absent,
          .not_kept = counted_.not_kept,
          .unanswered = counted_.unanswered,
          .skipped = counted_.skipped,
          .left_out = counted_.left_out};
}

/// Where the batch that begins at `from` ends: there, if nothing more is to be asked.
template <class Key, class Value>
std::size_t near_warming<Key, Value>::next_batch(const entries& all, std::size_t from) const {
  if (port_.closed()) throw error{errc::closed};
  if (port_.now() >= ends_) return from;
  const std::uint64_t held = state_.near_cache().bytes();
  const std::uint64_t most = state_.near_cache().bytes_max();
  std::uint64_t charged = 0;
  std::size_t size = 0;
  std::size_t at = from;
  for (; at < all.size() && at - from < batch_entries && size < batch_bytes; ++at) {
    charged += all[at].charge();
    if (held + charged > most) break;
    size += all[at].key.size() + all[at].value.size();
  }
  return at;
}

/// Nothing where there is nothing to be asked.
template <class Key, class Value>
std::optional<node::call> near_warming<Key, Value>::call_for(const saved_entry& one) {
  const std::optional<Key> key = kith::decode<Key>(one.key);
  if (!key) return std::nullopt;
  try {
    const call_key<Key> encoded{*key};
    if (!equal(encoded.view(), one.key)) return std::nullopt;
    const auto seen = state_.near_cache().look(encoded.hash(), *key);
    if (seen && seen->alive && port_.now() < seen->expires) return std::nullopt;
    const duration left = std::max<duration>(ends_ - port_.now(), std::chrono::milliseconds{1});
    node::call what = state_.make_call(node::call_kind::get, encoded,
                                       std::min(state_.options().timeout, left));
    what.near = true;
    what.known = wire::known_value{one.version, stable_hash(one.value)};
    return what;
  } catch (const error&) {
    return std::nullopt;
  }
}

template <class Key, class Value>
void near_warming<Key, Value>::ask(entries& all, std::size_t from, std::size_t to) {
  std::vector<node::call> calls;
  std::vector<saved_entry*> asked;
  for (std::size_t i = from; i < to; ++i) {
    std::optional<node::call> what = call_for(all[i]);
    if (!what) {
      ++counted_.skipped;
      continue;
    }
    calls.push_back(std::move(*what));
    asked.push_back(&all[i]);
  }
  const auto answers = run_calls(port_, std::move(calls));
  for (std::size_t i = 0; i < asked.size(); ++i) take(*asked[i], answers->result(i));
}

template <class Key, class Value>
void near_warming<Key, Value>::take(saved_entry& asked, node::outcome& said) {
  // Both are let go of here: what the near cache keeps is decoded.
  const saved_entry had = std::move(asked);
  const node::outcome answer = std::move(said);
  if (answer.error) {
    ++counted_.unanswered;
  } else if (!answer.yes) {
    ++counted_.absent;
  } else if (!keep(answer, answer.not_modified ? had.value : answer.value, had.read)) {
    ++counted_.not_kept;
  } else {
    ++(answer.not_modified ? counted_.validated : counted_.changed);
  }
}

/// F4 has the last word, as for every fill, when the value is decoded.
template <class Key, class Value>
bool near_warming<Key, Value>::keep(const node::outcome& said, byte_view value, bool read) {
  if (!said.fill) return false;
  near::counted_cell draft;
  std::optional<Key> key;
  try {
    key = kith::decode<Key>(said.key);
    std::optional<Value> decoded = kith::decode<Value>(value);
    if (key && decoded) {
      near::entry_terms terms = terms_of(said, value);
      terms.only_if_room = true;
      draft = near_cache::draft(terms, *key, std::move(*decoded));
      if (read) draft->mark_read();
    }
  } catch (...) {
    // Thrown by a type of the user's: it cannot be read. The answers behind it have their turn.
  }
  const bool made{draft};
  port_.settle(partition_of(said.key_hash), *said.fill, std::move(draft));
  if (!made) return false;
  const auto seen = state_.near_cache().look(said.key_hash, *key);
  return seen && seen->alive && seen->version == said.version && port_.now() < seen->expires;
}

}  // namespace handle

}  // namespace kith
