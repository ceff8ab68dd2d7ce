// What a lane of a member that went over to another cluster tells that one's owners: which keys its
// former side has written since the cut (replica/dirty_keys.hpp). Each is an ordinary write through
// the router: an erase, the end of a tag, or a clear of a partition where there were too many keys.
// Where values are told, it is a processor that has the one to be merged as its fields.
//
// Nothing waits for it. A few are under way at a time; one that fails is asked again, under a later
// identity too; what has not come through within `patience` is dropped and counted.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/node/call.hpp>
#include <kith/node/router_effect.hpp>
#include <kith/replica/dirty_keys.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::node {

/// The processor that merges two sides' entries of a key, and its fields. No user's has its name.
inline constexpr std::string_view merge_processor = "kith.merge";
struct merge_fields {
  /// There is an entry, of this version and value; else it was erased or evicted.
  bool present = false;
  kith::version version;
  byte_view value;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.present, self.version, wire::capped(self.value, wire::limits::value_bytes));
  }
};

struct shipment_counters {
  /// Writes that were to be told, and what became of them.
  std::uint64_t begun = 0;
  std::uint64_t told = 0;
  std::uint64_t retried = 0;
  std::uint64_t dropped = 0;
};

class shipment {
 public:
  shipment() = default;
  shipment(const shipment&) = delete;
  shipment& operator=(const shipment&) = delete;

  /// This lane's member goes over; `dirty` names caches by their numbers in the old cluster.
  void load(time_point now, const std::vector<replica::dirty_cache>& dirty);
  /// The registry of the installed view.
  void on_view(const cluster::view& installed);

  /// A write to be submitted, if one may leave now.
  [[nodiscard]] std::optional<call> next(time_point now);
  /// True when the completion is of such a write.
  bool take(time_point now, const complete& over);
  /// When next() is to be asked again.
  [[nodiscard]] time_point next_timeout() const;

  [[nodiscard]] bool empty() const { return waiting_.empty() && under_way_ == 0; }
  [[nodiscard]] const shipment_counters& counters() const { return counters_; }

  static constexpr std::size_t at_once = 16;
  static constexpr duration patience = std::chrono::seconds{60};
  static constexpr duration pause = std::chrono::milliseconds{500};

 private:
  struct item {
    std::shared_ptr<cache_binding> cache;
    partition_id partition{};
    wire::mutation kind = wire::mutation::erase;
    bytes key;
    /// Of the key, or the tag.
    std::uint64_t hash = 0;
    bytes value = {};
    time_point ends = never;
  };
  /// Never told anything: the lane asks take() before.
  struct place final : completion {
    void complete(outcome&&) noexcept override { KITH_ASSERT(false); }
    item what;
    bool busy = false;
  };

  void drop(std::size_t count) { counters_.dropped += count; }
  void load_keys(const std::shared_ptr<cache_binding>& binding, const replica::dirty_cache& of,
                 time_point ends);

  std::deque<item> waiting_;
  std::array<place, at_once> places_;
  std::size_t under_way_ = 0;
  time_point not_before_{};
  /// By number, in the installed view. A binding is shared by the items of its name.
  std::map<cache_id, std::string> names_;
  std::map<std::string, std::shared_ptr<cache_binding>> bindings_;
  shipment_counters counters_;
};

// --- implementation ---

inline void shipment::load(time_point now, const std::vector<replica::dirty_cache>& dirty) {
  for (const replica::dirty_cache& one : dirty) {
    const auto name = names_.find(one.cache);
    if (name == names_.end()) continue;
    std::shared_ptr<cache_binding>& binding = bindings_[name->second];
    if (binding == nullptr) {
      binding = std::make_shared<cache_binding>();
      binding->name = name->second;
    }
    const time_point ends = now + patience;
    counters_.begun += one.whole.size() + one.tags.size() + one.keys.size() + one.left_out;
    if (one.values) {
      // Each key has to be merged by itself, or not at all.
      drop(one.whole.size() + one.tags.size() + one.left_out);
    } else {
      for (const partition_id p : one.whole) {
        waiting_.push_back({binding, p, wire::mutation::clear, {}, 0, {}, ends});
      }
      for (const auto& [p, tag] : one.tags) {
        waiting_.push_back({binding, p, wire::mutation::end_tag, {}, tag, {}, ends});
      }
    }
    load_keys(binding, one, ends);
  }
  // The other cluster has numbers of its own.
  names_.clear();
  for (auto& [name, binding] : bindings_) binding->id.store(0, std::memory_order_release);
}

inline void shipment::load_keys(const std::shared_ptr<cache_binding>& binding,
                                const replica::dirty_cache& of, time_point ends) {
  for (const replica::dirty_key& key : of.keys) {
    item told{binding, partition_of(key.hash), wire::mutation::erase, key.key, key.hash, {}, ends};
    if (of.values) {
      merge_fields with;
      with.present = key.value.has_value();
      with.version = key.version;
      if (key.value) with.value = *key.value;
      told.kind = wire::mutation::invoke;
      told.value = wire::encoded(with);
    }
    if (told.value.size() > wire::limits::value_bytes) {
      drop(1);
      continue;
    }
    waiting_.push_back(std::move(told));
  }
}

inline void shipment::on_view(const cluster::view& installed) {
  names_.clear();
  for (const cluster::cache_record& cache : installed.caches) {
    names_.emplace(cache.id, cache.name);
    const auto known = bindings_.find(cache.name);
    if (known == bindings_.end()) continue;
    known->second->id.store(static_cast<std::uint32_t>(cache.id), std::memory_order_release);
  }
}

inline std::optional<call> shipment::next(time_point now) {
  if (waiting_.empty() || under_way_ == at_once || now < not_before_ || names_.empty()) {
    return std::nullopt;
  }
  const auto at = std::ranges::find_if(
      waiting_, [](const item& one) { return one.cache->current_id() != cache_id{}; });
  if (at == waiting_.end()) {
    const std::size_t over =
        std::erase_if(waiting_, [&](const item& one) { return now >= one.ends; });
    drop(over);
    not_before_ = now + pause;
    return std::nullopt;
  }
  const auto free = std::ranges::find_if(places_, [](const place& each) { return !each.busy; });
  free->busy = true;
  free->what = std::move(*at);
  waiting_.erase(at);
  ++under_way_;
  call what;
  what.kind = call_kind::mutate;
  what.cache = free->what.cache;
  what.partition = free->what.partition;
  what.mutation = free->what.kind;
  what.key = free->what.key;
  what.value = free->what.value;
  if (what.mutation == wire::mutation::invoke) what.processor = merge_processor;
  if (what.mutation == wire::mutation::end_tag) {
    what.tags.push_back({free->what.hash});
  } else {
    what.key_hash = free->what.hash;
  }
  what.timeout = std::chrono::seconds{5};
  what.deadline = now + what.timeout;
  what.done = &*free;
  return what;
}

/// unknown_processor: the cache is not open here yet.
[[nodiscard]] inline bool may_come_through(const error_code& failed) {
  return failed == condition::retryable || failed == errc::unknown_processor;
}

inline bool shipment::take(time_point now, const complete& over) {
  const auto at =
      std::ranges::find_if(places_, [&](const place& each) { return &each == over.done; });
  if (at == places_.end()) return false;
  at->busy = false;
  --under_way_;
  item what = std::move(at->what);
  if (!over.result.error) {
    ++counters_.told;
  } else if (now >= what.ends || !may_come_through(over.result.error)) {
    drop(1);
  } else {
    ++counters_.retried;
    not_before_ = now + pause;
    waiting_.push_front(std::move(what));
  }
  if (empty()) bindings_.clear();
  return true;
}

inline time_point shipment::next_timeout() const {
  const bool waits = !waiting_.empty() && under_way_ < at_once && !names_.empty();
  return waits ? not_before_ : never;
}

}  // namespace kith::node
