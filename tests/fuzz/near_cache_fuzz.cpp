// A near cache beside a std::map that is told the same. Where nothing has to be evicted both know
// the same keys; where it has, what the cache still knows is what the map knows. Values in a
// reader's hands stay whole, whatever becomes of their entries.
//
//   settings   1: room for a few entries only; 2: all keys have one hash
//   then operations: a byte, and what it needs (see `step`)
#include <fuzz/fail.hpp>
#include <fuzz/script.hpp>

#include <kith/core/stable_hash.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/near_cache.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

using namespace kith;
using namespace kith::near;
using namespace std::chrono_literals;

namespace {

using cache_of = near_cache<std::uint32_t, std::string>;

/// Twelve keys: three of one hash, three of its partition, two of another hash, four of others.
std::uint64_t hash_of(std::uint32_t key) {
  static const std::array<std::uint64_t, 12> hashes = [] {
    std::array<std::uint64_t, 12> all{};
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i == 1 || i == 2 || i == 7) {
        all[i] = all[i - 1];
        continue;
      }
      do {
        all[i] = stable_hash_word(++word);
      } while (i > 2 && i < 6 && partition_of(all[i]) != partition_of(all[0]));
    }
    return all;
  }();
  return hashes[key % hashes.size()];
}

/// The partitions of all keys.
const std::set<partition_id>& partitions() {
  static const std::set<partition_id> used = [] {
    std::set<partition_id> all;
    for (std::uint32_t key = 0; key < 12; ++key) all.insert(partition_of(hash_of(key)));
    return all;
  }();
  return used;
}

std::string value_of(std::uint32_t key, std::uint64_t seq) {
  return "the value of " + std::to_string(key) + " at " + std::to_string(seq);
}

struct known {
  std::uint64_t seq = 0;
  std::uint64_t charge = 0;
  time_point expires;
};

struct settings {
  bool little_room = false;
  bool one_hash = false;

  /// Then what the map knows may be gone.
  [[nodiscard]] bool evicts() const { return little_room || one_hash; }
  [[nodiscard]] near_config config() const {
    return {.bytes_max = little_room ? 3000u : std::uint64_t{1} << 24, .salt = 11};
  }
};

class differential {
 public:
  explicit differential(settings of) : settings_{of}, cache_{std::in_place, of.config(), *gates_} {
    hear(now_);
  }

  void step(fuzz::script& in);
  void finish();

 private:
  static version at(std::uint64_t seq) { return {epoch{view_number{1}, 0}, sequence{seq}}; }
  [[nodiscard]] std::uint64_t hash(std::uint32_t key) const {
    return settings_.one_hash ? hash_of(0) : hash_of(key);
  }
  [[nodiscard]] partition_id partition(std::uint32_t key) const { return partition_of(hash(key)); }
  std::uint32_t key_from(fuzz::script& in) const {
    return static_cast<std::uint32_t>(in.choice(settings_.one_hash ? 256 : 12));
  }

  void hear(time_point when);
  void install(std::uint32_t key, std::uint64_t seq, std::uint64_t charge, time_point expires);
  void find(std::uint32_t key, duration max_age);
  void erase_older(std::uint32_t key, std::uint64_t seq);
  void drop_partition(partition_id p);
  void suspect(partition_id p, bool so);
  void keep(std::uint32_t key);

  settings settings_;
  std::unique_ptr<gates> gates_ = std::make_unique<gates>();
  std::optional<cache_of> cache_;
  time_point now_{1000s};
  time_point heard_{};
  std::map<std::uint32_t, known> map_;
  std::map<partition_id, bool> suspect_;
  std::map<std::uint32_t, std::pair<std::string, ref<std::string>>> kept_;
};

void differential::hear(time_point when) {
  heard_ = when;
  for (const partition_id p : partitions()) {
    gates_->partitions[index_of(p)].fresh = when.time_since_epoch().count();
    gates_->partitions[index_of(p)].suspect = false;
  }
  gates_->coordinator_fresh = when.time_since_epoch().count();
  suspect_.clear();
}

void differential::install(std::uint32_t key, std::uint64_t seq, std::uint64_t charge,
                           time_point expires) {
  const auto result = cache_->install(
      now_,
      cache_of::draft({.hash = hash(key), .version = at(seq), .charge = charge, .expires = expires},
                      key, value_of(key, seq)));
  const auto before = map_.find(key);
  const bool newer =
      before != map_.end() && now_ < before->second.expires && before->second.seq > seq;
  if (newer && !settings_.evicts()) {
    fuzz::expect(result == install_result::newer_present,
                 "an older value took a newer one's place");
  }
  // An evicted entry leaves no trace: what is older than it may come in again.
  if (result == install_result::newer_present) {
    fuzz::expect(newer, "a value was refused for a newer one that there is not");
  } else if (result == install_result::installed) {
    map_[key] = {seq, charge, expires};
  } else {
    fuzz::expect(settings_.evicts(), "no room for a value");
    map_.erase(key);
  }
}

void differential::find(std::uint32_t key, duration max_age) {
  const ref<std::string> found = cache_->find(hash(key), key, now_, max_age);
  const auto known = map_.find(key);
  const bool trusted = !suspect_[partition(key)] && now_ - heard_ <= max_age;
  const bool wanted =
      known != map_.end() && now_ < known->second.expires && (trusted || max_age == any_age);
  if (!found) return fuzz::expect(!wanted || settings_.evicts(), "a value is not found");
  fuzz::expect(wanted, "a value is found that should not be");
  fuzz::expect(*found == value_of(key, known->second.seq), "another value is found");
  fuzz::expect(found.version() == at(known->second.seq), "another version is found");
}

void differential::erase_older(std::uint32_t key, std::uint64_t seq) {
  cache_->erase_older(hash(key), at(seq));
  std::erase_if(
      map_, [&](const auto& one) { return hash(one.first) == hash(key) && one.second.seq < seq; });
}

void differential::drop_partition(partition_id p) {
  std::erase_if(map_, [&](const auto& one) { return partition(one.first) == p; });
}

void differential::suspect(partition_id p, bool so) {
  gates_->partitions[index_of(p)].suspect = so;
  suspect_[p] = so;
}

void differential::keep(std::uint32_t key) {
  ref<std::string> found = cache_->find(hash(key), key, now_, any_age);
  if (!found) return;
  std::string text = *found;
  kept_[key] = {std::move(text), std::move(found)};
}

void differential::step(fuzz::script& in) {
  constexpr std::size_t operations = 13;
  const std::size_t chosen = in.choice(operations);
  const std::uint32_t key = key_from(in);
  constexpr std::array<duration, 4> ages{any_age, 3s, 1s, 0s};
  switch (chosen) {
    case 0:
    case 1:
    case 2: {
      const std::uint64_t seq = in.byte();
      const std::uint64_t charge = 1 + std::uint64_t{in.byte()} * 8;
      const std::uint8_t life = in.byte();
      install(key, seq, charge, life == 0 ? never : now_ + life * 50ms);
      break;
    }
    case 3:
    case 4: find(key, ages[in.choice(ages.size())]); break;
    case 5: erase_older(key, in.byte()); break;
    case 6:
      cache_->clear(partition(key));
      drop_partition(partition(key));
      break;
    case 7:
      gates_->flush(partition(key));
      cache_->expect_dead();
      drop_partition(partition(key));
      break;
    case 8: now_ += key * 100ms; break;
    case 9: static_cast<void>(cache_->reclaim(now_, 1 + key)); break;
    case 10: suspect(partition(key), in.flag()); break;
    case 11: hear(now_); break;
    case 12: in.flag() ? keep(key) : static_cast<void>(kept_.erase(key)); break;
    default: break;
  }
  fuzz::expect(cache_->bytes() <= cache_->bytes_max(), "more bytes than allowed");
  if (!settings_.evicts()) find(key, any_age);
}

/// After all that ends has ended and was reclaimed, the counts are right too.
void differential::finish() {
  now_ += 1h;
  for (int i = 0; i < 100 && cache_->reclaim(now_, 1024); ++i) {
  }
  std::erase_if(map_, [this](const auto& one) { return one.second.expires <= now_; });
  std::map<partition_id, std::uint32_t> counts;
  std::uint64_t charges = 0;
  for (const auto& [key, one] : map_) {
    ++counts[partition(key)];
    charges += one.charge;
    find(key, any_age);
  }
  std::uint64_t living = 0;
  for (const partition_id p : partitions()) {
    living += gates_->entries(p);
    fuzz::expect(settings_.evicts() || gates_->entries(p) == counts[p], "a count is wrong");
  }
  fuzz::expect(living == cache_->size(), "what is held is not what is counted");
  if (!settings_.evicts()) fuzz::expect(charges == cache_->bytes(), "the sum of charges is wrong");
  cache_.reset();
  for (const auto& [key, one] : kept_) {
    fuzz::expect(one.first == *one.second, "a value changed in a reader's hands");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in{data, size};
  const std::uint8_t chosen = in.byte();
  differential both{{(chosen & 1) != 0, (chosen & 2) != 0}};
  constexpr int steps_max = 5000;
  for (int i = 0; i < steps_max && !in.over(); ++i) both.step(in);
  both.finish();
  return 0;
}
