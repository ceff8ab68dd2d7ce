#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/store/shard.hpp>
#include <kith/store/sieve.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using kith::time_point;
using kith::store::handle;
using kith::store::no_handle;
using kith::store::put_outcome;
using kith::store::removal;

namespace {

using text_shard = kith::store::shard<std::string, std::string>;
using event = std::pair<std::string, removal>;

text_shard make_shard(const kith::store::shard_config& config) {
  return text_shard{config, std::make_unique<kith::store::sieve>()};
}

std::uint64_t hash_of(std::string_view key) { return kith::stable_hash(kith::as_bytes(key)); }

/// A shard with the calls that tests make often, and a record of what left it.
struct fixture {
  explicit fixture(const kith::store::shard_config& config) : shard{make_shard(config)} {}

  auto log() {
    return [this](text_shard::entry_type& gone, removal cause) {
      events.emplace_back(gone.key() + '=' + gone.value(), cause);
    };
  }

  kith::store::put_result put(std::string_view key, std::string value, std::uint64_t charge,
                              time_point expires = kith::never) {
    return shard.insert_or_assign(now, hash_of(key), key, std::move(value), {charge, expires},
                                  log());
  }
  auto find(std::string_view key) { return shard.find(now, hash_of(key), key); }
  text_shard shard;
  time_point now{100s};
  std::vector<event> events;
};

}  // namespace

TEST_CASE("shard: a stored entry is found by a view of its key, with all it was given") {
  fixture f{{.bytes_max = 1000}};
  const auto put = f.put("key", "value", 40, f.now + 5s);
  CHECK(put.outcome == put_outcome::inserted);
  const auto hit = f.find("key");
  REQUIRE(hit);
  CHECK(hit.at == put.at);
  CHECK(hit->key() == "key");
  CHECK(hit->hash() == hash_of("key"));
  CHECK(hit->value() == "value");
  CHECK(hit->charge() == 40);
  CHECK(hit->expires() == f.now + 5s);
  CHECK_FALSE(f.find("kez"));
  CHECK(f.shard.bytes() == 40);
  CHECK(f.shard.counters().hits == 1);
  CHECK(f.shard.counters().misses == 1);
  CHECK(std::as_const(f.shard).peek(f.now, hash_of("key"), "key").at == put.at);
  CHECK(f.shard.counters().hits == 1);
}

TEST_CASE("shard: keys of one hash are told apart") {
  fixture f{{.bytes_max = 1000}};
  const auto one = f.shard.insert_or_assign(f.now, 7, "one", "1", {10}, f.log());
  const auto two = f.shard.insert_or_assign(f.now, 7, "two", "2", {10}, f.log());
  CHECK(one.at != two.at);
  CHECK(f.shard.find(f.now, 7, "one")->value() == "1");
  CHECK(f.shard.find(f.now, 7, "two")->value() == "2");
  f.shard.erase(one.at);
  CHECK_FALSE(f.shard.find(f.now, 7, "one"));
  CHECK(f.shard.find(f.now, 7, "two")->value() == "2");
}

TEST_CASE("shard: an update hands the old value out and keeps the handle") {
  fixture f{{.bytes_max = 1000}};
  const auto first = f.put("k", "old", 40, f.now + 1s);
  const auto second = f.put("k", "new", 60);
  CHECK(second.outcome == put_outcome::updated);
  CHECK(second.at == first.at);
  CHECK(f.events == std::vector<event>{{"k=old", removal::replaced}});
  CHECK(f.shard.bytes() == 60);
  CHECK_FALSE(f.shard.next_timeout());
  f.now += 1h;
  CHECK(f.find("k")->value() == "new");
}

TEST_CASE("shard: an expired entry is invisible at its instant and removed by expire") {
  fixture f{{.bytes_max = 1000}};
  f.put("k", "v", 40, f.now + 1s);
  f.now += 1s - 1ns;
  CHECK(f.find("k"));
  f.now += 1ns;
  CHECK_FALSE(f.find("k"));
  CHECK(f.shard.size() == 1);
  f.now += 2ms;
  CHECK(f.shard.next_timeout().has_value());
  CHECK(f.shard.expire(f.now, kith::store::turn_limit, f.log()) == 1);
  CHECK(f.events == std::vector<event>{{"k=v", removal::expired}});
  CHECK(f.shard.size() == 0);
  CHECK(f.shard.bytes() == 0);
}

TEST_CASE("shard: a put over an expired entry removes it as expired and is new") {
  fixture f{{.bytes_max = 1000}};
  f.put("k", "old", 40, f.now + 1s);
  f.now += 1s;
  CHECK(f.put("k", "new", 40).outcome == put_outcome::inserted);
  CHECK(f.events == std::vector<event>{{"k=old", removal::expired}});
}

TEST_CASE("shard: a time that is moved counts from then on") {
  fixture f{{.bytes_max = 1000}};
  const auto put = f.put("k", "v", 40, f.now + 1s);
  f.shard.set_expires(put.at, f.now + 10s);
  f.now += 5s;
  CHECK(f.shard.expire(f.now, 1000, f.log()) == 0);
  CHECK(f.find("k"));
  f.shard.set_expires(put.at, kith::never);
  f.now += 5h;
  CHECK(f.shard.expire(f.now, 1000, f.log()) == 0);
  CHECK(f.find("k"));
}

TEST_CASE("shard: what is larger than the budget is refused and changes nothing") {
  fixture f{{.bytes_max = 100}};
  CHECK(f.put("k", "v", 100).outcome == put_outcome::inserted);
  CHECK(f.put("k", "large", 101).outcome == put_outcome::refused);
  CHECK(f.put("other", "large", 101).outcome == put_outcome::refused);
  CHECK(f.find("k")->value() == "v");
  CHECK(f.events.empty());
  CHECK(f.shard.counters().refused == 2);
}

TEST_CASE("shard: room is made by expired entries first, then by the policy's victims") {
  fixture f{{.bytes_max = 100}};
  f.put("a", "1", 40);
  f.put("b", "2", 40, f.now + 1s);
  f.now += 2s;
  f.put("c", "3", 40);
  CHECK(f.events == std::vector<event>{{"b=2", removal::expired}});
  f.put("d", "4", 40);
  CHECK(f.events.back() == event{"a=1", removal::evicted});
  CHECK(f.shard.bytes() == 80);
}

TEST_CASE("shard: an update that outgrows the others evicts them") {
  fixture f{{.bytes_max = 100}};
  f.put("a", "1", 30);
  f.put("b", "2", 30);
  f.put("c", "3", 30);
  const auto put = f.put("c", "33", 100);
  CHECK(f.shard.bytes() <= 100);
  CHECK(f.shard.live(put.at) == (put.outcome == put_outcome::updated));
}

namespace {

/// A policy with admission that never wants the newcomer.
class refuses_newcomers final : public kith::store::policy {
 public:
  void on_limit(std::uint64_t) override {}
  void on_insert(handle at, kith::store::entry_facts) override { newest_ = at; }
  void on_access(handle) override {}
  void on_update(handle, kith::store::entry_facts) override {}
  void on_erase(handle, removal) override {}
  handle victim() override { return newest_; }

 private:
  handle newest_ = no_handle;
};

}  // namespace

TEST_CASE("shard: a policy may turn the newcomer away") {
  text_shard shard{{.bytes_max = 100}, std::make_unique<refuses_newcomers>()};
  const time_point now{};
  CHECK(shard.insert_or_assign(now, 1, "a", "1", {60}, shard.ignore).at == handle{0});
  std::vector<std::string> gone;
  const auto take = [&](auto& left, removal) { gone.push_back(std::move(left.value())); };
  const auto put = shard.insert_or_assign(now, 2, "b", "2", {60}, take);
  CHECK(put.outcome == put_outcome::dropped);
  CHECK(put.at == no_handle);
  CHECK(gone == std::vector<std::string>{"2"});
  CHECK(shard.find(now, 1, "a"));
  CHECK_FALSE(shard.find(now, 2, "b"));
}

TEST_CASE("shard: limits can be changed while it runs, and eviction can be paced") {
  fixture f{{.bytes_max = 1000, .entries_max = 8}};
  for (int i = 0; i < 10; ++i) f.put(std::to_string(i), "v", 10);
  CHECK(f.shard.size() == 8);
  f.shard.set_bytes_max(30);
  CHECK(f.shard.size() == 8);
  CHECK(f.shard.evict_to_budget(f.now, 2, f.log()) == 2);
  CHECK(f.shard.size() == 6);
  CHECK(f.shard.evict_to_budget(f.now, f.log()) == 3);
  CHECK(f.shard.bytes() == 30);
  f.shard.set_bytes_max(1000);
  f.shard.set_entries_max(1);
  CHECK(f.shard.evict_to_budget(f.now, f.log()) == 2);
  f.shard.set_entries_max(std::nullopt);
  for (int i = 0; i < 20; ++i) f.put(std::to_string(i), "v", 10);
  CHECK(f.shard.size() == 20);
}

TEST_CASE("shard: on the way to a lower limit an insertion evicts what it brings and no more") {
  fixture f{{.bytes_max = 1'000'000}};
  for (int i = 0; i < 1000; ++i) f.put(std::to_string(i), "v", 10);
  f.shard.set_bytes_max(100);
  f.put("new", "v", 30);
  CHECK(f.shard.bytes() == 10'000);
  CHECK(f.shard.size() == 998);
  CHECK(f.shard.bytes_in_force() == 10'000);
  CHECK(f.shard.above_budget());
  CHECK(f.shard.evict_to_budget(f.now, 500, f.log()) == 500);
  f.put("newer", "v", 10);
  CHECK(f.shard.bytes() == f.shard.bytes_in_force());
  f.shard.evict_to_budget(f.now, f.log());
  CHECK(f.shard.bytes() <= 100);
  CHECK_FALSE(f.shard.above_budget());
  CHECK(f.shard.bytes_in_force() == 100);
}

TEST_CASE("shard: eviction of so many bytes ends there, or at its bound, or with the last entry") {
  fixture f{{.bytes_max = 1'000'000}};
  for (int i = 0; i < 100; ++i) f.put(std::to_string(i), "v", 10);
  CHECK(f.shard.evict_bytes(f.now, 25, SIZE_MAX, f.log()) == 3);
  CHECK(f.shard.evict_bytes(f.now, 500, 7, f.log()) == 7);
  CHECK(f.shard.evict_bytes(f.now, 0, SIZE_MAX, f.log()) == 0);
  CHECK(f.shard.evict_bytes(f.now, UINT64_MAX, SIZE_MAX, f.log()) == 90);
  CHECK(f.shard.bytes() == 0);
}

TEST_CASE("shard: the room of those that left is kept for others and given back with the last") {
  fixture f{{.bytes_max = 1'000'000}};
  f.put("first", "v", 10);
  const std::uint64_t least = f.shard.structure_bytes();
  for (int i = 0; i < 5000; ++i) f.put(std::to_string(i), "v", 10);
  const std::uint64_t full = f.shard.structure_bytes();
  CHECK(full > 5000 * kith::store::owned_slot_bytes);
  f.shard.evict_bytes(f.now, f.shard.bytes() - 10, SIZE_MAX, f.log());
  CHECK(f.shard.size() == 1);
  CHECK(f.shard.structure_bytes() == full);
  f.shard.evict_bytes(f.now, 10, SIZE_MAX, f.log());
  CHECK(f.shard.structure_bytes() <= least);
  for (int i = 0; i < 1000; ++i) f.put(std::to_string(i), "v", 10);
  CHECK(f.shard.size() == 1000);
  CHECK(f.find("7"));
}

TEST_CASE("shard: entries are visited in order of handles, in pieces too") {
  fixture f{{.bytes_max = 1'000'000}};
  for (int i = 0; i < 1300; ++i) f.put(std::to_string(i), "v", 10);
  CHECK(f.shard.erase_if([](const auto& e) { return e.key().size() == 3; }, f.log()) == 900);
  CHECK(f.events.size() == 900);
  CHECK(f.events.front() == event{"100=v", removal::erased});
  std::vector<std::uint32_t> whole;
  f.shard.for_each([&](handle at, const auto&) { whole.push_back(index_of(at)); });
  REQUIRE(whole.size() == 400);
  CHECK(std::is_sorted(whole.begin(), whole.end()));
  std::vector<std::uint32_t> pieces;
  for (handle at = f.shard.first; at != no_handle;) {
    at = f.shard.scan(at, 7, [&](handle seen, const auto&) { pieces.push_back(index_of(seen)); });
  }
  CHECK(pieces == whole);
}

TEST_CASE("shard: late reports of reads by freed handles are harmless") {
  fixture f{{.bytes_max = 100}};
  const auto put = f.put("k", "v", 10);
  f.shard.erase(put.at);
  f.shard.access(put.at);
  f.shard.access(handle{12345});
  f.shard.access(no_handle);
  CHECK(f.shard.counters().erased == 1);
}

TEST_CASE("shard: keys of bytes are found by views, values may be move-only") {
  using near = kith::store::shard<kith::bytes, std::unique_ptr<int>, kith::store::bytes_equal>;
  near shard{{}, std::make_unique<kith::store::sieve>()};
  const kith::byte_view key = kith::as_bytes("key");
  shard.insert_or_assign(time_point{}, 1, kith::to_bytes(key), std::make_unique<int>(5),
                         {.charge = 10}, near::ignore);
  CHECK(*shard.find(time_point{}, 1, key)->value() == 5);
}

TEST_CASE("shard: the salt decides nothing that can be seen") {
  std::vector<std::vector<event>> runs;
  for (const std::uint64_t salt : {1u, 2u}) {
    kith::random_source random{5};
    fixture f{{.bytes_max = 500, .salt = salt}};
    for (int i = 0; i < 2000; ++i) {
      const std::string key = std::to_string(random.below(100));
      if (!f.find(key)) f.put(key, "v", 10 + random.below(30));
    }
    runs.push_back(f.events);
  }
  CHECK(runs[0] == runs[1]);
}
