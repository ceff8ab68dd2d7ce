// One item of a feed, as its owner keeps it until it is acknowledged. All who are told of a
// mutation share it.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/entries.hpp>
#include <kith/replica/operation.hpp>
#include <kith/replica/owed_writes.hpp>
#include <kith/replica/tags.hpp>
#include <kith/wire/feed_messages.hpp>
#include <kith/wire/limits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kith::replica {

/// The answer to one operation of a member.
struct told_answer {
  member_id from;
  std::uint64_t operation = 0;
  std::uint64_t lowest_unsettled = 0;
  mutation_answer answer;
};

struct feed_item {
  wire::feed_kind kind = wire::feed_kind::answer;
  cache_id cache{};
  bytes key{};
  bytes value{};
  kith::version version{};
  time_point ends = never;
  std::vector<std::uint64_t> tags{};
  /// The store does not have it yet.
  bool owed = false;
  std::optional<told_answer> told{};
  /// The partition's changes count from 1 in each epoch; 0: it is none.
  std::uint64_t change = 0;

  /// What it takes while it waits for its acknowledgement.
  [[nodiscard]] std::size_t size() const {
    constexpr std::size_t overhead = 256;
    return overhead + key.size() + value.size() + (told ? told->answer.result.size() : 0);
  }
};
using shared_item = std::shared_ptr<const feed_item>;

/// As it travels now. It views the item's bytes.
[[nodiscard]] inline wire::feed_item wire_item(time_point now, const feed_item& of) {
  wire::feed_item made;
  made.kind = of.kind;
  made.cache = of.cache;
  made.key = of.key;
  made.value = of.value;
  made.version = of.version;
  if (of.ends < never) made.ttl_left = std::max(of.ends - now, duration::zero());
  made.owed = of.owed;
  for (const std::uint64_t tag : of.tags) made.tags.push_back({tag});
  if (of.told) {
    const mutation_answer& answer = of.told->answer;
    // A result that does not fit beside its value stays behind: a retry is told that it is not
    // known.
    constexpr std::size_t room = wire::limits::message_bytes - wire::limits::frame_bytes;
    const bool fits = of.key.size() + of.value.size() + answer.result.size() <= room;
    const bool doubted = !fits || answer.status != wire::mutate_status::applied;
    made.answer = wire::feed_answer{of.told->from,
                                    of.told->operation,
                                    of.told->lowest_unsettled,
                                    answer.version,
                                    answer.existed,
                                    doubted,
                                    fits ? byte_view{answer.result} : byte_view{}};
  }
  return made;
}

/// The entry as its owner has it; that it is gone, where there is none. `at`: of the mutation.
[[nodiscard]] inline feed_item item_of(cache_id cache, byte_view key, const kith::version& at,
                                       const entries* in, const entries::found& seen) {
  feed_item made;
  made.kind = seen ? wire::feed_kind::put : wire::feed_kind::erase;
  made.cache = cache;
  made.key = to_bytes(key);
  made.version = at;
  if (!seen) return made;
  made.value = seen->value().value;
  made.version = seen->value().version;
  made.ends = in->life_of(seen).ends;
  if (seen->value().tags) made.tags = seen->value().tags->tags;
  return made;
}

/// `tell(item)` for what is owed of a key without an entry, in their order.
template <class Tell>
void tell_owed(const owed_write& one, Tell&& tell) {
  feed_item item;
  item.kind = one.value ? wire::feed_kind::put : wire::feed_kind::erase;
  item.cache = one.at.cache;
  item.key = one.at.key;
  item.value = one.value.value_or(bytes{});
  item.version = one.version;
  item.owed = true;
  tell(item);
  if (!one.value) return;
  item.kind = wire::feed_kind::drop;
  item.value.clear();
  tell(item);
}

}  // namespace kith::replica
