// One operation of this member's user, from the handle to its completion: what is asked, by when,
// and whom to tell. Keys and values are encoded already; their types are the handle's.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/near/cell.hpp>
#include <kith/options.hpp>
#include <kith/replica/change_notice.hpp>
#include <kith/store/handle.hpp>
#include <kith/wire/data_messages.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kith::node {

/// Where an answer came from.
enum class tier : std::uint8_t { near, backup, owner, loaded };

struct outcome {
  /// Empty: the call succeeded.
  error_code error;
  /// Names the field, the key or the peer where the error has one to name.
  std::string detail;
  /// What a loader in this process threw.
  std::exception_ptr thrown;

  /// get: there is a value. mutate: it was applied, its precondition held.
  bool yes = false;
  /// get: the value is the one that the call knows; it was not sent.
  bool not_modified = false;
  kith::version version;
  bytes value;
  std::uint64_t count = 0;
  node::tier tier = node::tier::owner;
  /// This member's own time at which the value ends.
  time_point expires = never;
  /// The call's own key, for the leader of a fill.
  bytes key;
  std::uint64_t key_hash = 0;
  /// The entry's, for the leader of a fill.
  std::vector<wire::tag> tags;
  /// Set for the leader of a fill: decode, then settle the fill of this number.
  std::optional<std::uint64_t> fill;
  /// Set for a follower: the leader's object, of the cache's own value type.
  near::counted_cell shared;
  /// The call's own, where its value is still the entry's.
  near::counted_cell recalled;
};

/// Told exactly once, with no lock held, on the thread that drove the machine.
class completion {
 public:
  virtual void complete(outcome&& result) noexcept = 0;

 protected:
  ~completion() = default;
};

/// What the members have agreed on about one cache, as far as calls need it. One a handle's cache
/// and member, shared by its handles.
struct cache_binding {
  std::string name;
  /// Agreed through the coordinator; a merge may change it.
  std::atomic<std::uint32_t> id{0};
  /// The cluster that this member went over to knows the cache with other options.
  std::atomic<bool> refused{false};
  /// Of a strong cache: how long a lease lasts.
  duration max_staleness{};
  bool strong = false;
  /// Near entries of what this member owns are kept too.
  bool near_local = false;
  bool has_loader = false;
  /// What this member owns goes on being read, and being written, for its own callers while it is
  /// cut off from the majority.
  bool reads_cut_off = false;
  bool writes_cut_off = false;
  /// As in replica::cache_settings.
  bool tells_dirty = false;
  bool tells_values = false;
  /// This member's writes of single keys that ended: well, and with an error. Counted by calls,
  /// which change nothing else here.
  mutable std::atomic<std::uint64_t> writes{0};
  mutable std::atomic<std::uint64_t> writes_failed{0};
  /// What listeners of this member want to hear of what it owns.
  std::shared_ptr<replica::watch_level> watched =
      std::make_shared<replica::watch_level>(replica::watching::nothing);
  /// Loads that this member runs for owners may take this long, if it is above ticket_time.
  std::optional<duration> hard_timeout;
  /// What the members agreed on, for owners that never opened the cache.
  std::optional<duration> ttl;

  void count_write(bool failed) const {
    (failed ? writes_failed : writes).fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] cache_id current_id() const {
    return static_cast<cache_id>(id.load(std::memory_order_acquire));
  }
};

/// Whether a call may be cancelled that may have had an effect already.
enum class cancelling : std::uint8_t { always, without_effect };

/// scan: not asked of an owner, and answered at once.
enum class call_kind : std::uint8_t { get, mutate, count, scan };

/// One turn of a walk over what a lane's owner has of a cache. It is the caller's; the lane fills
/// it before it completes the call.
struct scan_turn {
  /// What one turn looks at, while the lane is kept from all else: so many slots, and fewer once it
  /// has copied so many bytes.
  static constexpr std::uint32_t slots_max = 256;
  static constexpr std::size_t bytes_max = std::size_t{1} << 20;

  struct entry {
    bytes key;
    bytes value;
    kith::version version;
  };

  /// Where the turn begins, then where the next one does: no_handle at the end.
  store::handle next{0};
  std::vector<entry> found;
};

struct call {
  call_kind kind = call_kind::get;
  std::shared_ptr<const cache_binding> cache;
  partition_id partition{};
  std::uint64_t key_hash = 0;
  bytes key;
  /// How long it may take: whoever submits it sets the deadline by it.
  duration timeout{};
  time_point deadline = never;
  completion* done = nullptr;
  /// By which it may be cancelled; 0: it may not. No two calls of a process have the same.
  std::uint64_t cancel_id = 0;
  /// How many loaders, each waiting for the next, wait for this call.
  std::uint32_t depth = 0;

  // get
  bool near = false;
  /// This member's own copy may answer.
  bool backup = false;
  bool load = false;
  std::optional<duration> max_age;
  /// What the answer must have seen; the oldest version asks for nothing.
  kith::version after;
  /// A value from before that is asked about.
  std::optional<wire::known_value> known;
  /// The cell of it, of the cache's own types, for the outcome. Empty: it stays with whoever asks.
  near::counted_cell recalled;

  /// It is no read of the user's: its time is not recorded, it follows nobody else's, and nobody
  /// follows it.
  [[nodiscard]] bool only_asks() const { return known && !known->read; }

  // mutate
  wire::mutation mutation = wire::mutation::put;
  bytes value;
  wire::ttl_rule rule = wire::ttl_rule::cache_default;
  duration ttl{};
  kith::version expected;
  std::uint64_t ticket = 0;
  std::string processor;
  std::vector<wire::tag> tags;

  // scan
  scan_turn* scan = nullptr;
};

}  // namespace kith::node
