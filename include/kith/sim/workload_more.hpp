// The clients' reads and writes of several keys, touches, removals of one version (workload.hpp).
#pragma once

#include <kith/sim/workload.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kith::sim {

inline get_options workload::how() {
  const bool at_copy = options_.backup_reads && ++reads_ % 2 == 0;
  return {.read = at_copy ? kith::read::backup : kith::read::near};
}

inline void workload::read_many(std::size_t member, std::shared_ptr<handles> with) {
  std::vector<std::uint32_t> keys;
  std::vector<record> ops;
  for (std::uint32_t key = 0; key < options_.keys; ++key) {
    keys.push_back(key);
    ops.push_back(begin(operation_kind::read, member, *with, key));
  }
  with->registers.async_get_many(
      keys, how(),
      [this, member, with, ops](error_code code,
                                std::vector<register_cache::pair_type> found) mutable {
        for (record& op : ops) {
          for (const auto& [key, value] : found) {
            if (key != op.key) continue;
            op.yes = true;
            op.version = value.version();
            op.value = *value;
          }
          end(op, code);
          register_values_.told(op);
          checker_.check(op);
        }
        later(member, with);
      });
}

/// No version comes back, so what it wrote is owed to nobody; reads may find it all the same.
inline void workload::write_many(std::size_t member, std::shared_ptr<handles> with) {
  std::vector<std::pair<std::uint32_t, std::int64_t>> entries;
  for (std::uint32_t key = 0; key < options_.keys; key += 2) {
    if (!keys_.may_write(member, key)) continue;
    entries.emplace_back(key, ++last_value_);
    register_values_.invoked(key, last_value_);
  }
  record op = begin(operation_kind::write, member, *with, 0);
  with->registers.async_put_many(entries, [this, member, with, op](error_code code) mutable {
    end(op, code);
    later(member, with);
  });
}

/// The value stays, under a new version.
inline void workload::touch_token(std::size_t member, std::shared_ptr<handles> with,
                                  std::uint32_t key) {
  record op = begin(operation_kind::write, member, *with, key);
  with->tokens.async_touch(key, [this, member, with, op](error_code code, bool touched) mutable {
    op.yes = touched;
    end(op, code);
    later(member, with);
  });
}

/// A compare_and_put whose new value is none: of two from one version one succeeds.
inline void workload::drop_seen_token(std::size_t member, std::shared_ptr<handles> with,
                                      std::uint32_t key) {
  record op = begin(operation_kind::erase, member, *with, key);
  with->tokens.async_get_versioned(
      key, [this, member, with, op](error_code code, versioned<std::int64_t> found) mutable {
        if (code || !found || cluster_.port_of(member)->closed()) {
          end(op, code);
          return later(member, with);
        }
        const version expected = found.version;
        const time_point now = cluster_.time().now();
        const std::optional<epoch> before = checker_.epoch_at(member, op.key);
        const std::size_t number = tokens_.begin_removal(now, places_at(member, op.key));
        with->tokens.async_erase_if_version(
            op.key, expected,
            [this, member, with, op, expected, before, number](error_code failed,
                                                               bool gone) mutable {
              op.yes = gone;
              end(op, failed);
              tokens_.end_removal(op.answered, number, op.failed || !gone,
                                  places_at(op.member, op.key));
              const bool same = epoch_of(op, before).has_value();
              tokens_.compare_and_put(op, expected, same ? place_of(member, op.key) : std::nullopt);
              later(member, with);
            });
      });
}

}  // namespace kith::sim
