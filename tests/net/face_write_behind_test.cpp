// Caches whose store is written behind, over real sockets.
#include "face_support.hpp"

#include <kith/kith.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace face_test;

namespace {

using behind_options = kith::cache_options<std::string, std::string>;
using word_rows = std::vector<kith::write_row<std::string, std::string>>;

/// A table that takes many rows at a time, while it is up.
class bulk_table {
 public:
  void write(const word_rows& all) {
    const std::lock_guard lock{mutex_};
    ++calls;
    if (down) throw std::runtime_error{"the table is down"};
    for (const auto& each : all) rows_[each.key] = each.value;
    written += static_cast<int>(all.size());
  }
  std::optional<std::string> find(const std::string& key) {
    const std::lock_guard lock{mutex_};
    const auto found = rows_.find(key);
    return found == rows_.end() ? std::nullopt : found->second;
  }

  std::atomic<bool> down = false;
  std::atomic<int> calls = 0;
  std::atomic<int> written = 0;

 private:
  std::mutex mutex_;
  std::map<std::string, std::optional<std::string>> rows_;
};

behind_options storing_behind(bulk_table& table, std::chrono::milliseconds delay) {
  return {.backups = 1,
          .load = [&](const std::string& key) { return table.find(key); },
          .write_many = [&](const word_rows& all) { table.write(all); },
          .write_mode = kith::write_mode::behind,
          .write_behind = {.delay = delay, .retry_first = 1ms, .retry_longest = 10ms}};
}

}  // namespace

TEST_CASE("face: writes behind reach the store later, and fewer of them than there were") {
  bulk_table table;
  members all{2};
  const auto words = open_words(all, storing_behind(table, 20ms));
  for (int i = 0; i < 400; ++i) {
    words[static_cast<std::size_t>(i % 2)].put("word " + std::to_string(i % 20), std::to_string(i));
  }
  REQUIRE(wait_until([&] { return table.find("word 19") == "399"; }));
  for (int i = 380; i < 400; ++i) {
    const std::string key = "word " + std::to_string(i % 20);
    REQUIRE(wait_until([&] { return table.find(key) == std::to_string(i); }));
  }
  CHECK(table.written < 400);
}

TEST_CASE("face: what is owed to a store that is down is read back, and written when it is up") {
  bulk_table table;
  members all{1};
  const auto words = open_words(all, storing_behind(table, 1ms));
  table.down = true;
  words[0].put("a", "new");
  words[0].put("b", "gone");
  words[0].erase("b");
  REQUIRE(wait_until([&] { return table.calls > 2; }));
  words[0].clear();
  CHECK(*words[0].get("a") == "new");
  CHECK_FALSE(words[0].get("b"));
  CHECK(table.written == 0);
  table.down = false;
  REQUIRE(wait_until([&] { return table.find("a") == "new"; }));
}

TEST_CASE("face: the last member that ends writes what it owes") {
  bulk_table table;
  {
    members all{1};
    const auto words = open_words(all, storing_behind(table, 1h));
    for (int i = 0; i < 50; ++i) words[0].put(std::to_string(i), "x");
    CHECK(table.written == 0);
  }
  CHECK(table.written == 50);
}

TEST_CASE("face: a member that leaves has the others write what it owes") {
  bulk_table table;
  members all{2};
  const auto words = open_words(all, storing_behind(table, 1h));
  for (int i = 0; i < 50; ++i) words[0].put(std::to_string(i), "x");
  CHECK(table.written == 0);
  CHECK(all[0].leave());
  all.end(0);
  all.end(1);
  for (int i = 0; i < 50; ++i) CHECK(table.find(std::to_string(i)) == "x");
}
