// Snapshots of near caches, on members in virtual time: what comes back is what its owner still
// has, and a snapshot of anything else changes nothing.
#include <kith/near/snapshot.hpp>
#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ios>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

using words = kith::cache<std::string, std::string>;
using word_options = kith::cache_options<std::string, std::string>;

/// A member that owns keys, and one that reads them.
struct warmed {
  kith::sim::cluster cluster;
  word_options options;
  words owner;
  std::vector<std::string> keys;

  explicit warmed(std::size_t size, word_options with = {}, std::uint64_t name_hash = 0)
      : cluster{{.members = 2, .seed = 1, .name_hash = name_hash}},
        options{std::move(with)},
        owner{(cluster.run_until_stable(), open(0))} {
    words reader = open(1);
    for (int i = 0; keys.size() < size; ++i) {
      const std::string key = "key " + std::to_string(i);
      if (!owner.explain(key).owned) continue;
      keys.push_back(key);
      owner.put(key, value_of(key));
      REQUIRE(reader.get(key));
    }
  }

  [[nodiscard]] static std::string value_of(const std::string& key) { return "value of " + key; }
  [[nodiscard]] words open(std::size_t at, const std::string& name = "words") {
    return cluster.cache<std::string, std::string>(at, name, options);
  }
  [[nodiscard]] words reader() { return open(1); }
  [[nodiscard]] std::string snapshot() {
    std::ostringstream out;
    CHECK(reader().save_near(out) == keys.size());
    return out.str();
  }
  /// The reader's process ends, and another one begins with nothing.
  [[nodiscard]] words restart() {
    cluster.leave(1);
    cluster.start(1);
    cluster.run_until_stable();
    return reader();
  }
  /// Keys that the first member owns now; what it owned before the restart may be gone.
  [[nodiscard]] std::vector<std::string> kept_keys() {
    std::vector<std::string> kept;
    for (const std::string& key : keys) {
      if (owner.contains(key)) kept.push_back(key);
    }
    return kept;
  }
};

[[nodiscard]] kith::warm_result warm(const words& cache, const std::string& from) {
  std::istringstream in{from};
  return cache.warm_near(in);
}

[[nodiscard]] std::string refusal(const words& cache, const std::string& from) {
  try {
    static_cast<void>(warm(cache, from));
  } catch (const kith::error& wrong) {
    CHECK(wrong.code() == kith::errc::snapshot_failed);
    return wrong.what();
  }
  return "none";
}

[[nodiscard]] bool says(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

[[nodiscard]] std::uint64_t entries_of(const kith::warm_result& of) {
  return of.validated + of.changed + of.absent + of.not_kept + of.unanswered + of.skipped +
         of.left_out;
}

}  // namespace

TEST_CASE("near warming: what its owner still has is near again and was not sent") {
  warmed w{64};
  const std::string saved = w.snapshot();
  const words reader = w.restart();
  const std::vector<std::string> kept = w.kept_keys();
  REQUIRE(kept.size() > 8);
  const kith::warm_result done = warm(reader, saved);
  CHECK(done.validated == kept.size());
  CHECK(done.changed == 0);
  CHECK(entries_of(done) == w.keys.size());
  CHECK(reader.stats().near_warm.validated == kept.size());
  CHECK(reader.stats().near_warm.snapshots_warmed == 1);
  // No read was made by it, and each of these is a near hit.
  CHECK(reader.stats().hits() == 0);
  CHECK(reader.stats().misses() == 0);
  for (const std::string& key : kept) {
    const kith::ref<std::string> found = reader.get(key);
    REQUIRE(found);
    CHECK(*found == warmed::value_of(key));
  }
  CHECK(reader.stats().near_hits == kept.size());
}

TEST_CASE("near warming: what was written meanwhile comes from its owner and nothing old is read") {
  warmed w{64};
  const std::string saved = w.snapshot();
  const words reader = w.restart();
  const std::vector<std::string> kept = w.kept_keys();
  w.owner.put(kept[0], "new");
  w.owner.put(kept[1], warmed::value_of(kept[1]));
  w.owner.erase(kept[2]);
  const kith::warm_result done = warm(reader, saved);
  CHECK(done.changed == 2);
  CHECK(done.validated == kept.size() - 3);
  CHECK(done.absent == w.keys.size() - kept.size() + 1);
  CHECK(*reader.get(kept[0]) == "new");
  CHECK(reader.stats().near_hits == 1);
  CHECK_FALSE(reader.get(kept[2]));
  CHECK(reader.stats().near_hits == 1);
}

TEST_CASE("near warming: a warm value ends with the next write like any other") {
  warmed w{64};
  const std::string saved = w.snapshot();
  const words reader = w.restart();
  const std::string key = w.kept_keys().front();
  CHECK(warm(reader, saved).validated > 0);
  w.owner.put(key, "new");
  w.cluster.run_for(100ms);
  CHECK(*reader.get(key) == "new");
}

TEST_CASE("near warming: nothing is loaded and no owner counts a read") {
  word_options loading;
  int loads = 0;
  loading.load = [&](const std::string& key) -> std::optional<std::string> {
    ++loads;
    return warmed::value_of(key);
  };
  warmed w{32, loading};
  const std::string saved = w.snapshot();
  const words reader = w.restart();
  const std::vector<std::string> kept = w.kept_keys();
  w.owner.erase(kept[0]);
  const int before = loads;
  const kith::cache_stats counted = w.owner.stats();
  const kith::warm_result done = warm(reader, saved);
  CHECK(done.validated == kept.size() - 1);
  CHECK(loads == before);
  CHECK(w.owner.stats().owned_store.hits == counted.owned_store.hits);
  CHECK(w.owner.stats().owned_store.misses == counted.owned_store.misses);
}

TEST_CASE("near warming: what is in the near cache already is not asked about") {
  warmed w{16};
  const std::string saved = w.snapshot();
  const kith::warm_result done = warm(w.reader(), saved);
  CHECK(done.skipped == 16);
  CHECK(entries_of(done) == 16);
}

TEST_CASE("near warming: the hottest come first and nothing leaves to make room") {
  warmed w{64};
  words reader = w.reader();
  std::string saved;
  const std::string hot = w.keys[5];
  CHECK(reader.get(hot));
  CHECK(reader.hottest(1) == std::vector<std::string>{hot});
  saved = w.snapshot();
  const words again = w.restart();
  if (!w.owner.contains(hot)) w.owner.put(hot, warmed::value_of(hot));
  again.set_near_max_bytes(4096);
  const kith::warm_result done = warm(again, saved);
  CHECK(done.left_out > 0);
  CHECK(done.validated + done.changed + done.absent + done.not_kept > 0);
  CHECK(entries_of(done) == 64);
  CHECK(again.stats().near_store.evictions == 0);
  CHECK(again.stats().near_bytes <= 4096);
  // What was hot is hot again.
  CHECK(again.hottest(1) == std::vector<std::string>{hot});
}

TEST_CASE("near warming: a snapshot of something else is refused by name and changes nothing") {
  warmed w{8};
  const std::string saved = w.snapshot();
  const words reader = w.restart();
  const words others = w.open(1, "others");
  CHECK(says(refusal(others, saved), "cache: \"words\", here it is \"others\""));
  CHECK(others.stats().near_warm.snapshots_refused == 1);
  CHECK(others.stats().near_entries == 0);
  w.options.schema = 3;
  const words newer = w.open(1, "newer");
  std::ostringstream out;
  CHECK(newer.save_near(out) == 0);
  const auto header_of = [](std::uint64_t cluster, std::uint32_t schema, const char* key,
                            const char* value) {
    kith::near::snapshot::writer writer;
    kith::bytes all = writer.begin({cluster, "words", schema, key, value});
    const kith::bytes end = writer.end();
    all.insert(all.end(), end.begin(), end.end());
    return std::string{kith::as_text(all)};
  };
  const std::string tag{kith::codec_tag<std::string>()};
  CHECK(refusal(reader, header_of(0, 0, tag.c_str(), tag.c_str())) == "none");
  CHECK(says(refusal(reader, header_of(9, 0, tag.c_str(), tag.c_str())), "cluster:"));
  CHECK(says(refusal(reader, header_of(0, 3, tag.c_str(), tag.c_str())),
             "schema: \"3\", here it is \"0\""));
  CHECK(says(refusal(reader, header_of(0, 0, "int\n", tag.c_str())), "key: \"int?\""));
  CHECK(says(refusal(reader, header_of(0, 0, tag.c_str(), "other")), "value: \"other\""));
  CHECK(reader.stats().near_warm.snapshots_refused == 4);
  CHECK(reader.stats().near_entries == 0);
}

TEST_CASE("near warming: a snapshot that is cut off or damaged is refused and changes nothing") {
  warmed w{4};
  const std::string saved = w.snapshot();
  const words reader = w.restart();
  for (std::size_t size = 0; size < saved.size(); ++size) {
    CHECK(says(refusal(reader, saved.substr(0, size)), "it ends too early"));
  }
  for (std::size_t at = 0; at < saved.size(); at += 3) {
    std::string damaged = saved;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    CHECK(refusal(reader, damaged) != "none");
  }
  CHECK(reader.stats().near_entries == 0);
  CHECK(reader.stats().near_warm.snapshots_warmed == 0);
  CHECK(refusal(reader, saved) == "none");
}

TEST_CASE("near warming: streams that fail and arguments that are wrong are said") {
  warmed w{4};
  const words reader = w.reader();
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  CHECK_THROWS_AS(reader.save_near(out), kith::error);
  std::istringstream strict{"KithNe"};
  strict.exceptions(std::ios::failbit);
  CHECK_THROWS_AS(reader.warm_near(strict), kith::error);
  std::istringstream in;
  try {
    static_cast<void>(reader.warm_near(in, {.timeout = 0s}));
    CHECK(false);
  } catch (const kith::error& wrong) {
    CHECK(wrong.code() == kith::errc::invalid_argument);
    CHECK(says(wrong.what(), "timeout"));
  }
  w.options.near.enabled = false;
  const words none = w.open(1, "none");
  try {
    static_cast<void>(none.warm_near(in));
    CHECK(false);
  } catch (const kith::error& wrong) {
    CHECK(wrong.code() == kith::errc::invalid_argument);
    CHECK(says(wrong.what(), "near.enabled"));
  }
  CHECK(none.hottest(10).empty());
}

TEST_CASE("near warming: an owner that cannot be reached costs no more than the timeout") {
  warmed w{32};
  const std::string saved = w.snapshot();
  const words reader = w.restart();
  w.cluster.pause(0, 10s);
  const kith::time_point begun = w.cluster.time().now();
  std::istringstream in{saved};
  const kith::warm_result done = reader.warm_near(in, {.timeout = 1s});
  CHECK(w.cluster.time().now() - begun < 2s);
  CHECK(done.unanswered > 0);
  CHECK(done.validated == 0);
  CHECK(entries_of(done) == 32);
}

TEST_CASE("near warming: a member that is gone says so and may be saved from all the same") {
  warmed w{8};
  const std::string saved = w.snapshot();
  const words reader = w.reader();
  w.cluster.crash(1);
  std::istringstream in{saved};
  try {
    static_cast<void>(reader.warm_near(in));
    CHECK(false);
  } catch (const kith::error& wrong) {
    CHECK(wrong.code() == kith::errc::closed);
  }
  std::ostringstream out;
  CHECK_NOTHROW(reader.save_near(out));
}

// Goal: an old value is not taken for the present one where a version was given twice, as in two
// lives of a cluster. Method: a snapshot with other bytes under the owner's version.
TEST_CASE("near warming: other bytes under the same version are not taken for the value") {
  warmed w{4};
  const words reader = w.restart();
  const std::vector<std::string> kept = w.kept_keys();
  REQUIRE_FALSE(kept.empty());
  kith::near::snapshot::writer out;
  kith::bytes forged = out.begin({0, "words", 0, std::string{kith::codec_tag<std::string>()},
                                  std::string{kith::codec_tag<std::string>()}});
  const kith::version at = w.owner.get_versioned(kept[0]).version;
  const kith::bytes value = kith::encode(std::string{"something else"});
  for (const kith::bytes& piece :
       {out.append({kith::as_bytes(kept[0]), at, true, value}), out.end()}) {
    forged.insert(forged.end(), piece.begin(), piece.end());
  }
  const kith::warm_result done = warm(reader, std::string{kith::as_text(forged)});
  CHECK(done.changed == 1);
  CHECK(*reader.get(kept[0]) == warmed::value_of(kept[0]));
}

namespace {

/// Cannot be made where `refuses` says so.
struct moody {
  static inline bool refuses = false;
  std::string said;

  moody() {
    if (refuses) throw std::runtime_error{"not today"};
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive & said;
  }
};

}  // namespace

TEST_CASE("near warming: a type that throws costs its entries and holds up nobody") {
  kith::sim::cluster cluster{{.members = 2, .seed = 1}};
  cluster.run_until_stable();
  const auto open = [&](std::size_t at) { return cluster.cache<std::string, moody>(at, "moods"); };
  const auto owner = open(0);
  auto reader = open(1);
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 8; ++i) {
    const std::string key = "key " + std::to_string(i);
    if (!owner.explain(key).owned) continue;
    keys.push_back(key);
    moody value;
    value.said = key;
    owner.put(key, value);
    REQUIRE(reader.get(key));
  }
  std::stringstream saved;
  CHECK(reader.save_near(saved) == keys.size());
  reader.clear();
  for (const std::string& key : keys) {
    moody value;
    value.said = key;
    owner.put(key, value);
  }
  moody::refuses = true;
  const kith::warm_result done = reader.warm_near(saved);
  moody::refuses = false;
  CHECK(done.not_kept == keys.size());
  for (const std::string& key : keys) {
    const auto found = reader.get(key);
    REQUIRE(found);
    CHECK(found->said == key);
  }
}
