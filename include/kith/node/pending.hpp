// The calls of one lane that wait: for an answer, for a leader's answer, for the time of the next
// try, or for an owner. Each waits under a request number (rid), which is new for every try, and
// under one alarm: its next try or its deadline, whichever comes first.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/node/call.hpp>
#include <kith/store/handle.hpp>
#include <kith/store/slots.hpp>
#include <kith/store/timer_wheel.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>

namespace kith::node {

/// room: for the way to the owner, which is full. processor, loader: for its result, when it runs
/// here.
enum class wait_for : std::uint8_t { answer, leader, next_try, room, processor, loader };

/// A processor that its owner does not know (router_fallback.hpp).
struct fallback {
  bytes fields;
  std::uint32_t tries = 0;
  /// Of the entry that the processor was given; the oldest where there was none.
  version seen;
  bytes result;
};

struct pending_call {
  call what;
  time_point submitted_at;
  wait_for state = wait_for::next_try;
  /// Names this try; 0 before the first.
  std::uint64_t rid = 0;
  /// Of a mutation: the same for all tries. 0 for the others.
  std::uint64_t operation = 0;
  member_id asked;
  time_point asked_at;
  /// It leads a fill under its rid.
  bool leads = false;
  time_point next_try{};
  std::uint32_t tries = 0;
  /// Requests to owners that had no answer: a mutation may be applied by each.
  std::uint32_t unanswered = 0;
  /// When the ticket of the load that runs here is no good any more.
  time_point ticket_ends = never;
  /// Its caller, if it ever had one, has gone: it is there for its ticket's owner.
  bool disowned = false;
  /// Set from when the owner said that it does not know the processor.
  std::unique_ptr<fallback> instead;
};

class pending_calls {
 public:
  /// `limit` calls, with keys and values of `bytes_limit`; one call may be larger than that.
  pending_calls(std::size_t limit, std::size_t bytes_limit)
      : limit_{limit}, bytes_limit_{bytes_limit} {}

  [[nodiscard]] bool full() const { return slots_.size() >= limit_ || bytes_ >= bytes_limit_; }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  [[nodiscard]] store::handle add(time_point now, call&& what);
  /// Takes the call out for good.
  [[nodiscard]] pending_call take(store::handle at);
  [[nodiscard]] pending_call& operator[](store::handle at) { return slots_[at]; }

  /// Gives the call a request number that no earlier try had.
  std::uint64_t renumber(store::handle at);
  /// The call that waits under `rid`; no_handle for an earlier try or a call that is over.
  [[nodiscard]] store::handle find(std::uint64_t rid) const;

  /// The call that may be cancelled by `id`; no_handle when it is over.
  [[nodiscard]] store::handle find_cancellable(std::uint64_t id) const {
    const auto found = cancellable_.find(id);
    return found == cancellable_.end() ? store::no_handle : found->second;
  }

  /// Wakes the call at its deadline, or at `next_try` if that is earlier.
  void set_alarm(store::handle at, time_point next_try);
  [[nodiscard]] store::handle pop_due(time_point now);
  [[nodiscard]] time_point next_timeout() const { return alarms_.next_timeout().value_or(never); }

  /// Below it, no operation of this lane waits for an answer.
  [[nodiscard]] std::uint64_t lowest_unsettled() const {
    return unsettled_.empty() ? last_operation_ + 1 : *unsettled_.begin();
  }
  /// A number for the operation, the same for all its tries.
  void begin_operation(store::handle at);
  /// The call goes on as something else, which may be a new operation.
  void end_operation(store::handle at);
  /// Its caller is told something else: the call goes on without him until `deadline`.
  void disown(store::handle at, time_point deadline);
  /// Gives the call another value; returns the one it had.
  [[nodiscard]] kith::bytes exchange_value(store::handle at, kith::bytes value);
  /// The call, which has not fallen back yet, goes on without its owner: its value are the fields.
  void begin_fallback(store::handle at);
  /// Of one that has fallen back: what its processor gave, and will be answered.
  [[nodiscard]] kith::bytes exchange_result(store::handle at, kith::bytes result);

  /// Visits the calls in the order of their handles; `visit` may change what it is given, and must
  /// not add or take calls.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::uint32_t i = 0; i < slots_.end(); ++i) {
      const auto at = static_cast<store::handle>(i);
      if (slots_.live(at)) visit(at, slots_[at]);
    }
  }

 private:
  static constexpr unsigned handle_bits = 24;
  static constexpr std::uint64_t handle_mask = (std::uint64_t{1} << handle_bits) - 1;

  static std::size_t size_of(const call& what) { return what.key.size() + what.value.size(); }
  static std::size_t size_of(const pending_call& one) {
    const fallback* plan = one.instead.get();
    return size_of(one.what) + (plan != nullptr ? plan->fields.size() + plan->result.size() : 0);
  }

  std::size_t limit_;
  std::size_t bytes_limit_;
  /// Of the keys and values of all calls, and of what those that have fallen back keep.
  std::size_t bytes_ = 0;
  store::slots<pending_call> slots_;
  store::timer_wheel alarms_;
  std::uint64_t tries_ = 0;
  std::uint64_t last_operation_ = 0;
  hash_map<std::uint64_t, store::handle> cancellable_;
  /// Ordered: its first is what the owner may not forget.
  std::set<std::uint64_t> unsettled_;
};

// --- implementation ---

inline store::handle pending_calls::add(time_point now, call&& what) {
  KITH_ASSERT(!full());
  bytes_ += size_of(what);
  pending_call added;
  added.what = std::move(what);
  added.submitted_at = now;
  const store::handle at = slots_.emplace(std::move(added));
  KITH_ASSERT(store::index_of(at) <= handle_mask);
  if (slots_[at].what.cancel_id != 0) cancellable_.emplace(slots_[at].what.cancel_id, at);
  return at;
}

inline pending_call pending_calls::take(store::handle at) {
  alarms_.cancel(at);
  pending_call taken = std::move(slots_[at]);
  bytes_ -= size_of(taken);
  slots_.erase(at);
  if (taken.operation != 0) unsettled_.erase(taken.operation);
  if (taken.what.cancel_id != 0) cancellable_.erase(taken.what.cancel_id);
  return taken;
}

inline std::uint64_t pending_calls::renumber(store::handle at) {
  slots_[at].rid = (++tries_ << handle_bits) | store::index_of(at);
  return slots_[at].rid;
}

inline store::handle pending_calls::find(std::uint64_t rid) const {
  const auto at = static_cast<store::handle>(rid & handle_mask);
  return slots_.live(at) && slots_[at].rid == rid ? at : store::no_handle;
}

inline void pending_calls::set_alarm(store::handle at, time_point next_try) {
  pending_call& waiting = slots_[at];
  waiting.next_try = next_try;
  alarms_.schedule(at, std::min(next_try, waiting.what.deadline));
}

inline store::handle pending_calls::pop_due(time_point now) {
  std::size_t work = store::turn_limit;
  return alarms_.pop_due(now, work);
}

inline void pending_calls::begin_operation(store::handle at) {
  slots_[at].operation = ++last_operation_;
  unsettled_.insert(last_operation_);
}

inline void pending_calls::end_operation(store::handle at) {
  unsettled_.erase(std::exchange(slots_[at].operation, 0));
}

inline void pending_calls::disown(store::handle at, time_point deadline) {
  pending_call& waiting = slots_[at];
  if (waiting.what.cancel_id != 0) cancellable_.erase(std::exchange(waiting.what.cancel_id, 0));
  waiting.what.done = nullptr;
  waiting.what.deadline = deadline;
  waiting.disowned = true;
  set_alarm(at, never);
}

inline kith::bytes pending_calls::exchange_value(store::handle at, kith::bytes value) {
  kith::bytes& now = slots_[at].what.value;
  bytes_ += value.size();
  bytes_ -= now.size();
  return std::exchange(now, std::move(value));
}

inline void pending_calls::begin_fallback(store::handle at) {
  pending_call& one = slots_[at];
  KITH_ASSERT(one.instead == nullptr);
  one.instead = std::make_unique<fallback>();
  one.instead->fields = std::exchange(one.what.value, {});
}

inline kith::bytes pending_calls::exchange_result(store::handle at, kith::bytes result) {
  kith::bytes& now = slots_[at].instead->result;
  bytes_ += result.size();
  bytes_ -= now.size();
  return std::exchange(now, std::move(result));
}

}  // namespace kith::node
