// How the clients of a simulated cluster note what they ask and what they are told, for the
// checkers.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/error.hpp>
#include <kith/near/ref.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>

#include <cstddef>
#include <cstdint>

namespace kith::sim {

/// An operation of the client that `self` was when it opened its caches, which begins now.
[[nodiscard]] inline record begin_record(cluster& on, const checker& judge, operation_kind kind,
                                         std::size_t member, const member_id& self,
                                         std::uint32_t key) {
  record op;
  op.kind = kind;
  op.member = member;
  op.self = self;
  if (on.host(member).running()) op.as = on.host(member).control().self();
  op.key = key;
  op.asked_in = judge.view_key_of(member);
  op.began = judge.epoch_at(member, key).value_or(epoch{});
  judge.note_vouchers(op);
  op.invoked = on.time().now();
  return op;
}

/// It was answered now, and is part of what makes two runs the same.
inline void end_record(cluster& on, const checker& judge, record& op, const error_code& code) {
  op.failed = static_cast<bool>(code);
  op.answered = on.time().now();
  op.bound = judge.bound_of(op);
  on.time().note(static_cast<std::uint64_t>(op.value) ^ op.version.seq.value() << 20);
}

/// What a read found is part of its record.
inline void found_in(record& op, const ref<std::int64_t>& found) {
  op.yes = static_cast<bool>(found);
  op.version = found.version();
  op.value = found ? *found : 0;
}

}  // namespace kith::sim
