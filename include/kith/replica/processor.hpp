// Processors: a user's function of an entry runs outside the lane, so its key is busy meanwhile, as
// it is while a write of it is under way to a store (write_through.hpp).
// Reads see the old value; other writes of the key wait in the order in which they came. What
// cannot wait (a clear, the end of a tag of the entry, the result of a load) makes the processor
// run again on the new value.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/replica/mutations.hpp>
#include <kith/replica/work.hpp>
#include <kith/wire/data_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace kith::replica {

/// Bytes that count against an account for as long as this lives. The account outlives it.
class byte_charge {
 public:
  byte_charge() = default;
  byte_charge(std::size_t& account, std::size_t count) : account_{&account}, bytes_{count} {
    account += count;
  }
  byte_charge(byte_charge&& other) noexcept
      : account_{std::exchange(other.account_, nullptr)}, bytes_{other.bytes_} {}
  byte_charge& operator=(byte_charge&& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~byte_charge() {
    if (account_ != nullptr) *account_ -= bytes_;
  }

 private:
  std::size_t* account_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A mutation that waits: it owns what its message views.
struct pending_write {
  member_id from;
  std::uint64_t hash = 0;
  wire::mutate message;
  bytes storage;
  /// Set while it waits behind a processor.
  byte_charge charge;

  pending_write(const member_id& origin, std::uint64_t key_hash, const wire::mutate& source);
  /// Moving keeps the storage where it is; copying would not.
  pending_write(pending_write&&) = default;
  pending_write& operator=(pending_write&&) = default;
};

/// A write that its store is asked for before the entry is changed.
struct store_write {
  /// Absent: the entry is erased.
  std::optional<bytes> value;
  wire::ttl_rule rule = wire::ttl_rule::cache_default;
  tag_rule tags = tag_rule::given;
  /// The answer's.
  bytes result = {};
};

struct busy_key {
  work_key at;
  pending_write current;
  /// The entry changed under the processor.
  bool outrun = false;
  std::deque<pending_write> queue;
  /// Of the entry that it was given, and the cache's count of ends of tags then.
  std::vector<std::uint64_t> tags = {};
  std::uint64_t tags_count = 0;
  /// Set while the store is written; no processor runs then.
  std::optional<store_write> store = std::nullopt;
};

using busy_table = work_table<busy_key>;

// --- implementation ---

inline pending_write::pending_write(const member_id& origin, std::uint64_t key_hash,
                                    const wire::mutate& source)
    : from{origin}, hash{key_hash}, message{source} {
  storage.reserve(source.key.size() + source.value.size() + source.processor.size());
  for (const byte_view part : {source.key, source.value, source.processor}) {
    storage.insert(storage.end(), part.begin(), part.end());
  }
  const byte_view all{storage};
  message.key = all.subspan(0, source.key.size());
  message.value = all.subspan(source.key.size(), source.value.size());
  message.processor = all.subspan(source.key.size() + source.value.size());
}

}  // namespace kith::replica
