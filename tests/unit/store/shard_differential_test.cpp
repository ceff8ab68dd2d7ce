// The shard against a std::map over random operations; a run is replayed by its seed.
#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/store/shard.hpp>
#include <kith/store/sieve.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using kith::time_point;
using kith::store::handle;
using kith::store::put_outcome;
using kith::store::removal;

namespace {

using text_shard = kith::store::shard<std::string, std::string>;

std::uint64_t hash_of_key(std::string_view key) { return kith::stable_hash(kith::as_bytes(key)); }

struct model_entry {
  std::string value;
  std::uint64_t charge;
  time_point expires;
};

/// The shard beside a std::map that knows neither policy nor wheel: what leaves for room is checked
/// for being allowed, not predicted.
class differential {
 public:
  explicit differential(std::uint64_t seed)
      : random_{seed}, shard_{{.bytes_max = limit_, .entries_max = 40, .salt = seed},
               std::make_unique<kith::store::sieve>()} {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      one_step();
      REQUIRE(shard_.size() == model_.size());
      REQUIRE(shard_.bytes() == sum());
    }
    const auto& c = shard_.counters();
    CHECK(c.inserts - c.evictions - c.expirations - c.erased == shard_.size());
    CHECK(c.evictions > 0);
    CHECK(c.expirations > 0);
  }

  std::uint64_t digest() const { return digest_; }

 private:
  auto note() {
    return [this](text_shard::entry_type& gone, removal cause) {
      const auto known = model_.find(gone.key());
      REQUIRE(known != model_.end());
      REQUIRE(known->second.value == gone.value());
      if (cause == removal::expired) REQUIRE(known->second.expires <= now_);
      digest_ = kith::stable_hash_combine(digest_, gone.hash() + static_cast<unsigned>(cause));
      if (cause != removal::replaced) model_.erase(known);
    };
  }

  void one_step() {
    const std::string key = std::to_string(random_.below(80));
    const std::uint64_t dice = random_.below(100);
    if (dice < 40) {
      put(key);
    } else if (dice < 65) {
      find(key);
    } else if (dice < 72) {
      if (const auto hit = shard_.peek(now_, hash_of_key(key), key)) shard_.erase(hit.at, note());
    } else if (dice < 77) {
      if (const auto hit = shard_.peek(now_, hash_of_key(key), key)) move_time(hit.at);
    } else if (dice < 87) {
      now_ += kith::duration{static_cast<std::int64_t>(random_.below(20'000'000))};
    } else if (dice < 94) {
      expire();
    } else if (dice < 97) {
      resize();
    } else {
      const std::uint64_t digit = random_.below(200);
      shard_.erase_if([&](const auto& e) { return e.hash() % 200 == digit; }, note());
    }
  }

  time_point any_time() {
    if (random_.below(2) == 0) return kith::never;
    return now_ + kith::duration{static_cast<std::int64_t>(random_.below(200'000'000))};
  }

  void put(const std::string& key) {
    const model_entry next{std::to_string(random_.next()), random_.between(1, 150), any_time()};
    const auto known = model_.find(key);
    const bool fresh = known == model_.end() || known->second.expires <= now_;
    // The model learns of the newcomer when its value is the current one: for an update that is
    // after the old value was handed out.
    bool stored = false;
    const auto store = [&] {
      model_[key] = next;
      stored = true;
    };
    const auto inner = note();
    const auto put = shard_.insert_or_assign(
        now_, hash_of_key(key), key, next.value, {next.charge, next.expires},
        [&](text_shard::entry_type& gone, removal cause) {
          const bool own = gone.key() == key && !stored;
          if (!own && !stored) store();
          inner(gone, cause);
          if (own) store();
        });
    if (put.outcome == put_outcome::refused) {
      REQUIRE(next.charge > shard_.bytes_max());
      REQUIRE_FALSE(stored);
      return;
    }
    if (!stored) store();
    REQUIRE((put.outcome == put_outcome::dropped) == (model_.count(key) == 0));
    if (put.outcome == put_outcome::inserted) REQUIRE(fresh);
    if (put.outcome == put_outcome::updated) REQUIRE_FALSE(fresh);
    REQUIRE(shard_.bytes() <= shard_.bytes_max());
    REQUIRE(shard_.size() <= 40);
  }

  void find(const std::string& key) {
    const auto hit = shard_.find(now_, hash_of_key(key), key);
    const auto known = model_.find(key);
    const bool visible = known != model_.end() && known->second.expires > now_;
    REQUIRE(static_cast<bool>(hit) == visible);
    if (!visible) return;
    REQUIRE(hit->value() == known->second.value);
    REQUIRE(hit->charge() == known->second.charge);
    REQUIRE(hit->expires() == known->second.expires);
  }

  void move_time(handle at) {
    const time_point moved = any_time();
    shard_.set_expires(at, moved);
    model_[shard_[at].key()].expires = moved;
  }

  void expire() {
    const std::size_t work = random_.below(3) == 0 ? 3 : 100'000;
    shard_.expire(now_, work, note());
    if (work == 3) return;
    const kith::duration tick{1 << 20};
    for (const auto& [key, left] : model_) REQUIRE(left.expires + tick > now_);
  }

  void resize() {
    shard_.set_bytes_max(random_.between(100, limit_));
    shard_.evict_to_budget(now_, note());
    REQUIRE(shard_.bytes() <= shard_.bytes_max());
  }

  std::uint64_t sum() const {
    std::uint64_t bytes = 0;
    for (const auto& [key, e] : model_) bytes += e.charge;
    return bytes;
  }

  static constexpr std::uint64_t limit_ = 3000;
  kith::random_source random_;
  text_shard shard_;
  std::map<std::string, model_entry> model_;
  time_point now_{1s};
  std::uint64_t digest_ = 0;
};

}  // namespace

TEST_CASE("shard: random operations agree with a map") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    differential{seed}.run(3000);
  }
}

// The same run on every compiler and library: what left, why, in which order.
TEST_CASE("shard: golden digest of a run") {
  differential run{42};
  run.run(5000);
  CHECK(run.digest() == 13234099069951965336u);
}
