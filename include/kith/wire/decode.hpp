// Reads any value that lists its fields (field.hpp), with every bound of reader.hpp. byte_view
// fields point into the bytes that were read: a handler that keeps one copies it.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/reader.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith::wire {

class field_decoder {
 public:
  explicit field_decoder(byte_view source) : in_{source} {}

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
    where.host = as_text(in_.take_bytes(limits::host_bytes));
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
    text.field = as_text(in_.take_bytes(text.cap));
  }
  void take(const capped_field<bytes>& blob) { blob.field = to_bytes(in_.take_bytes(blob.cap)); }
  void take(const capped_field<byte_view>& blob) { blob.field = in_.take_bytes(blob.cap); }
  template <class Item>
  void take(const capped_field<std::vector<Item>>& items) {
    const std::size_t count = in_.take_count(items.cap);
    items.field.clear();
    items.field.reserve(std::min(count, reserved_items));
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

  /// A count is a claim: more than this many items grow with the bytes that back them.
  static constexpr std::size_t reserved_items = 64;

  reader in_;
};

/// Reads `message` from all of `source`. On failure the message holds no meaning.
template <class Message>
[[nodiscard]] decode_error decode(byte_view source, Message& message) {
  field_decoder decoder{source};
  decoder(message);
  return decoder.finish();
}

}  // namespace kith::wire
