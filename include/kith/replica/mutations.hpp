// What each mutation of one key does to its entry: a function of the entry, the message and the
// version that the mutation will have. Whether it may run, who is told of it and who waits for it
// is the replica's business.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/entries.hpp>
#include <kith/replica/operation.hpp>
#include <kith/replica/tags.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/limits.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace kith::replica {

/// One mutation of one key: the message, and what the owner adds to it.
struct key_write {
  time_point now;
  std::uint64_t hash = 0;
  const wire::mutate& message;
  /// Of the entry, if the mutation is applied.
  kith::version next;
};

/// The entry may need more memory after it than before. The result of a load is none of these: who
/// waits for it is answered, and whether it is stored is decided there.
[[nodiscard]] constexpr bool brings_bytes(wire::mutation kind) {
  switch (kind) {
    case wire::mutation::put:
    case wire::mutation::put_if_absent:
    case wire::mutation::compare_and_put:
    case wire::mutation::add:
    case wire::mutation::invoke: return true;
    default: return false;
  }
}

struct write_outcome {
  mutation_answer answer;
  /// The partition has a new version: others must be told.
  bool changed = false;
};

/// Numbers that add() works on: eight bytes, little-endian, two's complement.
[[nodiscard]] inline std::optional<std::int64_t> read_number(byte_view value) {
  if (value.size() != sizeof(std::int64_t)) return std::nullopt;
  return xxh64::load<std::int64_t>(value.data());
}
[[nodiscard]] inline bytes write_number(std::int64_t number) {
  return to_bytes(std::as_bytes(std::span{&number, 1}));
}

/// The expiry of an entry that is written under `rule`. `old` is the entry before, if there was
/// one.
[[nodiscard]] inline time_point expiry_by(wire::ttl_rule rule, const key_write& write,
                                          const entries& in, const entries::found& old) {
  switch (rule) {
    case wire::ttl_rule::given: return expiry_after(write.now, write.message.ttl);
    case wire::ttl_rule::unlimited: return never;
    case wire::ttl_rule::keep:
      if (old) return in.life_of(old).ends;
      break;
    case wire::ttl_rule::cache_default: break;
  }
  // Of the caller's cache, for an owner that never opened it.
  const duration told = write.message.ttl;
  if (!in.settings().ttl && told > duration::zero()) return expiry_after(write.now, told);
  return in.default_end(write.now, write.hash, write.next);
}

/// A change of an entry that is not a new one keeps what remains of its life, unless the caller
/// said something else than the default.
[[nodiscard]] inline wire::ttl_rule rule_of_update(wire::ttl_rule asked) {
  return asked == wire::ttl_rule::cache_default ? wire::ttl_rule::keep : asked;
}

[[nodiscard]] inline write_outcome refused_by(const entries::found& present) {
  mutation_answer answer{wire::mutate_status::refused, {}, bool{present}, {}};
  if (present) answer.version = present->value().version;
  return {std::move(answer), false};
}

/// What becomes of the tags that the entry has.
enum class tag_rule : std::uint8_t { given, keep };

/// Stores `value` as the entry's new value.
[[nodiscard]] inline write_outcome store_value(const key_write& write, entries& in, bytes value,
                                               wire::ttl_rule rule,
                                               tag_rule which = tag_rule::given) {
  const entries::found old = in.peek(write.now, write.hash, write.message.key);
  const bool existed{old};
  const time_point expires = expiry_by(rule, write, in, old);
  std::vector<std::uint64_t> tags = hashes_of(write.message.tags);
  if (which == tag_rule::keep && old && old->value().tags) tags = old->value().tags->tags;
  if (value.size() > wire::limits::value_bytes ||
      !in.put(write.now, write.hash, write.message.key, {std::move(value), write.next}, expires,
              tags)) {
    return {{wire::mutate_status::too_large, {}, existed, {}}, false};
  }
  return {{wire::mutate_status::applied, write.next, existed, {}}, true};
}

/// Removes the entry. That it was absent already makes no difference to those who are told: a load
/// that began before must not bring it back.
[[nodiscard]] inline write_outcome erase_value(const key_write& write, entries& in) {
  const entries::found old = in.peek(write.now, write.hash, write.message.key);
  const bool existed{old};
  // What is beyond its end goes too: nothing of the key may be answered any more.
  in.forget(write.now, write.hash, write.message.key);
  return {{wire::mutate_status::applied, write.next, existed, {}}, true};
}

/// Gives the entry another end. Those who keep a copy know the old one, so they are told.
[[nodiscard]] inline write_outcome touch_entry(const key_write& write, entries& in) {
  const entries::found old = in.peek(write.now, write.hash, write.message.key);
  if (!old) return refused_by(old);
  in.touch(write.now, old.at, write.next, expiry_by(write.message.rule, write, in, old));
  return {{wire::mutate_status::applied, write.next, true, {}}, true};
}

/// Nothing where one of the two is no number.
[[nodiscard]] inline std::optional<bytes> sum_of(const wire::mutate& message,
                                                 const entries::found& old) {
  const auto before = old ? read_number(old->value().value) : std::optional<std::int64_t>{0};
  const auto delta = read_number(message.value);
  if (!before || !delta) return std::nullopt;
  // Unsigned: beyond the largest number it goes on at the smallest, on every machine.
  return write_number(static_cast<std::int64_t>(static_cast<std::uint64_t>(*before) +
                                                static_cast<std::uint64_t>(*delta)));
}

[[nodiscard]] inline write_outcome add_number(const key_write& write, entries& in) {
  const entries::found old = in.peek(write.now, write.hash, write.message.key);
  const std::optional<bytes> sum = sum_of(write.message, old);
  if (!sum) return {{wire::mutate_status::wrong_type, {}, bool{old}, {}}, false};
  write_outcome done =
      store_value(write, in, *sum, rule_of_update(write.message.rule), tag_rule::keep);
  if (done.changed) done.answer.result = *sum;
  return done;
}

/// Tells listeners of a write that was applied. An erase of what was absent changed no entry.
inline void note_write(const key_write& write, const write_outcome& done, entries& in) {
  if (!done.changed || in.watched() == watching::nothing) return;
  const wire::mutate& message = write.message;
  if (const entries::found now = in.peek(write.now, write.hash, message.key)) {
    const bool touched = message.kind == wire::mutation::touch;
    in.note(touched ? entry_change::touched : entry_change::put, write.hash, message.key,
            write.next, &now->value().value);
  } else if (done.answer.existed) {
    in.note(entry_change::erased, write.hash, message.key, write.next);
  }
}

/// The condition of the write holds for the entry.
[[nodiscard]] inline bool holds(const wire::mutate& message, const entries::found& old) {
  switch (message.kind) {
    case wire::mutation::put_if_absent: return !old;
    case wire::mutation::compare_and_put:
      // The version of an absent key is zero.
      return (old ? old->value().version : kith::version{}) == message.expected;
    case wire::mutation::erase_if_version: return old && old->value().version == message.expected;
    default: return true;
  }
}

/// Applies put, put_if_absent, compare_and_put, erase, erase_if_version, invalidate, add or touch.
[[nodiscard]] inline write_outcome apply_write(const key_write& write, entries& in) {
  const wire::mutate& message = write.message;
  const entries::found old = in.peek(write.now, write.hash, message.key);
  if (!holds(message, old)) return refused_by(old);
  switch (message.kind) {
    case wire::mutation::erase:
    case wire::mutation::erase_if_version:
    case wire::mutation::invalidate: return erase_value(write, in);
    case wire::mutation::touch: return touch_entry(write, in);
    case wire::mutation::add: return add_number(write, in);
    default: break;
  }
  return store_value(write, in, to_bytes(message.value), message.rule);
}

}  // namespace kith::replica
