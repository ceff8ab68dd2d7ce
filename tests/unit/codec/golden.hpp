// Bytes as text, so that a test shows the encoding it fixes. The encodings are the wire's and what
// other members hold: a golden text that has to change is a new wire version.
#pragma once

#include <kith/codec.hpp>

#include <string>
#include <string_view>

namespace test {

inline std::string hex(kith::byte_view view) {
  std::string text;
  for (const std::byte b : view) {
    text += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
  }
  return text;
}

template <class T>
std::string golden(const T& value) {
  return hex(kith::encode(value));
}

/// Golden text may be spaced out by fields.
inline std::string packed(std::string_view spaced) {
  std::string text{spaced};
  std::erase(text, ' ');
  return text;
}

inline kith::bytes unhex(std::string_view spaced) {
  const std::string text = packed(spaced);
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  kith::bytes data;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    data.push_back(static_cast<std::byte>(nibble(text[i]) * 16 + nibble(text[i + 1])));
  }
  return data;
}

}  // namespace test
