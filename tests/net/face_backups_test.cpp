// Copies of entries on other members: what is lost when members end, leave and come, which is
// nothing.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <support/copies.hpp>

#include <kith/net/runtime.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

using backed_words = kith::cache<std::string, std::string>;
using backed_options = kith::cache_options<std::string, std::string>;
using backed_sums = kith::cache<std::string, std::int64_t>;

const backed_options one_backup{.backups = 1, .timeout = patience};
constexpr int backed_keys = 256;

/// Members that come and go. Each looks for those that run when it starts.
class changing_members {
 public:
  explicit changing_members(std::size_t size) {
    while (all_.size() < size) add();
    REQUIRE(settle(0));
  }
  kith::member& add(std::uint32_t weight = 100) {
    std::vector<kith::endpoint> others;
    for (const auto& each : all_) others.push_back(each->address());
    kith::member_options options = at(name_, std::move(others));
    options.weight = weight;
    options.leave_timeout = 4 * patience;
    all_.push_back(std::make_unique<kith::member>(std::move(options)));
    return *all_.back();
  }
  kith::member& operator[](std::size_t i) { return *all_[i]; }
  /// At once: the others have to do with the copies that they have.
  void end(std::size_t i) { all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i)); }

  /// Waits until all see each other, and that each partition has so many copies.
  [[nodiscard]] bool settle(std::size_t copies) {
    const auto settled = [&](const auto& each) {
      const auto view = each->runtime().view();
      return view && view->size() == all_.size() &&
             partitions_with_copies(*view, copies) == kith::partition_count;
    };
    return wait_until([&] { return std::ranges::all_of(all_, settled); }, 2 * patience);
  }

 private:
  const std::string name_ = cluster_name();
  std::vector<std::unique_ptr<kith::member>> all_;
};

[[nodiscard]] std::string backed_key(int i) { return "key" + std::to_string(i); }

void put_backed(const backed_words& cache) {
  for (int i = 0; i < backed_keys; ++i) cache.put(backed_key(i), std::to_string(i));
}

/// Those that are not what put_backed() put. Asks their owners.
[[nodiscard]] int lost_of(const backed_words& cache) {
  int lost = 0;
  for (int i = 0; i < backed_keys; ++i) {
    const auto value = cache.get(backed_key(i), {.read = kith::read::owner});
    lost += value && *value == std::to_string(i) ? 0 : 1;
  }
  return lost;
}

/// Does something again and again, on a thread of its own.
class repeated {
 public:
  explicit repeated(std::function<void()> once)
      : thread_{[this, act = std::move(once)] {
          for (; !stopping_; ++rounds_) act();
        }} {}
  ~repeated() { stop(); }
  repeated(const repeated&) = delete;
  repeated& operator=(const repeated&) = delete;

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] bool wait_for_rounds(std::uint64_t more) const {
    return wait_until([this, until = rounds_ + more] { return rounds_ >= until; }, 2 * patience);
  }

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> rounds_{0};
  std::thread thread_;
};

/// The only one that adds to its key, so each answer has to be what was acknowledged before and 1;
/// more by what may have been applied.
class adder {
 public:
  adder(backed_sums cache, std::string key) : cache_{std::move(cache)}, key_{std::move(key)} {}

  [[nodiscard]] repeated& running() { return running_; }
  /// After the end.
  void check() {
    running_.stop();
    CHECK(acknowledged_ > 0);
    CHECK(wrong_ == 0);
    const auto sum = cache_.get(key_, {.read = kith::read::owner});
    REQUIRE(sum);
    CHECK(fits(*sum));
  }

 private:
  [[nodiscard]] bool fits(std::int64_t sum) const {
    return sum >= acknowledged_ && sum <= acknowledged_ + unknown_;
  }
  void add() {
    try {
      const std::int64_t sum = cache_.add(key_, 1);
      ++acknowledged_;
      wrong_ += fits(sum) ? 0 : 1;
    } catch (const kith::error& failed) {
      unknown_ += failed.code() == kith::condition::maybe_applied ? 1 : 0;
    }
  }

  const backed_sums cache_;
  const std::string key_;
  std::int64_t acknowledged_ = 0;
  std::int64_t unknown_ = 0;
  std::int64_t wrong_ = 0;
  repeated running_{[this] { add(); }};
};

/// Puts growing numbers under keys of its own, one round after the other.
class counting_writer {
 public:
  explicit counting_writer(backed_words cache) : cache_{std::move(cache)} {}

  [[nodiscard]] repeated& running() { return running_; }
  /// After the end: `reader` finds what was acknowledged last, or what was tried after it.
  void check(const backed_words& reader) {
    running_.stop();
    for (std::size_t i = 0; i < acknowledged_.size(); ++i) {
      const auto value = reader.get(key(i), {.read = kith::read::owner});
      REQUIRE(value);
      CHECK(std::stoll(*value) >= acknowledged_[i]);
      CHECK(std::stoll(*value) <= tried_);
    }
  }

 private:
  [[nodiscard]] static std::string key(std::size_t i) { return "counted" + std::to_string(i); }
  void put_round() {
    ++tried_;
    for (std::size_t i = 0; i < acknowledged_.size(); ++i) {
      const kith::error_code failed = error_of([&] { cache_.put(key(i), std::to_string(tried_)); });
      if (!failed) acknowledged_[i] = tried_;
    }
  }

  const backed_words cache_;
  std::array<std::int64_t, 64> acknowledged_{};
  std::int64_t tried_ = 0;
  repeated running_{[this] { put_round(); }};
};

[[nodiscard]] std::string text_of_refusal(kith::member& by, const backed_options& options) {
  std::string text;
  const kith::error_code failed = error_of(
      [&] { static_cast<void>(by.cache<std::string, std::string>("refused", options)); }, &text);
  CHECK(failed == kith::errc::invalid_option);
  return text;
}

}  // namespace

TEST_CASE("backups: what was put is read when a member is gone, and when the next one is") {
  changing_members all{3};
  const auto first = all[0].cache<std::string, std::string>("words", one_backup);
  const auto last = all[2].cache<std::string, std::string>("words", one_backup);
  REQUIRE(all.settle(1));
  put_backed(first);
  all.end(1);
  CHECK(lost_of(first) == 0);
  CHECK(lost_of(last) == 0);
  REQUIRE(all.settle(1));
  all.end(0);
  CHECK(lost_of(last) == 0);
  CHECK(last.size() == backed_keys);
}

TEST_CASE("backups: an add whose owner is gone meanwhile is applied once") {
  changing_members all{3};
  const kith::cache_options<std::string, std::int64_t> options{.backups = 1, .timeout = patience};
  std::vector<backed_sums> caches;
  for (const std::size_t i : {0u, 2u}) {
    caches.push_back(all[i].cache<std::string, std::int64_t>("sums", options));
  }
  REQUIRE(all.settle(1));
  const kith::endpoint dying = all[1].address();
  std::vector<std::unique_ptr<adder>> adders;
  for (int i = 0; adders.size() < 4; ++i) {
    const backed_sums& by = caches[adders.size() % 2];
    if (by.explain(backed_key(i)).owner != dying) continue;
    adders.push_back(std::make_unique<adder>(by, backed_key(i)));
  }
  for (const auto& each : adders) REQUIRE(each->running().wait_for_rounds(20));
  all.end(1);
  for (const auto& each : adders) REQUIRE(each->running().wait_for_rounds(20));
  for (const auto& each : adders) each->check();
}

// Nobody waits for these copies, so what is read back was put before they were begun.
TEST_CASE("backups: copies that no write waits for are there when their owner is gone") {
  changing_members all{1};
  const backed_options options{.async_backups = 1, .timeout = patience};
  put_backed(all[0].cache<std::string, std::string>("words", options));
  all.add();
  all.add();
  const auto other = all[1].cache<std::string, std::string>("words", options);
  REQUIRE(all.settle(1));
  all.end(0);
  CHECK(lost_of(other) == 0);
}

TEST_CASE("backups: a read at a copy asks nobody, and is as new as what was acknowledged") {
  changing_members all{2};
  backed_options options = one_backup;
  options.near.enabled = false;
  const backed_words first = all[0].cache<std::string, std::string>("words", options);
  const backed_words second = all[1].cache<std::string, std::string>("words", options);
  put_backed(first);
  REQUIRE(all.settle(1));
  const auto asked = [&] {
    const kith::cache_stats now = second.stats();
    return std::pair{now.owner_hits, now.backup_hits};
  };
  for (int i = 0; i < backed_keys; ++i) REQUIRE(second.get(backed_key(i)));
  const auto [owned_or_asked, none] = asked();
  CHECK(owned_or_asked == backed_keys);
  CHECK(none == 0);
  for (int i = 0; i < backed_keys; ++i) {
    first.put(backed_key(i), "new");
    CHECK(*second.get(backed_key(i), {.read = kith::read::backup}) == "new");
  }
  const auto [owned, copied] = asked();
  CHECK(owned - owned_or_asked + copied == backed_keys);
  CHECK(copied > 0);
  // What the second owns it has no copy of; all that the first owns it has.
  std::uint64_t of_first = 0;
  for (int i = 0; i < backed_keys; ++i) {
    of_first += first.explain(backed_key(i)).owned ? 1 : 0;
  }
  CHECK(copied == of_first);
  first.erase("key1");
  CHECK_FALSE(second.get("key1", {.read = kith::read::backup}));
}

TEST_CASE("backups: a copy that no write waits for is not read") {
  changing_members all{2};
  const backed_options options{.async_backups = 1, .timeout = patience};
  const backed_words first = all[0].cache<std::string, std::string>("words", options);
  const backed_words second = all[1].cache<std::string, std::string>("words", options);
  put_backed(first);
  REQUIRE(all.settle(1));
  for (int i = 0; i < backed_keys; ++i) {
    CHECK(second.get(backed_key(i), {.read = kith::read::backup}));
  }
  CHECK(second.stats().backup_hits == 0);
}

TEST_CASE("backups: what a copy has not got is for the loader of its owner") {
  changing_members all{2};
  backed_options options = one_backup;
  options.load = [](const std::string& key) { return "of " + key; };
  const backed_words first = all[0].cache<std::string, std::string>("words", options);
  const backed_words second = all[1].cache<std::string, std::string>("words", options);
  REQUIRE(all.settle(1));
  for (int i = 0; i < 16; ++i) {
    CHECK(*second.get(backed_key(i), {.read = kith::read::backup}) == "of " + backed_key(i));
  }
}

TEST_CASE("backups: a member that joins while others write takes its share and loses nothing") {
  changing_members all{3};
  const auto first = all[0].cache<std::string, std::string>("words", one_backup);
  REQUIRE(all.settle(1));
  put_backed(first);
  counting_writer writer{first};
  REQUIRE(writer.running().wait_for_rounds(1));
  kith::member& fourth = all.add();
  const auto joined = fourth.cache<std::string, std::string>("words", one_backup);
  REQUIRE(all.settle(1));
  REQUIRE(wait_until([&] { return fourth.stats().lanes.partitions_owned > 0; }));
  REQUIRE(writer.running().wait_for_rounds(2));
  writer.check(joined);
  CHECK(lost_of(joined) == 0);
}

// Each leaves as soon as the one before it is back, however many copies there are again. One that
// has no weight keeps nothing and writes all the time.
TEST_CASE("backups: members that leave and come back one after the other lose no entry") {
  changing_members all{3};
  kith::member& client = all.add(0);
  const auto backed = client.cache<std::string, std::string>("words", one_backup);
  const auto plain = client.cache<std::string, std::string>("plain", {.timeout = patience});
  put_backed(plain);
  put_backed(backed);
  counting_writer writer{backed};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(all.settle(0));
    CHECK(all[0].leave());
    all.end(0);
    all.add();
    REQUIRE(writer.running().wait_for_rounds(1));
  }
  writer.check(backed);
  CHECK(lost_of(plain) == 0);
  CHECK(lost_of(backed) == 0);
}

// As in a rolling restart: what was near stays warm, whatever the size of its values.
TEST_CASE("backups: values that a member has near are not sent again when they moved as planned") {
  changing_members all{3};
  kith::member& client = all.add(0);
  const auto cache = client.cache<std::string, std::string>("words", one_backup);
  put_backed(cache);
  REQUIRE(all.settle(1));
  for (int i = 0; i < backed_keys; ++i) REQUIRE(cache.get(backed_key(i)));
  const std::uint64_t read_before = cache.stats().owner_hits;
  CHECK(all[0].leave());
  all.end(0);
  REQUIRE(all.settle(1));
  for (int i = 0; i < backed_keys; ++i) {
    const kith::ref<std::string> found = cache.get(backed_key(i));
    REQUIRE(found);
    CHECK(*found == std::to_string(i));
  }
  const std::uint64_t asked = cache.stats().owner_hits - read_before;
  CHECK(asked > backed_keys / 4);
  std::uint64_t unchanged = 0;
  for (const std::size_t i : {0, 1}) unchanged += all[i].stats().lanes.owner.validations_unchanged;
  CHECK(unchanged == asked);
}

namespace {

/// It says that it can be copied, and does not compile where it is.
struct branching {
  std::int64_t number = 0;
  std::vector<std::unique_ptr<branching>> below{};
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & number;
  }
};

}  // namespace

TEST_CASE("backups: values that can only be moved stay warm too") {
  changing_members all{2};
  kith::member& client = all.add(0);
  const auto cache =
      client.cache<std::string, branching>("trees", {.backups = 1, .timeout = patience});
  for (int i = 0; i < 16; ++i) cache.put(backed_key(i), {.number = i});
  REQUIRE(all.settle(1));
  for (int i = 0; i < 16; ++i) REQUIRE(cache.get(backed_key(i)));
  CHECK(all[0].leave());
  all.end(0);
  REQUIRE(all.settle(0));
  for (int i = 0; i < 16; ++i) CHECK(cache.get(backed_key(i))->number == i);
  CHECK(all[0].stats().lanes.owner.validations_unchanged > 0);
}

TEST_CASE("backups: a member leaves once and answers closed from then on") {
  changing_members all{2};
  const auto cache = all[0].cache<std::string, std::string>("words", one_backup);
  CHECK(all[0].leave());
  CHECK_FALSE(all[0].leave());
  CHECK(error_of([&] { cache.put("key", "value"); }) == kith::errc::closed);
}

TEST_CASE("backups: the only member waits for nobody when it leaves") {
  kith::member_options options = at(cluster_name());
  options.leave_timeout = 1h;
  kith::member alone{options};
  alone.cache<std::string, std::string>("words", one_backup).put("key", "value");
  CHECK(alone.leave());
}

TEST_CASE("backups: numbers of copies and times that cannot be are refused by their names") {
  kith::member alone{at(cluster_name())};
  CHECK(contains(text_of_refusal(alone, {.backups = -1}), "backups: "));
  CHECK(contains(text_of_refusal(alone, {.async_backups = 7}), "async_backups: "));
  CHECK(contains(text_of_refusal(alone, {.backups = 4, .async_backups = 3}), "async_backups: "));
  CHECK(alone.cache<std::string, std::string>("most", {.backups = 4, .async_backups = 2})
            .put("key", "value") != kith::version{});
  kith::member_options options = at(cluster_name());
  options.leave_timeout = 0s;
  std::string text;
  CHECK(error_of([&] { const kith::member refused{options}; }, &text) ==
        kith::errc::invalid_option);
  CHECK(contains(text, "leave_timeout: "));
}
