// Reads any value that lists its fields (field.hpp), with every bound of reader.hpp. byte_view
// fields point into the bytes that were read: a handler that keeps one copies it.
//
// What a message takes in memory is bounded by its length (decode_memory): items of few bytes each
// would otherwise grow thirtyfold.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/reader.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith::wire {

/// The memory that a message of `size` bytes may take when it is read. Honest ones need less: most
/// is needed by a view's rows, 48 bytes that travel in 4, and there are few enough for the sum.
[[nodiscard]] constexpr std::size_t decode_memory(std::size_t size) {
  return 8 * size + (std::size_t{32} << 10);
}

class field_decoder {
 public:
  explicit field_decoder(byte_view source) : in_{source}, memory_{decode_memory(source.size())} {}

  template <class... Fields>
  void operator()(Fields&&... fields) {
    (take(fields), ...);
  }

  /// Fails unless everything was read; then says what failed first, if anything did.
  [[nodiscard]] decode_error finish() {
    in_.expect_end();
    return in_.failure();
  }

 private:
  void take(bool& value) { value = in_.take_varint(1) == 1; }
  template <std::unsigned_integral Integer>
  void take(Integer& value) {
    value = static_cast<Integer>(in_.take_varint(std::numeric_limits<Integer>::max()));
  }
  void take(partition_id& value) {
    value = static_cast<partition_id>(in_.take_varint(partition_count - 1));
  }
  void take(cache_id& value) {
    value = static_cast<cache_id>(in_.take_varint(std::numeric_limits<std::uint32_t>::max()));
  }
  template <class Enum>
    requires std::is_enum_v<Enum>
  void take(Enum& value) {
    value = static_cast<Enum>(in_.take_varint(static_cast<std::uint64_t>(last_enumerator<Enum>)));
  }
  template <class Tag>
  void take(ordinal<Tag>& value) {
    value = ordinal<Tag>{in_.take_varint()};
  }
  void take(epoch& value) { (*this)(value.view, value.branch); }
  void take(version& value) { (*this)(value.epoch, value.seq); }
  void take(member_id& id) {
    id.high = in_.take_fixed<std::uint64_t>();
    id.low = in_.take_fixed<std::uint64_t>();
    id.incarnation = in_.take_varint();
  }
  void take(operation_id& id) { (*this)(id.origin, id.counter); }
  void take(duration& value) {
    constexpr auto longest = static_cast<std::uint64_t>(never.time_since_epoch().count());
    value = duration{static_cast<duration::rep>(in_.take_varint(longest))};
  }
  void take(endpoint& where) {
    take(capped_field<std::string>{where.host, limits::host_bytes});
    take(where.port);
  }

  template <class Field>
  void take(const fixed_field<Field>& wrapped) {
    wrapped.field = in_.take_fixed<Field>();
  }
  void take(const fixed_field<time_point>& wrapped) {
    wrapped.field = time_point{duration{in_.take_fixed<duration::rep>()}};
  }

  void take(const capped_field<std::string>& text) {
    const byte_view view = in_.take_bytes(text.cap);
    // A string that takes memory may take twice what it was given.
    const std::size_t needs = view.size() > text.field.capacity() ? 2 * view.size() : 0;
    if (affords(needs)) text.field = as_text(view);
  }
  void take(const capped_field<bytes>& blob) {
    const byte_view view = in_.take_bytes(blob.cap);
    if (affords(view.size())) blob.field = to_bytes(view);
  }
  void take(const capped_field<byte_view>& blob) { blob.field = in_.take_bytes(blob.cap); }
  template <class Item>
  void take(const capped_field<std::vector<Item>>& items) {
    const std::size_t count = in_.take_count(items.cap);
    items.field.clear();
    if (!affords(count * sizeof(Item))) return;
    items.field.reserve(count);
    for (std::size_t i = 0; i < count && in_.ok(); ++i) take(items.field.emplace_back());
  }
  template <class Inner>
  void take(std::optional<Inner>& value) {
    bool present = false;
    take(present);
    value.reset();
    if (present) take(value.emplace());
  }
  template <class Message>
    requires requires(Message& message, field_decoder& self) { Message::fields(message, self); }
  void take(Message& message) {
    Message::fields(message, *this);
  }

  /// Books what is about to be allocated; fails when the message has used up its share.
  bool affords(std::size_t size) {
    if (size > memory_) {
      in_.fail(decode_error::too_long);
      return false;
    }
    memory_ -= size;
    return true;
  }

  reader in_;
  std::size_t memory_;
};

/// Reads `message` from all of `source`. On failure the message holds no meaning. Throws nothing:
/// a message for which there is no memory is refused like any other, before its handler runs.
template <class Message>
[[nodiscard]] decode_error decode(byte_view source, Message& message) noexcept {
  try {
    field_decoder decoder{source};
    decoder(message);
    return decoder.finish();
  } catch (const std::bad_alloc&) {
    return decode_error::no_memory;
  }
}

}  // namespace kith::wire
