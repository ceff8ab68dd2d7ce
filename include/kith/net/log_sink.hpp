// Where log records go: the user's callback, or lines of key=value on standard error for warnings
// and errors. What a peer causes is limited: a hostile one must not fill the disk.
#pragma once

#include <kith/core/log.hpp>
#include <kith/core/time.hpp>
#include <kith/net/clock.hpp>
#include <kith/wire/limits.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace kith::net {

/// Lines a second about errors of peers; the others are counted, and their number is told.
inline constexpr std::uint32_t peer_lines_a_second = 10;

/// `text` as it may be logged: bounded, in quotes where it is not one plain word.
[[nodiscard]] inline std::string log_value(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  bool plain = !text.empty();
  std::string shown;
  for (const char c : text.substr(0, wire::limits::text_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\') {
      plain = false;
      shown += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    } else {
      plain = plain && c != ' ' && c != '=';
      shown += c;
    }
  }
  return plain ? shown : '"' + shown + '"';
}

class log_sink {
 public:
  using callback = std::function<void(const log_record&)>;

  explicit log_sink(callback user) : user_{std::move(user)} {}

  /// Any thread, with no lock held. What the callback throws is dropped: it has nowhere to go.
  void write(const log_record& record) const noexcept {
    try {
      if (user_) return user_(record);
      if (record.level < log_level::warning) return;
      std::string line{"kith "};
      line += to_string(record.level);
      line += " event=" + log_value(record.event);
      for (const auto& [key, value] : record.fields) line += ' ' + key + '=' + log_value(value);
      line += '\n';
      std::fwrite(line.data(), 1, line.size(), stderr);
    } catch (...) {
    }
  }

  /// The same for what a peer caused, within peer_lines_a_second and one line more that says how
  /// many were left out.
  void write_about_peer(log_record record) noexcept {
    const std::int64_t second = second_now();
    if (second_.exchange(second, std::memory_order_relaxed) != second) {
      lines_.store(0, std::memory_order_relaxed);
      tell_left_out();
    }
    if (lines_.fetch_add(1, std::memory_order_relaxed) < peer_lines_a_second) {
      write(record);
    } else {
      left_out_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  /// To be called now and then: after lines were left out the next one may be long in coming.
  void tick() noexcept {
    if (second_now() != second_.load(std::memory_order_relaxed)) tell_left_out();
  }
  /// Writes how many lines were left out since that was told last, if any were: who reads the log
  /// is to know that there was more. Comes by itself once a second while peers make lines.
  void tell_left_out() noexcept {
    const std::uint64_t all = left_out();
    std::uint64_t told = told_.load(std::memory_order_relaxed);
    while (told < all) {
      if (!told_.compare_exchange_weak(told, all, std::memory_order_relaxed)) continue;
      return write_count(all - told);
    }
  }

  [[nodiscard]] std::uint64_t left_out() const {
    return left_out_.load(std::memory_order_relaxed);
  }

 private:
  static std::int64_t second_now() {
    return std::chrono::duration_cast<std::chrono::seconds>(now().time_since_epoch()).count();
  }
  void write_count(std::uint64_t lines) const noexcept {
    try {
      write({log_level::warning, "lines left out", {{"lines", std::to_string(lines)}}});
    } catch (...) {
    }
  }

  const callback user_;
  std::atomic<std::int64_t> second_{0};
  std::atomic<std::uint32_t> lines_{0};
  std::atomic<std::uint64_t> left_out_{0};
  /// Of those.
  std::atomic<std::uint64_t> told_{0};
};

}  // namespace kith::net
