// What the tests of the façade share: members of one cluster in one process, found by their
// addresses alone, so that runs at the same time do not meet.
#pragma once

#include <support/patience.hpp>

#include <kith/kith.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace face_test {

using namespace std::chrono_literals;

/// A processor without a result.
struct clear_word {
  void operator()(kith::entry<std::string, std::string>& entry) const { entry.erase(); }
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

[[nodiscard]] inline std::string cluster_name() {
  static int number = 0;
  return "face-" + std::to_string(::getpid()) + '-' + std::to_string(++number) + '-' +
         std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
}

/// A member that looks for others at `seeds` only.
[[nodiscard]] inline kith::member_options at(const std::string& cluster,
                                             std::vector<kith::endpoint> seeds = {}) {
  kith::member_options made;
  made.cluster = cluster;
  made.discovery = {.loopback = false, .seeds = std::move(seeds)};
  return made;
}

class members {
 public:
  explicit members(std::size_t size) {
    const std::string name = cluster_name();
    add(at(name));
    while (all_.size() < size) add(at(name, {all_[0]->address()}));
    REQUIRE(wait_until([&] {
      for (const auto& each : all_) {
        if (each->members().size() != size) return false;
      }
      return true;
    }));
  }
  kith::member& operator[](std::size_t i) { return *all_[i]; }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  void end(std::size_t i) { all_[i].reset(); }

 private:
  void add(kith::member_options options) {
    all_.push_back(std::make_unique<kith::member>(std::move(options)));
  }
  std::vector<std::unique_ptr<kith::member>> all_;
};

/// The cache "words" of each member.
[[nodiscard]] inline std::vector<kith::cache<std::string, std::string>> open_words(
    members& all, const kith::cache_options<std::string, std::string>& options = {}) {
  std::vector<kith::cache<std::string, std::string>> caches;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("words", options));
  }
  return caches;
}

/// A value that may be written in a way that cannot be read.
struct fussy {
  static constexpr std::uint32_t unreadable = 666;
  std::uint32_t number = 0;
};

/// The error that `call` throws; success when it throws none.
template <class Call>
[[nodiscard]] kith::error_code error_of(Call&& call, std::string* text = nullptr) {
  try {
    call();
  } catch (const kith::error& wrong) {
    if (text != nullptr) *text = wrong.what();
    return wrong.code();
  }
  return {};
}

[[nodiscard]] inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace face_test

template <>
struct kith::codec<face_test::fussy> {
  static constexpr std::string_view tag = "fussy 1";
  static void write(const face_test::fussy& f, kith::byte_sink& out) { out.put(f.number); }
  static bool read(kith::byte_source& in, face_test::fussy& f) {
    return in.take(f.number) && f.number != face_test::fussy::unreadable;
  }
};
