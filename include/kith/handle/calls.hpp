// Operations on many keys, and on whole caches, as lists of calls.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/encoding.hpp>
#include <kith/handle/key_calls.hpp>
#include <kith/near/ref.hpp>
#include <kith/options.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::handle {

/// A get of many keys: those that the near cache has are found at once, the rest is asked for.
template <class Key, class Value>
class many_reads {
 public:
  using state = cache_state<Key, Value>;

  many_reads(std::shared_ptr<state> shared, std::vector<Key> keys, const get_options& how)
      : state_{std::move(shared)}, keys_{std::move(keys)}, how_{how} {}

  /// The calls for the keys that have to be asked for.
  [[nodiscard]] std::vector<node::call> start() {
    std::vector<node::call> calls;
    found_.resize(keys_.size());
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const call_key<Key> encoded{keys_[i]};
      found_[i] = state_->find_near(encoded.hash(), keys_[i], how_);
      if (found_[i]) continue;
      calls.push_back(state_->make_get(encoded, how_));
      state_->recall_into(calls.back(), keys_[i]);
      asked_.push_back(i);
    }
    return calls;
  }

  /// Takes the answers of the calls of start(), in their order, and gives the present pairs.
  error_code finish(call_group& answers, std::vector<std::pair<Key, ref<Value>>>& present) {
    error_code first;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const error_code code = state_->take_value(answers.result(i), found_[asked_[i]]);
      if (code && !first) first = code;
    }
    if (first) return first;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (found_[i]) present.emplace_back(std::move(keys_[i]), std::move(found_[i]));
    }
    return {};
  }

 private:
  std::shared_ptr<state> state_;
  std::vector<Key> keys_;
  const get_options how_;
  std::vector<ref<Value>> found_;
  std::vector<std::size_t> asked_;
};

/// `make(encoded key, item)` for each of `items`, whose keys `key_of(item)` names.
template <class Key, class Items, class KeyOf, class Make>
[[nodiscard]] std::vector<node::call> calls_for(const Items& items, KeyOf key_of, Make&& make) {
  std::vector<node::call> calls;
  calls.reserve(items.size());
  for (const auto& item : items) calls.push_back(make(call_key<Key>{key_of(item)}, item));
  return calls;
}
/// The same for keys alone.
template <class Key, class Make>
[[nodiscard]] std::vector<node::call> calls_for_keys(const std::vector<Key>& keys, Make&& make) {
  return calls_for<Key>(
      keys, [](const Key& key) -> const Key& { return key; },
      [&](const encoded_key<Key>& encoded, const Key&) { return make(encoded); });
}
/// The same for pairs of a key and what belongs to it.
template <class Key, class Second, class Make>
[[nodiscard]] std::vector<node::call> calls_for_pairs(
    const std::vector<std::pair<Key, Second>>& pairs, Make&& make) {
  return calls_for<Key>(
      pairs, [](const auto& pair) -> const Key& { return pair.first; },
      [&](const encoded_key<Key>& encoded, const auto& pair) {
        return make(encoded, pair.second);
      });
}

/// One call of `kind` for every partition.
template <class Key, class Value>
[[nodiscard]] std::vector<node::call> partition_calls(const cache_state<Key, Value>& state,
                                                      node::call_kind kind,
                                                      const call_options& how) {
  std::vector<node::call> calls(partition_count);
  for (std::uint32_t i = 0; i < partition_count; ++i) {
    calls[i].kind = kind;
    calls[i].cache = state.binding();
    calls[i].partition = static_cast<partition_id>(i);
    calls[i].timeout = state.timeout_of(how.timeout);
    calls[i].mutation = wire::mutation::clear;
  }
  return calls;
}

/// The end of a tag, for every partition. Throws kith::error(invalid_argument).
template <class Key, class Value>
[[nodiscard]] std::vector<node::call> tag_calls(const cache_state<Key, Value>& state,
                                                std::string_view tag, const call_options& how) {
  const wire::tag ended = tag_of(tag);
  std::vector<node::call> calls = partition_calls(state, node::call_kind::mutate, how);
  for (node::call& one : calls) {
    one.mutation = wire::mutation::end_tag;
    one.tags = {ended};
  }
  return calls;
}

/// The next turn of a walk over what this member owns in a lane.
template <class Key, class Value>
[[nodiscard]] node::call scan_call(const cache_state<Key, Value>& state, std::uint32_t lane,
                                   node::scan_turn& turn) {
  node::call what;
  what.kind = node::call_kind::scan;
  what.cache = state.binding();
  what.partition = static_cast<partition_id>(lane);  // the lowest of the lane
  what.scan = &turn;
  return what;
}

[[nodiscard]] inline std::uint64_t total_count(call_group& answers) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) total += answers.result(i).count;
  return total;
}

}  // namespace kith::handle
