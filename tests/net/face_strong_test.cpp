// Strong caches over real sockets: what is read near is never older than what was acknowledged, and
// whoever hears no majority answers nothing. Rules S1 to S8 of docs/coherence.md.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <process/proxy.hpp>
#include <support/copies.hpp>

#include <boost/asio/use_future.hpp>

#include <kith/net/runtime.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

using strong_numbers = kith::cache<std::string, std::int64_t>;
using strong_options = kith::cache_options<std::string, std::int64_t>;

constexpr std::size_t strong_size = 3;

[[nodiscard]] strong_options strong_with_backup() {
  return {.coherence = kith::coherence::strong, .backups = 1, .timeout = patience};
}

[[nodiscard]] kith::member_options strong_at(const std::string& cluster,
                                             std::vector<kith::endpoint> seeds = {}) {
  kith::member_options made = at(cluster, std::move(seeds));
  made.quorum = kith::quorum::majority;
  made.bootstrap_expect = strong_size;
  return made;
}

/// What is there; -1 for nothing. Asked again where it fails: a busy machine may stand still beyond
/// a fence.
[[nodiscard]] std::int64_t number_at(const strong_numbers& cache, const std::string& key) {
  constexpr std::int64_t nothing = -1;
  std::int64_t found = nothing;
  const bool answered = wait_until([&] {
    return !error_of([&] {
      const auto value = cache.get(key);
      found = value ? *value : nothing;
    });
  });
  return answered ? found : nothing;
}

/// Three members with a strong cache, each behind a proxy of its own that can stand still.
class strong_trio {
 public:
  explicit strong_trio(const kith::timing_options& timing = {}) {
    const std::string name = cluster_name();
    for (const auto& each : proxies_) doors_.push_back({"127.0.0.1", each.port()});
    for (std::size_t i = 0; i < strong_size; ++i) {
      kith::member_options options = strong_at(name, doors_);
      options.advertise = doors_[i];
      options.timing = timing;
      members_.push_back(std::make_unique<kith::member>(std::move(options)));
      proxies_[i].forward_to(members_[i]->address().port);
    }
    for (const auto& each : members_) {
      caches_.push_back(each->cache<std::string, std::int64_t>("numbers", strong_with_backup()));
    }
    REQUIRE(settled());
  }
  [[nodiscard]] const strong_numbers& cache(std::size_t i) const { return caches_[i]; }
  /// At once: it does not give away first what it has.
  void end(std::size_t i) { members_[i].reset(); }
  /// Nobody hears anybody, or all do again.
  void cut(bool off) {
    for (auto& each : proxies_) each.stand_still(off);
  }
  /// Each partition has its copy.
  [[nodiscard]] bool settled() const {
    return wait_until([&] {
      return std::ranges::all_of(members_, [&](const auto& each) {
        const auto view = each->runtime().view();
        return view && view->size() == strong_size &&
               partitions_with_copies(*view, 1) == kith::partition_count;
      });
    });
  }
  [[nodiscard]] std::string key_owned_by(std::size_t i) const {
    for (int n = 0;; ++n) {
      std::string key = "key" + std::to_string(n);
      if (caches_[0].explain(key).owner == doors_[i]) return key;
    }
  }

 private:
  std::array<process_test::proxy, strong_size> proxies_;
  std::vector<kith::endpoint> doors_;
  std::vector<std::unique_ptr<kith::member>> members_;
  std::vector<strong_numbers> caches_;
};

/// The highest number that anybody knows to be there: written and answered, or read.
class known_number {
 public:
  [[nodiscard]] std::int64_t now() const { return highest_; }
  void learn(std::int64_t number) {
    std::int64_t seen = highest_;
    while (seen < number && !highest_.compare_exchange_weak(seen, number)) {
    }
  }

 private:
  std::atomic<std::int64_t> highest_{0};
};

/// The field that the text of the refusal begins with.
template <class Call>
[[nodiscard]] std::string refused_field(Call&& call) {
  std::string text;
  CHECK(error_of(call, &text) == kith::errc::invalid_option);
  return text.substr(0, text.find(':'));
}

}  // namespace

TEST_CASE("strong face: a put that returned is seen by a near read of every other member") {
  const strong_trio all;
  const std::array keys{all.key_owned_by(0), all.key_owned_by(1), all.key_owned_by(2)};
  int old = 0;
  for (std::size_t i = 0; i < 300; ++i) {
    const std::string& key = keys[i % keys.size()];
    const auto number = static_cast<std::int64_t>(i);
    all.cache(i / 3 % strong_size).put(key, number);
    // The second read keeps the key near, so that the next put has to wait for it.
    for (int again = 0; again < 2; ++again) {
      for (std::size_t at = 0; at < strong_size; ++at) {
        old += number_at(all.cache(at), key) == number ? 0 : 1;
      }
    }
  }
  CHECK(old == 0);
  for (std::size_t at = 0; at < strong_size; ++at) CHECK(all.cache(at).stats().near_hits > 0);
}

TEST_CASE("strong face: readers on all members see no less than anybody has seen before") {
  const strong_trio all;
  const std::string key = all.key_owned_by(1);
  all.cache(0).put(key, 0);
  known_number known;
  std::atomic<bool> over{false};
  std::atomic<int> old{0};
  std::array<std::atomic<int>, strong_size> reads{};
  std::vector<std::thread> readers;
  for (std::size_t at = 0; at < strong_size; ++at) {
    readers.emplace_back([&, at] {
      for (; !over; ++reads[at]) {
        const std::int64_t before = known.now();
        const std::int64_t value = number_at(all.cache(at), key);
        if (value < before) ++old;
        known.learn(value);
      }
    });
  }
  for (int i = 1; i <= 200; ++i) {
    // With some reads between two writes the key is kept near, and has to be dropped.
    const std::array before{reads[0].load(), reads[1].load(), reads[2].load()};
    all.cache(0).put(key, i);
    known.learn(i);
    for (std::size_t at = 0; at < strong_size; ++at) {
      CHECK(wait_until([&] { return reads[at] >= before[at] + 4; }));
    }
  }
  over = true;
  for (std::thread& each : readers) each.join();
  CHECK(old == 0);
  CHECK(all.cache(0).stats().near_hits + all.cache(2).stats().near_hits > 0);
}

TEST_CASE("strong face: what was put is there when its owner is gone, and no older value") {
  strong_trio all;
  const std::string key = all.key_owned_by(1);
  for (int i = 1; i <= 20; ++i) {
    all.cache(0).put(key, i);
    CHECK(number_at(all.cache(2), key) == i);
  }
  all.end(1);
  CHECK(number_at(all.cache(2), key) == 20);
  all.cache(2).put(key, 21);
  CHECK(number_at(all.cache(0), key) == 21);
}

// The proxies stand still, so each member is alone.
TEST_CASE("strong face: who hears no majority fails, and serves again after the cut") {
  strong_trio all{kith::timing_options::fast()};
  const std::string key = all.key_owned_by(1);
  all.cache(0).put(key, 1);
  for (std::size_t at = 0; at < strong_size; ++at) CHECK(number_at(all.cache(at), key) == 1);
  all.cut(true);
  for (std::size_t at = 0; at < strong_size; ++at) {
    for (const kith::read from : {kith::read::near, kith::read::owner}) {
      CHECK(wait_until([&] {
        return error_of([&] {
                 static_cast<void>(all.cache(at).get(key, {.read = from, .timeout = 50ms}));
               }) != kith::error_code{};
      }));
    }
    CHECK(error_of([&] { all.cache(at).put(key, 2, {.timeout = 50ms}); }) != kith::error_code{});
  }
  all.cut(false);
  REQUIRE(wait_until([&] { return !error_of([&] { all.cache(1).put(key, 3); }); }));
  // What was tried meanwhile may have been applied late, or never.
  for (std::size_t at = 0; at < strong_size; ++at) {
    const std::int64_t value = number_at(all.cache(at), key);
    CHECK((value == 3 || value == 2));
  }
}

TEST_CASE("strong face: a copy is not read") {
  strong_trio all{kith::timing_options::fast()};
  const std::string key = all.key_owned_by(1);
  all.cache(0).put(key, 1);
  for (std::size_t at = 0; at < strong_size; ++at) {
    CHECK(error_of([&] {
            static_cast<void>(all.cache(at).get(key, {.read = kith::read::backup}));
          }) == kith::errc::invalid_argument);
    auto later = all.cache(at).async_get(key, {.read = kith::read::backup},
                                         boost::asio::use_future);
    kith::error_code told;
    try {
      static_cast<void>(later.get());
    } catch (const boost::system::system_error& why) {
      told = why.code();
    }
    CHECK(told == kith::errc::invalid_argument);
  }
}

TEST_CASE("strong face: options that cannot hold are refused by their names") {
  kith::member without_quorum{at(cluster_name())};
  kith::member_options alone = strong_at(cluster_name());
  alone.bootstrap_expect = 1;
  kith::member with_quorum{std::move(alone)};
  const auto refused = [](kith::member& by, const strong_options& options) {
    return refused_field(
        [&] { static_cast<void>(by.cache<std::string, std::int64_t>("refused", options)); });
  };
  CHECK(refused(without_quorum, strong_with_backup()) == "coherence");
  strong_options options = strong_with_backup();
  options.backups = 0;
  CHECK(refused(with_quorum, options) == "backups");
  options = strong_with_backup();
  options.async_backups = 1;
  CHECK(refused(with_quorum, options) == "async_backups");
  options = strong_with_backup();
  options.load = [](const std::string&) { return std::optional<std::int64_t>{}; };
  CHECK(refused(with_quorum, options) == "load");
  options = strong_with_backup();
  options.write_many = [](const std::vector<kith::write_row<std::string, std::int64_t>>&) {};
  options.write_mode = kith::write_mode::behind;
  CHECK(refused(with_quorum, options) == "write_mode");
  options = strong_with_backup();
  options.merge_policy = kith::merge_policy::newest;
  CHECK(refused(with_quorum, options) == "merge_policy");
  options = strong_with_backup();
  options.merge = [](const std::string&, const std::int64_t*, const std::int64_t* ours) {
    return ours == nullptr ? std::nullopt : std::optional{*ours};
  };
  CHECK(refused(with_quorum, options) == "merge");
  // What was refused left nothing behind.
  with_quorum.cache<std::string, std::int64_t>("refused", strong_with_backup()).put("key", 1);
}

TEST_CASE("strong face: a cache is strong at all members or at none") {
  kith::member_options options = strong_at(cluster_name());
  options.bootstrap_expect = 2;
  kith::member first{options};
  options.discovery.seeds = {first.address()};
  kith::member second{options};
  const auto strong = first.cache<std::string, std::int64_t>("numbers", strong_with_backup());
  strong_options other = strong_with_backup();
  other.coherence = kith::coherence::eventual;
  std::string text;
  CHECK(error_of(
            [&] { static_cast<void>(second.cache<std::string, std::int64_t>("numbers", other)); },
            &text) == kith::errc::config_mismatch);
  CHECK(contains(text, "coherence"));
}

TEST_CASE("strong face: times that contradict each other are refused by their names") {
  const auto refused = [](const kith::timing_options& timing) {
    kith::member_options options = at(cluster_name());
    options.timing = timing;
    return refused_field([&] { const kith::member none{options}; });
  };
  kith::timing_options timing;
  timing.heartbeat = 10ms;
  CHECK(refused(timing) == "timing.heartbeat");
  timing = {};
  timing.fence = 2 * timing.heartbeat;
  CHECK(refused(timing) == "timing.fence");
  timing = {};
  timing.lease = 299ms;
  CHECK(refused(timing) == "timing.lease");
  timing = {};
  timing.silence = timing.fence;
  CHECK(refused(timing) == "timing.silence");
}

TEST_CASE("strong face: members of different timing do not join each other") {
  const std::string name = cluster_name();
  kith::member_options options = at(name);
  options.timing = kith::timing_options::fast();
  kith::member fast{options};
  kith::member normal{at(name, {fast.address()})};
  options.discovery.seeds = {normal.address(), fast.address()};
  kith::member companion{options};
  CHECK(wait_until([&] { return companion.members().size() == 2; }));
  CHECK(wait_until([&] { return fast.members() == companion.members(); }));
  CHECK(wait_until([&] { return normal.members().size() == 1; }));
  CHECK(normal.members() == std::vector<kith::endpoint>{normal.address()});
}
