// Appends canonical bytes to a buffer. One value has one encoding: integers are LEB128 varints
// without padding, hashes and identities have a fixed width, everything is little-endian.
#pragma once

#include <kith/core/bytes.hpp>

#include <cstdint>
#include <cstring>

namespace kith::wire {

class writer {
 public:
  /// Appends to `target`, which must outlive the writer.
  explicit writer(bytes& target) : target_{&target} {}

  void put_varint(std::uint64_t value) {
    std::byte encoded[10];
    std::size_t length = 0;
    for (; value >= 0x80; value >>= 7) encoded[length++] = static_cast<std::byte>(value | 0x80);
    encoded[length++] = static_cast<std::byte>(value);
    target_->insert(target_->end(), encoded, encoded + length);
  }

  template <class Word>
  void put_fixed(Word word) {
    std::byte encoded[sizeof word];
    std::memcpy(encoded, &word, sizeof word);
    target_->insert(target_->end(), encoded, encoded + sizeof word);
  }

  void put_raw(byte_view view) { target_->insert(target_->end(), view.begin(), view.end()); }

  /// A length and the bytes.
  void put_bytes(byte_view view) {
    put_varint(view.size());
    put_raw(view);
  }

 private:
  bytes* target_;
};

}  // namespace kith::wire
