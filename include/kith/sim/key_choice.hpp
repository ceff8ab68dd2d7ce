// Which keys the clients of a simulated run use: all alike, a few much more than the rest, or
// mostly the same one, which every member then holds and one writes.
#pragma once

#include <kith/core/random.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kith::sim {

enum class key_shape : std::uint8_t { even, zipf, hot };

[[nodiscard]] constexpr std::string_view to_string(key_shape shape) {
  constexpr std::string_view names[] = {"even", "zipf", "hot"};
  return names[static_cast<std::size_t>(shape)];
}

/// Of keys 0 to `keys` - 1.
struct key_choice {
  key_shape shape = key_shape::even;
  std::uint32_t keys = 1;

  [[nodiscard]] std::uint32_t draw(random_source& random) const {
    if (shape == key_shape::hot && random.below(10) > 0) return 0;
    if (shape == key_shape::zipf) return draw_zipf(random);
    return static_cast<std::uint32_t>(random.below(keys));
  }
  /// The hot key has one writer.
  [[nodiscard]] bool may_write(std::size_t member, std::uint32_t key) const {
    return shape != key_shape::hot || key != 0 || member == 0;
  }

 private:
  /// Key k with a weight of 1 / (k + 1).
  [[nodiscard]] std::uint32_t draw_zipf(random_source& random) const {
    constexpr std::uint64_t unit = 1 << 20;
    std::uint64_t all = 0;
    for (std::uint32_t key = 0; key < keys; ++key) all += unit / (key + 1);
    std::uint64_t left = random.below(all);
    std::uint32_t key = 0;
    for (; left >= unit / (key + 1); ++key) left -= unit / (key + 1);
    return key;
  }
};

}  // namespace kith::sim
