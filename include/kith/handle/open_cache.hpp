// Opening a cache: its options checked, its agreement with the cluster, its processors.
#pragma once

#include <kith/codec.hpp>
#include <kith/error.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/entry.hpp>
#include <kith/handle/key_calls.hpp>
#include <kith/handle/port.hpp>
#include <kith/options.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith::handle {

/// Throws kith::error(invalid_option) with the field's name.
template <class Key, class Value>
void check_options(const std::string& name, const cache_options<Key, Value>& options) {
  const auto require = [](bool holds, const char* field) {
    if (!holds) throw error{errc::invalid_option, field};
  };
  require(!name.empty() && name.size() <= wire::limits::name_bytes, "name: 1 to 128 bytes");
  require(options.max_bytes.value() > 0,
          "max_bytes: must be above 0 (4096 << 20 is 0 in an int; write 4_GiB)");
  require(!options.near.enabled || options.near.max_bytes.value() > 0,
          "near.max_bytes: must be above 0; near.enabled = false turns the near cache off");
  require(options.near.max_staleness >= near_options::least_staleness,
          "near.max_staleness: at least 2 s, in which each owner can show that it still owns");
  require(options.backups >= 0 && options.backups <= 6, "backups: 0 to 6");
  require(!options.ttl || *options.ttl > duration{}, "ttl: must be positive; absent is unlimited");
  require(options.timeout > duration{}, "timeout: must be positive");
}

/// What all members that open the cache have to say alike; the names are what config_mismatch
/// tells.
template <class Key, class Value>
[[nodiscard]] cluster::cache_request agreed_options(const std::string& name,
                                                    const cache_options<Key, Value>& options) {
  const std::string ttl = options.ttl ? std::to_string(options.ttl->count()) : "unlimited";
  return {name,
          {{"key", std::string{codec_tag<Key>()}},
           {"value", std::string{codec_tag<Value>()}},
           {"schema", std::to_string(options.schema)},
           {"coherence", "eventual"},
           {"backups", std::to_string(options.backups)},
           {"ttl_ns", ttl}}};
}

template <class Key, class Value>
[[nodiscard]] std::shared_ptr<cache_state<Key, Value>> open_cache(const std::shared_ptr<port>& to,
                                                                  const std::string& name,
                                                                  cache_options<Key, Value> options,
                                                                  std::uint64_t salt) {
  check_options(name, options);
  using state = cache_state<Key, Value>;
  const cluster::cache_request agreed = agreed_options(name, options);
  const std::uint64_t bytes = options.max_bytes.value();
  const std::optional<duration> ttl = options.ttl;
  const auto shared = std::static_pointer_cast<state>(to->begin_opening(name, typeid(state), [&] {
    return std::make_shared<state>(to, name, std::move(options), salt);
  }));
  try {
    to->open({agreed, shared->binding(), shared, bytes, ttl});
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
