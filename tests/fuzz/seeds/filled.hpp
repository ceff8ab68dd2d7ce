// Any message with something in every field.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/field.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace fuzz {

/// The third visitor of a message's fields, beside those that write and read them.
class filler {
 public:
  template <class... Fields>
  void operator()(Fields&&... fields) {
    (fill(fields), ...);
  }

 private:
  void fill(bool& value) { value = true; }
  template <std::unsigned_integral Integer>
  void fill(Integer& value) {
    value = static_cast<Integer>(++next_);
  }
  void fill(kith::partition_id& value) { value = kith::partition_id{5}; }
  void fill(kith::cache_id& value) { value = kith::cache_id{7}; }
  template <class Enum>
    requires std::is_enum_v<Enum>
  void fill(Enum& value) {
    value = kith::wire::last_enumerator<Enum>;
  }
  template <class Tag>
  void fill(kith::ordinal<Tag>& value) {
    value = kith::ordinal<Tag>{++next_};
  }
  void fill(kith::epoch& value) { (*this)(value.view, value.branch); }
  void fill(kith::version& value) { (*this)(value.epoch, value.seq); }
  void fill(kith::member_id& id) { (*this)(id.high, id.low, id.incarnation); }
  void fill(kith::duration& value) { value = std::chrono::milliseconds{++next_}; }
  void fill(kith::endpoint& where) { where = {"127.0.0.1", 5801}; }
  template <class Field>
  void fill(const kith::wire::fixed_field<Field>& wrapped) {
    fill(wrapped.field);
  }
  void fill(kith::time_point& value) { value = kith::time_point{std::chrono::seconds{++next_}}; }
  void fill(const kith::wire::capped_field<std::string>& text) { text.field = "a name"; }
  void fill(const kith::wire::capped_field<kith::byte_view>& view) {
    view.field = kith::as_bytes(std::string_view{"some bytes"});
  }
  template <class Item>
  void fill(const kith::wire::capped_field<std::vector<Item>>& items) {
    items.field.resize(2);
    for (Item& item : items.field) fill(item);
  }
  template <class Inner>
  void fill(std::optional<Inner>& value) {
    fill(value.emplace());
  }
  template <class Message>
    requires requires(Message& message, filler& self) { Message::fields(message, self); }
  void fill(Message& message) {
    Message::fields(message, *this);
  }

  std::uint32_t next_ = 0;
};

template <class Message>
[[nodiscard]] Message filled() {
  Message message;
  filler fill;
  Message::fields(message, fill);
  return message;
}

}  // namespace fuzz
