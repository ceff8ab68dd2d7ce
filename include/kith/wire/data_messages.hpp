// Operations on entries: what a caller asks the owner of a partition, and the answers. The
// partition and the request's number (rid) stand in the frame's header.
//
// Keys and values are views into the received frame: a handler that keeps one copies it.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/opcode.hpp>
#include <kith/wire/reader.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::wire {

/// A name that entries share: the stable hash of its text.
struct tag {
  std::uint64_t hash = 0;

  friend bool operator==(const tag&, const tag&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(fixed(self.hash));
  }
};

enum class get_status : std::uint8_t {
  hit,
  absent,
  /// The receiver does not own the partition in the epoch that the request names.
  wrong_epoch,
  /// The owner may not answer at present; the same request may succeed a little later.
  retry,
  /// The owner never heard of the cache: its view is older than the caller's.
  unknown_cache,
  load_failed,
  overloaded,
  /// The owner has no loader: the caller runs its own and sends the result as a fill.
  ticket,
  /// `after` is of an epoch whose writes this owner does not have.
  lost_write,
  /// `after` is of this epoch, and no write of it had that version yet.
  unknown_version,
  /// The value that the caller said it knows is the entry's: it is not sent again.
  not_modified,
};
template <>
inline constexpr get_status last_enumerator<get_status> = get_status::not_modified;

/// There is an entry, and the caller has its value now.
[[nodiscard]] constexpr bool is_present(get_status said) {
  return said == get_status::hit || said == get_status::not_modified;
}

/// A value that its reader had once: the version under which it was read, and the stable hash of
/// its bytes. Versions alone would do within one life of a cluster; in the next one of the same
/// name, or on the other side of a cut, another value may get the same version.
struct known_value {
  kith::version version;
  std::uint64_t hash = 0;
  /// Somebody reads the key now. Else who has the value only asks, which is no use of the entry.
  bool read = false;

  friend bool operator==(const known_value&, const known_value&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.version, fixed(self.hash), self.read);
  }
};

struct get {
  static constexpr opcode code = opcode::get;

  kith::epoch epoch;
  cache_id cache{};
  byte_view key;
  /// The caller would keep the answer in its near cache: subscribe it to the partition.
  bool near = false;
  /// Run the loader if the key is absent.
  bool load = false;
  /// How many loaders, each waiting for the next, wait for this read.
  std::uint32_t depth = 0;
  /// How long after its end a value may be answered; absent: as long as the owner keeps it.
  std::optional<duration> stale_max = std::nullopt;
  /// Answer with nothing older; the oldest version asks for nothing.
  kith::version after = {};
  /// The caller has this value and asks whether it is still the entry's: `not_modified` if so, else
  /// the answer is as without it.
  std::optional<known_value> known = std::nullopt;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.cache, capped(self.key, limits::key_bytes), self.near, self.load,
          self.depth, self.stale_max, self.after, self.known);
  }
};

struct get_reply {
  static constexpr opcode code = opcode::get_reply;

  get_status status = get_status::hit;
  /// The owner's epoch of the partition when it answered.
  kith::epoch epoch;
  /// Of the entry; of no meaning when the key is absent.
  kith::version version;
  /// The partition's sequence at the instant the owner read.
  sequence as_of;
  /// The newest number of the caller's stream of this partition; what it carries has left before.
  stream_number n_last;
  /// The caller may keep the value (it is subscribed).
  bool cacheable = false;
  /// The value was just loaded, or is the result of a load that the caller waited for.
  bool loaded = false;
  /// How long the entry lives from now on; absent: until it is evicted.
  std::optional<duration> ttl_left;
  /// The generation that a ticket's fill must name. Beside a value: the caller has its answer, and
  /// is asked to load the key anew.
  std::uint64_t ticket = 0;
  /// The entry's, for who keeps it.
  std::vector<tag> tags;
  /// The value; the loader's words where it failed.
  byte_view value;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.status, self.epoch, self.version, self.as_of, self.n_last, self.cacheable,
          self.loaded, self.ttl_left, self.ticket, capped(self.tags, limits::tags),
          capped(self.value, limits::value_bytes));
  }
};

enum class mutation : std::uint8_t {
  put,
  put_if_absent,
  /// Puts if the entry's version is `expected`.
  compare_and_put,
  erase,
  /// Adds the signed 64-bit number in `value`; an absent entry counts as 0.
  add,
  /// Runs the processor whose name is `processor` with the fields in `value`.
  invoke,
  /// Removes every entry of the cache in the partition; `key` is empty.
  clear,
  /// The result of a load that ran under a ticket: `ticket` names it. With a time to live of zero
  /// it is for those who wait, and not kept.
  fill,
  /// The same for a load that found nothing, or failed with the words in `value`.
  fill_absent,
  /// Gives the entry, if there is one, a new time to live; its value stays.
  touch,
  /// Removes the entry if its version is `expected`.
  erase_if_version,
  /// Removes every entry of the cache in the partition that has the only tag of `tags`; `key` is
  /// empty.
  end_tag,
  /// As erase, and the row in the cache's store stays.
  invalidate,
};
template <>
inline constexpr mutation last_enumerator<mutation> = mutation::invalidate;

/// The mutation is not of one key: it names none, and is asked of each partition.
[[nodiscard]] constexpr bool without_key(mutation kind) {
  return kind == mutation::clear || kind == mutation::end_tag;
}

/// What becomes of the entry's time to live.
enum class ttl_rule : std::uint8_t { cache_default, keep, given, unlimited };
template <>
inline constexpr ttl_rule last_enumerator<ttl_rule> = ttl_rule::unlimited;

struct mutate {
  static constexpr opcode code = opcode::mutate;

  kith::epoch epoch;
  /// With the sender's identity: the operation's id. A retry carries the same one.
  std::uint64_t operation = 0;
  /// The owner may forget its answers to the sender's operations below this one.
  std::uint64_t lowest_unsettled = 0;
  mutation kind = mutation::put;
  cache_id cache{};
  byte_view key;
  byte_view value;
  ttl_rule rule = ttl_rule::cache_default;
  /// The given one; else the cache's default as the sender knows it, for an owner that does not, or
  /// zero.
  duration ttl{};
  kith::version expected;
  std::uint64_t ticket = 0;
  byte_view processor;
  /// As a get's.
  std::uint32_t depth = 0;
  /// Of the entry that is put or loaded.
  std::vector<tag> tags;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.operation, self.lowest_unsettled, self.kind, self.cache,
          capped(self.key, limits::key_bytes), capped(self.value, limits::value_bytes), self.rule,
          self.ttl, self.expected, self.ticket, capped(self.processor, limits::name_bytes),
          self.depth, capped(self.tags, limits::tags));
  }
};

enum class mutate_status : std::uint8_t {
  applied,
  /// The precondition does not hold; `version` is the entry's, or zero when the key is absent.
  refused,
  wrong_epoch,
  retry,
  unknown_cache,
  overloaded,
  too_large,
  /// The operation is older than the answers that the owner kept.
  stale_operation,
  unknown_processor,
  processor_failed,
  /// The stored bytes are no number (add).
  wrong_type,
  /// The owner is at its memory limit: nothing was done.
  out_of_memory,
  /// The cache's store did not take the write: nothing was done.
  write_failed,
  /// The store may have it, or may have it later: the entry is gone.
  write_uncertain,
};
template <>
inline constexpr mutate_status last_enumerator<mutate_status> = mutate_status::write_uncertain;

struct mutate_reply {
  static constexpr opcode code = opcode::mutate_reply;

  mutate_status status = mutate_status::applied;
  kith::epoch epoch;
  kith::version version;
  /// There was an entry before.
  bool existed = false;
  /// The new number (add), the processor's result (invoke), or why it or the store failed.
  byte_view result;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.status, self.epoch, self.version, self.existed,
          capped(self.result, limits::value_bytes));
  }
};

/// The call that got this ticket is over: the next one who waits may have it. About the lane of the
/// frame's partition, and not answered: where it is lost, the ticket's time ends it.
struct return_ticket {
  static constexpr opcode code = opcode::return_ticket;

  std::uint64_t ticket = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.ticket);
  }
};

/// How many entries of a cache the partition holds.
struct count {
  static constexpr opcode code = opcode::count;

  kith::epoch epoch;
  cache_id cache{};

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.cache);
  }
};

struct count_reply {
  static constexpr opcode code = opcode::count_reply;

  get_status status = get_status::hit;
  kith::epoch epoch;
  std::uint64_t entries = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.status, self.epoch, self.entries);
  }
};

/// One message inside a batch.
struct batch_item {
  opcode kind{};
  std::uint64_t rid = 0;
  partition_id partition{};
  byte_view payload;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.kind, self.rid, self.partition, capped(self.payload, limits::message_bytes));
  }
};
template <>
inline constexpr opcode last_enumerator<opcode> = opcode::feed_end;

/// Requests or replies that travel together: one frame an owner for get_many and put_many. Batches
/// do not nest: an item of opcode::batch is a protocol violation.
struct batch {
  static constexpr opcode code = opcode::batch;

  std::vector<batch_item> items;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(capped(self.items, limits::batch_items));
  }
};

/// What a message carries: for a batch the kind of its first item, as a member never joins requests
/// and replies in one; opcode{} for a batch of nothing.
[[nodiscard]] inline opcode kind_of(opcode code, byte_view payload) {
  if (code != opcode::batch) return code;
  reader in{payload};
  const std::size_t items = in.take_count(limits::batch_items);
  const std::uint64_t kind = in.take_varint();
  return in.ok() && items > 0 ? static_cast<opcode>(kind) : opcode{};
}

}  // namespace kith::wire
