// A near cache that outlives its process: a member leaves with a snapshot, comes again, and asks
// owners what of it is still so.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

using warm_words = kith::cache<std::string, std::string>;

/// Long enough that bytes on the wire tell whether values travelled.
[[nodiscard]] std::string warm_text(const std::string& key) {
  return key + std::string(4000, 'x');
}

/// Owns what it is asked for, and stays.
class warm_pair {
 public:
  warm_pair() : name_{cluster_name()}, first_{std::make_unique<kith::member>(at(name_))} {
    // It owns nothing, so its restart takes no entry away.
    begin_second();
    owner_.emplace(open(*first_));
    for (int i = 0; i < 100; ++i) {
      keys_.push_back("key " + std::to_string(i));
      owner_->put(keys_.back(), warm_text(keys_.back()));
    }
  }
  /// The second member leaves, and another process of its kind comes.
  void restart() {
    second_.reset();
    begin_second();
  }
  [[nodiscard]] warm_words open(kith::member& of, const std::string& cache = "words") const {
    kith::cache_options<std::string, std::string> options;
    options.near.max_staleness = patience;  // nothing is asked again on a slow machine
    options.timeout = patience;
    return of.cache<std::string, std::string>(cache, options);
  }
  [[nodiscard]] warm_words reader() const { return open(*second_); }
  [[nodiscard]] warm_words& owner() { return *owner_; }
  [[nodiscard]] kith::member& first() { return *first_; }
  [[nodiscard]] kith::member& second() { return *second_; }
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }

 private:
  void begin_second() {
    kith::member_options options = at(name_, {first_->address()});
    options.weight = 0;
    second_ = std::make_unique<kith::member>(std::move(options));
    REQUIRE(wait_until([&] {
      return first_->members().size() == 2 && second_->members().size() == 2;
    }));
  }

  std::string name_;
  std::unique_ptr<kith::member> first_;
  std::unique_ptr<kith::member> second_;
  std::optional<warm_words> owner_;
  std::vector<std::string> keys_;
};

[[nodiscard]] std::string saved_near(const warm_words& cache, std::uint64_t entries) {
  std::ostringstream out;
  CHECK(cache.save_near(out) == entries);
  return out.str();
}

[[nodiscard]] std::uint64_t bytes_sent_by(const kith::member& which) {
  std::uint64_t bytes = 0;
  which.visit_stats([&](const kith::metric& one) {
    if (one.name == "peer_sent") bytes += one.value;
  });
  return bytes;
}

}  // namespace

TEST_CASE(
    "near warm: a member that comes again with its snapshot reads near what has not changed") {
  warm_pair pair;
  {
    const warm_words reader = pair.reader();
    CHECK(reader.get_many(pair.keys()).size() == 100);
  }
  const std::string snapshot = saved_near(pair.reader(), 100);
  pair.restart();
  const warm_words reader = pair.reader();
  pair.owner().put("key 0", "new");
  pair.owner().erase("key 1");
  const std::uint64_t before = bytes_sent_by(pair.first());
  std::istringstream from{snapshot};
  const kith::warm_result warm = reader.warm_near(from);
  const std::uint64_t sent = bytes_sent_by(pair.first()) - before;
  CHECK(warm.validated == 98);
  CHECK(warm.changed == 1);
  CHECK(warm.absent == 1);
  // Of 100 values of 4000 bytes none was sent but the short new one.
  CHECK(sent > 0);
  CHECK(sent < 40'000);
  CHECK(pair.owner().stats().owned_store.hits == 100);
  CHECK(pair.first().stats().lanes.owner.validations_unchanged == 98);
  CHECK(pair.second().stats().lanes.reader.installs_validated == 98);
  // What was written meanwhile is read as it is now, and the rest is near.
  CHECK(*reader.get("key 0") == "new");
  CHECK_FALSE(reader.get("key 1"));
  for (std::size_t i = 2; i < 100; ++i) {
    const kith::ref<std::string> found = reader.get(pair.keys()[i]);
    REQUIRE(found);
    CHECK(*found == warm_text(pair.keys()[i]));
  }
  CHECK(reader.stats().near_hits == 99);
  CHECK(reader.stats().owner_hits == 0);
  // And it stays true.
  pair.owner().put("key 2", "newer");
  CHECK(wait_until([&] { return *reader.get("key 2") == "newer"; }));
}

TEST_CASE("near warm: another cluster or cache refuses the snapshot and stays cold") {
  warm_pair pair;
  CHECK(pair.reader().get("key 1"));
  const std::string snapshot = saved_near(pair.reader(), 1);
  const auto refusal = [&](const warm_words& cache) {
    std::istringstream from{snapshot};
    std::string text;
    CHECK(error_of([&] { cache.warm_near(from); }, &text) == kith::errc::snapshot_failed);
    CHECK(cache.stats().near_warm.snapshots_refused == 1);
    CHECK(cache.stats().near_entries == 0);
    return text;
  };
  CHECK(contains(refusal(pair.open(pair.second(), "others")), "cache:"));
  warm_pair other;
  CHECK(contains(refusal(other.reader()), "cluster:"));
}

TEST_CASE("near warm: the hottest keys are those that were read since the others") {
  warm_pair pair;
  const warm_words reader = pair.reader();
  for (int i = 0; i < 10; ++i) CHECK(reader.get(pair.keys()[static_cast<std::size_t>(i)]));
  CHECK(reader.get("key 3"));
  CHECK(reader.get("key 7"));
  CHECK(reader.hottest(3) == std::vector<std::string>{"key 7", "key 3", "key 9"});
  CHECK(reader.hottest(100).size() == 10);
}

TEST_CASE("near warm: a thread that serves the network may not wait for it") {
  warm_pair pair;
  const warm_words reader = pair.reader();
  CHECK(reader.get("key 1"));
  const std::string snapshot = saved_near(reader, 1);
  std::promise<kith::error_code> told;
  reader.async_get("key 2", [&](kith::error_code, const kith::ref<std::string>&) {
    reader.set_near_max_bytes(1);  // so that there is something to ask about
    reader.set_near_max_bytes(1 << 20);
    std::istringstream from{snapshot};
    told.set_value(error_of([&] { reader.warm_near(from); }));
  });
  CHECK(told.get_future().get() == kith::errc::would_deadlock);
}
