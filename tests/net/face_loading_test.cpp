// What loaders may say, how long reads wait for them, and what is answered meanwhile.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

using pages = kith::cache<std::string, std::string>;
using page_options = kith::cache_options<std::string, std::string>;
using page_rows = std::vector<std::pair<std::string, std::string>>;

/// A call fails only where a test would.
[[nodiscard]] page_options patient_options() {
  page_options made;
  made.timeout = patience;
  return made;
}

[[nodiscard]] std::vector<std::string> page_names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("page" + std::to_string(i));
  return names;
}

/// A loader that waits until it may go on.
struct loader_gate {
  std::promise<void> opened;
  std::shared_future<void> open = opened.get_future().share();
  std::atomic<int> runs{0};
};

}  // namespace

TEST_CASE("loading: what a get_many finds absent goes to one call of the loader") {
  members all{1};
  std::mutex mutex;
  std::vector<std::size_t> calls;
  page_options options = patient_options();
  options.load_many = [&](const std::vector<std::string>& keys) {
    const std::lock_guard lock{mutex};
    calls.push_back(keys.size());
    page_rows rows;
    for (const std::string& key : keys) rows.emplace_back(key, "row of " + key);
    return rows;
  };
  const pages one_call = all[0].cache<std::string, std::string>("one call", options);
  const auto found = one_call.get_many(page_names(100));
  REQUIRE(found.size() == 100);
  for (const auto& [key, row] : found) CHECK(*row == "row of " + key);
  CHECK(calls == std::vector<std::size_t>{100});
  calls.clear();
  CHECK(one_call.get_many(page_names(100)).size() == 100);
  CHECK(calls.empty());
  CHECK(*one_call.get("alone") == "row of alone");
  CHECK(calls == std::vector<std::size_t>{1});

  calls.clear();
  options.loading.load_many_max = 40;
  const pages bounded = all[0].cache<std::string, std::string>("bounded", options);
  CHECK(bounded.get_many(page_names(100)).size() == 100);
  std::size_t sum = 0;
  for (const std::size_t each : calls) {
    CHECK(each <= 40);
    sum += each;
  }
  CHECK(calls.size() == 3);
  CHECK(sum == 100);
}

// Goal: the calls of loaders are bounded by what travels together, a frame a lane, and not by the
// number of keys. Method: counts apart for each member; the owner is fresh all the time, as what it
// would have to be asked again for would travel again.
TEST_CASE("loading: each owner loads its keys together and a ticket's holder too") {
  members all{2};
  struct tally {
    std::atomic<std::size_t> calls{0};
    std::atomic<std::size_t> keys{0};
  };
  const auto counted = [](tally& by) {
    page_options options;
    options.timeout = patience;
    options.near.max_staleness = patience;
    options.load_many = [&by](const std::vector<std::string>& keys) {
      ++by.calls;
      by.keys += keys.size();
      std::map<std::string, kith::loaded_value<std::string>> rows;
      for (const std::string& key : keys) rows[key] = {.value = "row"};
      return rows;
    };
    return options;
  };
  const auto names = page_names(200);
  const auto owned_here = [&](const pages& cache) {
    return static_cast<std::size_t>(std::ranges::count_if(names, [&](const std::string& key) {
      return cache.explain(key).owner == all[0].address();
    }));
  };
  tally mine;
  tally theirs;
  const pages here = all[0].cache<std::string, std::string>("both", counted(mine));
  const pages there = all[1].cache<std::string, std::string>("both", counted(theirs));
  CHECK(here.get_many(names).size() == 200);
  CHECK(mine.calls == 1);
  CHECK(mine.keys == owned_here(here));
  CHECK(theirs.calls <= kith::node::lane_count);
  CHECK(theirs.keys == 200 - mine.keys);

  tally both;
  const pages alone = all[0].cache<std::string, std::string>("tickets", counted(both));
  CHECK(alone.get_many(names).size() == 200);
  CHECK(both.calls <= 1 + kith::node::lane_count);
  CHECK(both.keys == 200);
}

TEST_CASE("loading: keys that a bulk loader forgets are absent and what it throws is for all") {
  members all{1};
  page_options options = patient_options();
  options.load_many = [](const std::vector<std::string>& keys) {
    if (keys.size() > 10) throw std::runtime_error{"too much at once"};
    return page_rows{{keys.front(), "first"}, {"nobody asked", "for it"}};
  };
  const pages some = all[0].cache<std::string, std::string>("some", options);
  CHECK(some.get_many(page_names(5)).size() == 1);
  CHECK_FALSE(some.contains("nobody asked"));
  std::string text;
  CHECK(error_of([&] { static_cast<void>(some.get_many(page_names(20))); }, &text) ==
        kith::errc::load_failed);
  CHECK(contains(text, "too much at once"));
}

TEST_CASE("loading: a loader says how long its row lives and whether it is kept at all") {
  members all{1};
  std::atomic<int> runs{0};
  page_options options = patient_options();
  options.ttl = 1h;
  options.load = [&](const std::string& key) -> kith::loaded_value<std::string> {
    ++runs;
    if (key == "not kept") return {.value = "row", .keep = false};
    return {.value = "row", .ttl = 1ms};
  };
  const pages rows = all[0].cache<std::string, std::string>("adaptive", options);
  CHECK(*rows.get("not kept") == "row");
  CHECK(*rows.get("not kept") == "row");
  CHECK(runs == 2);
  CHECK(*rows.get("short") == "row");
  CHECK(wait_until([&] { return !rows.contains("short"); }));
}

TEST_CASE("loading: the options' function says how long what is put or loaded lives") {
  members all{1};
  page_options options = patient_options();
  options.expiry = [](const std::string& key, const std::string&) -> std::optional<kith::duration> {
    if (contains(key, "short")) return 1ms;
    return std::nullopt;
  };
  options.load = [](const std::string&) { return std::string{"row"}; };
  const pages rows = all[0].cache<std::string, std::string>("own ends", options);
  rows.put("short", "x");
  rows.put("long", "x");
  rows.put("short with its own", "x", {.ttl = 1h});
  CHECK(*rows.get("short loaded") == "row");
  CHECK(wait_until([&] { return !rows.contains("short") && !rows.contains("short loaded"); }));
  CHECK(rows.contains("long"));
  CHECK(rows.contains("short with its own"));
}

TEST_CASE("loading: a read gives up at the hard timeout and the late row is kept") {
  loader_gate slow;
  members all{1};
  page_options options = patient_options();
  options.loading.hard_timeout = 20ms;
  options.load = [&](const std::string&) -> std::optional<std::string> {
    ++slow.runs;
    slow.open.wait();
    return "late";
  };
  const pages rows = all[0].cache<std::string, std::string>("hard", options);
  std::string text;
  CHECK(error_of([&] { static_cast<void>(rows.get("key")); }, &text) == kith::errc::load_failed);
  CHECK(contains(text, "in time"));
  slow.opened.set_value();
  CHECK(wait_until([&] { return rows.contains("key"); }));
  CHECK(*rows.get("key") == "late");
  CHECK(slow.runs == 1);
}

TEST_CASE("loading: a value whose time is over is answered at the soft timeout") {
  loader_gate slow;
  members all{2};
  page_options options = patient_options();
  options.ttl = 1ms;
  options.loading.stale_if_error = 1h;
  options.loading.soft_timeout = 10ms;
  options.load = [&](const std::string&) -> kith::loaded_value<std::string> {
    if (slow.runs++ == 0) return {.value = "old"};
    slow.open.wait();
    return {.value = "new", .ttl = 1h};
  };
  const pages rows = all[0].cache<std::string, std::string>("soft", options);
  static_cast<void>(all[1].cache<std::string, std::string>("soft", options));
  CHECK(*rows.get("key") == "old");
  CHECK(wait_until([&] {
    CHECK(*rows.get("key") == "old");
    return slow.runs == 2;
  }));
  CHECK(*rows.get("key") == "old");
  slow.opened.set_value();
  CHECK(wait_until([&] { return *rows.get("key") == "new"; }));
  CHECK(slow.runs == 2);
}

TEST_CASE("loading: while the loader throws the old value is answered and an erase ends that") {
  members all{1};
  std::atomic<int> runs{0};
  page_options options = patient_options();
  options.ttl = 1ms;
  options.loading.stale_if_error = 1h;
  options.load = [&](const std::string&) -> std::string {
    if (runs++ > 0) throw std::runtime_error{"no database"};
    return "old";
  };
  const pages rows = all[0].cache<std::string, std::string>("safe", options);
  CHECK(*rows.get("key") == "old");
  CHECK(wait_until([&] {
    CHECK(*rows.get("key") == "old");
    return runs > 1;
  }));
  rows.erase("key");
  std::string text;
  CHECK(error_of([&] { static_cast<void>(rows.get("key")); }, &text) == kith::errc::load_failed);
  CHECK(contains(text, "no database"));
}

TEST_CASE("loading: an owner without a loader has its old values loaded anew by a reader") {
  members all{2};
  page_options options = patient_options();
  options.loading.refresh_after = 1ms;
  const pages without = all[1].cache<std::string, std::string>("lent", options);
  options.load = [](const std::string&) { return std::string{"new"}; };
  const pages with = all[0].cache<std::string, std::string>("lent", options);
  for (const std::string& key : page_names(16)) with.put(key, "old");
  for (const std::string& key : page_names(16)) {
    CHECK(wait_until([&] { return *with.get(key, {.read = kith::read::owner}) == "new"; }));
  }
}

TEST_CASE("loading: options that make no sense are refused by their names") {
  members all{1};
  const auto refused = [&](auto&& set) {
    page_options options;
    options.ttl = 10s;
    set(options);
    std::string text;
    CHECK(error_of([&] { static_cast<void>(all[0].cache<std::string, std::string>("x", options)); },
                   &text) == kith::errc::invalid_option);
    return text;
  };
  using options = page_options&;
  CHECK(contains(refused([](options o) { o.idle = 0s; }), "idle"));
  CHECK(contains(refused([](options o) { o.ttl_jitter = 11s; }), "ttl_jitter"));
  CHECK(contains(refused([](options o) { o.loading.refresh_after = 10s; }), "refresh_after"));
  CHECK(contains(refused([](options o) { o.loading.negative_ttl = -1s; }), "negative_ttl"));
  CHECK(contains(refused([](options o) { o.loading.soft_timeout = 1s; }), "soft_timeout"));
  CHECK(contains(refused([](options o) {
          o.loading.stale_if_error = 1s;
          o.loading.soft_timeout = 2s;
          o.loading.hard_timeout = 1s;
        }),
                 "soft_timeout"));
  for (const double wrong : {0.0, 1.0 / 131072, 16.5, std::nan("")}) {
    CHECK(contains(refused([=](options o) { o.loading.early_refresh = wrong; }), "early_refresh"));
  }
  CHECK(contains(refused([](options o) { o.loading.load_many_max = 0; }), "load_many_max"));
}

// Method: plain reads, which near copies answer; these end, or nobody would ask the owner.
TEST_CASE("loading: reads that near copies answer have the entry refreshed all the same") {
  members all{2};
  std::atomic<bool> changed{false};
  page_options options = patient_options();
  options.near.local = true;
  options.loading.refresh_after = 20ms;
  options.load = [&](const std::string&) { return std::string{changed ? "new" : "old"}; };
  const pages here = all[0].cache<std::string, std::string>("kept", options);
  const pages there = all[1].cache<std::string, std::string>("kept", options);
  const auto both_read = [&](const char* wanted) {
    return *here.get("key") == wanted && *there.get("key") == wanted;
  };
  CHECK(wait_until([&] {
    return both_read("old") && here.stats().near_hits > 0 && there.stats().near_hits > 0;
  }));
  changed = true;
  CHECK(wait_until([&] { return both_read("new"); }));
}
