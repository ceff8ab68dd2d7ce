// How a handler's cancellation slot reaches the calls that it waits for.
//
// Asio's kinds of cancellation differ in what the operation may have done:
//   reads           end on each kind
//   a write of one  terminal, partial: ends, and may have been applied. total: ends if no owner was
//   key             asked yet, so that nothing can have happened; else it goes on
//   writes of many  terminal, partial: as one. total: not heard, as some may have been applied
//
// A slot is connected when its operation starts and stays so until the next one takes its place or
// its signal ends: to disconnect it would race with whoever emits. What comes after the operation's
// end finds no call.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/handle/port.hpp>
#include <kith/node/call.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kith::handle {

/// The first of `count` numbers that no call of this process had.
[[nodiscard]] inline std::uint64_t take_cancel_ids(std::size_t count) {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(count, std::memory_order_relaxed) + 1;
}

/// Whether any of an operation's calls may change something.
enum class intent : std::uint8_t { reads, writes };

/// What a slot calls. It does not keep the member.
class cancel_calls {
 public:
  /// The calls are numbered from `first` on; `where` has their partitions.
  cancel_calls(std::weak_ptr<port> to, std::uint64_t first, std::vector<partition_id> where,
               intent what)
      : to_{std::move(to)}, first_{first}, where_{std::move(where)}, intent_{what} {}

  void operator()(boost::asio::cancellation_type_t asked) const {
    using kind = boost::asio::cancellation_type;
    if (asked == kind::none) return;
    const bool always = intent_ == intent::reads ||
                        (asked & (kind::terminal | kind::partial)) != kind::none;
    if (!always && where_.size() > 1) return;
    const std::shared_ptr<port> member = to_.lock();
    if (member == nullptr) return;
    const auto how = always ? node::cancelling::always : node::cancelling::without_effect;
    for (std::size_t i = 0; i < where_.size(); ++i) member->cancel(where_[i], first_ + i, how);
  }

 private:
  std::weak_ptr<port> to_;
  std::uint64_t first_;
  std::vector<partition_id> where_;
  intent intent_;
};

/// Makes the calls of one operation cancellable by `slot`, if that is connected.
template <class Slot>
void connect(Slot slot, const std::shared_ptr<port>& to, node::call* calls, std::size_t count) {
  if (!slot.is_connected() || count == 0) return;
  const std::uint64_t first = take_cancel_ids(count);
  std::vector<partition_id> where;
  intent what = intent::reads;
  for (std::size_t i = 0; i < count; ++i) {
    calls[i].cancel_id = first + i;
    where.push_back(calls[i].partition);
    if (calls[i].kind == node::call_kind::mutate) what = intent::writes;
  }
  slot.template emplace<cancel_calls>(to, first, std::move(where), what);
}

}  // namespace kith::handle
