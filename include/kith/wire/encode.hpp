// Writes any value that lists its fields (field.hpp).
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/writer.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith::wire {

class field_encoder {
 public:
  explicit field_encoder(bytes& target) : out_{target} {}

  template <class... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }

 private:
  void put(bool value) { out_.put_varint(value ? 1 : 0); }
  template <std::unsigned_integral Integer>
  void put(Integer value) {
    out_.put_varint(value);
  }
  template <class Enum>
    requires std::is_enum_v<Enum>
  void put(Enum value) {
    out_.put_varint(static_cast<std::underlying_type_t<Enum>>(value));
  }
  template <class Tag>
  void put(ordinal<Tag> value) {
    out_.put_varint(value.value());
  }
  void put(const epoch& value) { (*this)(value.view, value.branch); }
  void put(const version& value) { (*this)(value.epoch, value.seq); }
  void put(const member_id& id) {
    out_.put_fixed(id.high);
    out_.put_fixed(id.low);
    out_.put_varint(id.incarnation);
  }
  void put(const operation_id& id) { (*this)(id.origin, id.counter); }
  void put(duration value) { out_.put_varint(static_cast<std::uint64_t>(value.count())); }
  void put(const endpoint& where) {
    out_.put_bytes(as_bytes(where.host));
    out_.put_varint(where.port);
  }

  template <class Field>
  void put(const fixed_field<Field>& wrapped) {
    out_.put_fixed(wrapped.field);
  }
  void put(const fixed_field<const time_point>& wrapped) {
    out_.put_fixed(wrapped.field.time_since_epoch().count());
  }

  void put(const capped_field<const std::string>& text) { out_.put_bytes(as_bytes(text.field)); }
  void put(const capped_field<const bytes>& blob) { out_.put_bytes(blob.field); }
  void put(const capped_field<const byte_view>& blob) { out_.put_bytes(blob.field); }
  template <class Item>
  void put(const capped_field<const std::vector<Item>>& items) {
    out_.put_varint(items.field.size());
    for (const Item& item : items.field) put(item);
  }
  template <class Inner>
  void put(const std::optional<Inner>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class Message>
    requires requires(const Message& message, field_encoder& self) {
      Message::fields(message, self);
    }
  void put(const Message& message) {
    Message::fields(message, *this);
  }

  writer out_;
};

/// Appends the encoding of `message` to `target`.
template <class Message>
void encode(const Message& message, bytes& target) {
  field_encoder encoder{target};
  encoder(message);
}

template <class Message>
[[nodiscard]] bytes encoded(const Message& message) {
  bytes target;
  encode(message, target);
  return target;
}

}  // namespace kith::wire
