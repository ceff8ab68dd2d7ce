// The clients' reads through a cache to the database, and their writes of it (workload.hpp).
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/error.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/workload.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace kith::sim {

inline void workload::read_row(std::size_t member, std::shared_ptr<handles> with,
                               std::uint32_t key) {
  record op = begin(operation_kind::read, member, *with, key);
  with->rows.async_get(
      key, how(), [this, member, with, op](error_code code, ref<std::int64_t> found) mutable {
        found_in(op, found);
        end(op, code);
        if (!options_.memory_short) row_values_.told(op);
        const std::size_t before = checker_.violations().size();
        checker_.check_row(op);
        explain_first(before, op, &handles::rows);
        later(member, with);
      });
}

/// The database first, then the key: a load that began before cannot bring the old row back.
inline void workload::write_row(std::size_t member, std::shared_ptr<handles> with,
                                std::uint32_t key) {
  record op = begin(operation_kind::erase, member, *with, key);
  const std::int64_t row = database_[key] = ++last_value_;
  row_values_.invoked(key, row);
  with->rows.async_erase(key, [this, member, with, op, row](error_code code, version at) mutable {
    op.version = at;
    end(op, code);
    checker_.wrote_row(op, row);
    later(member, with);
  });
}

}  // namespace kith::sim
