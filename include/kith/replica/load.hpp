// One load of a key in the cluster: the owner runs the loader once, or lets one caller run its own
// under a ticket, and all who ask meanwhile wait for that result.
//
// The race that this is about:
//   1. a load reads the old row     2. somebody writes the row     3. the key is put or erased here
//   4. the load's result arrives and is older than 3
// So a mutation of the key marks the load as outrun, and the result of an outrun load is not
// stored. Those who asked before the mutation may have it, not to keep. Those who asked after it
// may not: they have seen that the mutation is done. They are served anew.
//
// The end of a tag concerns the loads that bring the tag, or replace an entry with it: which those
// are is known only when they end, so each remembers the count of ends from when it began.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/work.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/limits.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kith::replica {

/// Who asked, and how to answer.
struct reader {
  member_id from;
  std::uint64_t rid = 0;
  /// It would keep the answer, in the session `sid`.
  bool near = false;
  std::uint32_t sid = 0;
  /// wire::get's.
  std::uint32_t depth = 0;
  std::optional<duration> stale_max = std::nullopt;
  std::optional<wire::known_value> known = std::nullopt;
  /// When: it waits no longer than is said from then on, however often it is served anew.
  time_point asked{};
};

struct load_waiter {
  reader who;
  /// It asked after the load was outrun.
  bool late = false;
  /// The cache's count of ends of tags when it asked.
  std::uint64_t tags_count = 0;
  /// When it takes an old value, if there is one, and when it gives up.
  time_point soft = never;
  time_point hard = never;
};

struct load {
  work_key at;
  std::uint64_t number = 0;
  /// The partition's version when the load began.
  version fence;
  bool outrun = false;
  /// It began while the last write of the key was uncertain: what it brings is not kept.
  bool doubted = false;
  /// The version of the entry whose value is to be replaced; the oldest where there was none.
  version base;
  /// Its tags, which stay when the loader names none.
  std::vector<std::uint64_t> tags;
  /// The cache's count of ends of tags when it began, and, when it is over, whether one of its own
  /// ended since.
  std::uint64_t tags_count = 0;
  bool tag_ended = false;
  /// It began while the old value was answered: nobody waited.
  bool refresh = false;
  time_point began;
  /// When nobody believes in it any more.
  time_point abandoned = never;
  /// When the table hands it out: then, or earlier for one who waits.
  time_point wakes = never;
  /// A caller runs it: this one.
  bool ticket = false;
  member_id holder;
  std::vector<load_waiter> waiters;
};

class load_table : public work_table<load> {
 public:
  /// The key was mutated.
  void outrun(cache_id cache, byte_view key) {
    if (load* running = find(cache, key)) running->outrun = true;
  }
  /// All keys of the cache in the partition were.
  void outrun_all(partition_id partition, cache_id cache) {
    for_each([&](load& running) {
      if (running.at.partition == partition && running.at.cache == cache) running.outrun = true;
    });
  }
};

/// Text of a user's exception as it may travel and be logged: bounded, control characters replaced.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string clean{text.substr(0, wire::limits::text_bytes)};
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return clean;
}

}  // namespace kith::replica
