// How a cache's typed side runs the user's writers (cache_state.hpp).
#pragma once

#include <kith/codec.hpp>
#include <kith/core/bytes.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/replica/store_write.hpp>
#include <kith/writer.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace kith::handle {

/// What a writer threw, while it is handled.
[[nodiscard]] inline replica::write_result current_write_failure() {
  try {
    throw;
  } catch (const write_refused& refused) {
    return replica::write_refusal{refused.what()};
  } catch (const std::exception& thrown) {
    return replica::write_failure{thrown.what()};
  } catch (...) {
    return replica::write_failure{"the writer threw"};
  }
}

template <class Key, class Value>
replica::write_result cache_state<Key, Value>::write(const replica::run_write& job) noexcept {
  try {
    typename bulk_writer<Key, Value>::rows rows;
    for (const replica::store_row& row : job.rows) {
      const std::optional<Key> key = kith::decode<Key>(row.key);
      std::optional<Value> value;
      if (row.value) value = kith::decode<Value>(*row.value);
      if (!key || value.has_value() != row.value.has_value()) {
        return replica::write_refusal{"the entry is not of the cache's types"};
      }
      rows.push_back({*key, std::move(value), row.fence});
    }
    if (options_.write && rows.size() == 1) {
      options_.write(rows[0].key, rows[0].value, rows[0].fence);
    } else {
      options_.write_many(rows);
    }
    return replica::written{};
  } catch (...) {
    return current_write_failure();
  }
}

}  // namespace kith::handle
