// Caches with a store, over real sockets: what is written where, and what callers are told.
#include "face_support.hpp"

#include <kith/kith.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace face_test;

namespace {

using word_options = kith::cache_options<std::string, std::string>;

/// A table whose rows have a fence, as a database would keep them. An erased row stays, without a
/// value: its fence is needed.
class fenced_table {
 public:
  void write(const std::string& key, const std::optional<std::string>& value,
             const kith::write_fence& fence) {
    const std::lock_guard lock{mutex_};
    row& at = rows_[key];
    if (at.fence >= fence.text()) {
      ++rejected;
      throw kith::write_refused{"a later owner has written the row"};
    }
    at = {value, fence.text()};
    ++written;
  }
  std::optional<std::string> find(const std::string& key) {
    const std::lock_guard lock{mutex_};
    ++asked;
    const auto found = rows_.find(key);
    return found == rows_.end() ? std::nullopt : found->second.value;
  }

  std::atomic<int> written = 0;
  std::atomic<int> rejected = 0;
  std::atomic<int> asked = 0;

 private:
  struct row {
    std::optional<std::string> value;
    std::string fence;
  };
  std::mutex mutex_;
  std::map<std::string, row> rows_;
};

word_options storing(fenced_table& table) {
  return {.load = [&](const std::string& key) { return table.find(key); },
          .write = [&](const std::string& key, const std::optional<std::string>& value,
                       const kith::write_fence& fence) { table.write(key, value, fence); }};
}

kith::errc code_of(const std::function<void()>& run, std::string* text = nullptr) {
  try {
    run();
  } catch (const kith::error& thrown) {
    if (text != nullptr) *text = thrown.what();
    return static_cast<kith::errc>(thrown.code().value());
  }
  return {};
}

}  // namespace

TEST_CASE("face: what is put and erased through a cache is in its store when the call returns") {
  fenced_table table;
  members all{2};
  const auto words = open_words(all, storing(table));
  for (int i = 0; i < 40; ++i) {
    const std::string key = "word " + std::to_string(i);
    words[static_cast<std::size_t>(i % 2)].put(key, "one");
    CHECK(table.find(key) == "one");
    CHECK(*words[1].get(key) == "one");
    words[0].erase(key);
    CHECK(table.find(key) == std::nullopt);
    CHECK_FALSE(words[0].get(key));
  }
  CHECK(table.written == 80);
  CHECK(table.rejected == 0);
  words[0].put("number", "new");
  words[0].clear();
  words[1].put("invalid", "new");
  words[0].invalidate("invalid");
  CHECK(table.find("invalid") == "new");
  CHECK(*words[0].get("invalid") == "new");
  CHECK(table.find("number") == "new");
  CHECK(*words[1].get("number") == "new");
}

TEST_CASE("face: what a writer throws says whether the write may have been done") {
  members all{1};
  std::atomic<int> mode = 0;
  const auto words =
      open_words(all, {.write = [&](const std::string&, const std::optional<std::string>&,
                                    const kith::write_fence&) {
                   if (mode == 1) throw kith::write_refused{"the row is locked"};
                   if (mode == 2) throw std::runtime_error{"the line is down"};
                 }});
  words[0].put("a", "old");
  mode = 1;
  std::string text;
  CHECK(code_of([&] { words[0].put("a", "new"); }, &text) == kith::errc::write_failed);
  CHECK(text.find("the row is locked") != std::string::npos);
  CHECK(*words[0].get("a") == "old");
  mode = 2;
  CHECK(code_of([&] { words[0].put("a", "new"); }, &text) == kith::errc::write_uncertain);
  CHECK(text.find("the line is down") != std::string::npos);
  CHECK_FALSE(words[0].get("a"));
  mode = 0;
  words[0].put("a", "newer");
  CHECK(*words[0].get("a") == "newer");
}

TEST_CASE("face: a writer that hangs leaves the outcome uncertain, and ends later for nobody") {
  std::promise<void> go_on;
  members all{1};
  {
    const auto words =
        open_words(all, {.write = [held = go_on.get_future().share()](
                                      const std::string&, const std::optional<std::string>&,
                                      const kith::write_fence&) { held.wait(); },
                         .write_timeout = 50ms});
    CHECK(code_of([&] { words[0].put("a", "new"); }) == kith::errc::write_uncertain);
    go_on.set_value();
    words[0].put("a", "newer");
    CHECK(*words[0].get("a") == "newer");
  }
}

TEST_CASE("face: an owner that never opened the cache says that it has no writer") {
  fenced_table table;
  members all{2};
  const auto words = all[0].cache<std::string, std::string>("words", storing(table));
  int refused = 0;
  for (int i = 0; i < 64; ++i) {
    const std::string key = std::to_string(i);
    std::string text;
    const kith::errc code = code_of([&] { words.put(key, "x"); }, &text);
    if (code == kith::errc{}) continue;
    CHECK(code == kith::errc::write_failed);
    CHECK(text.find("has not opened the cache") != std::string::npos);
    CHECK(table.find(key) == std::nullopt);
    ++refused;
  }
  CHECK(refused > 0);
  CHECK(refused + table.written == 64);
}

TEST_CASE("face: that a cache has a store is agreed on") {
  fenced_table table;
  members all{2};
  const auto words = all[0].cache<std::string, std::string>("words", storing(table));
  std::string text;
  const auto open = [&] { static_cast<void>(all[1].cache<std::string, std::string>("words")); };
  CHECK(code_of(open, &text) == kith::errc::config_mismatch);
  CHECK(text.find("write") != std::string::npos);
}

TEST_CASE("face: options of writing that make no sense are refused by name") {
  members all{1};
  const auto refusal = [&](word_options options) {
    std::string text;
    const auto open = [&] { static_cast<void>(open_words(all, options)); };
    CHECK(code_of(open, &text) == kith::errc::invalid_option);
    return text;
  };
  CHECK(refusal({.write_mode = kith::write_mode::behind}).find("write_mode: ") !=
        std::string::npos);
  CHECK(refusal({.write_timeout = 0s}).find("write_timeout: ") != std::string::npos);
  CHECK(refusal({.uncertain_for = 0s}).find("uncertain_for: ") != std::string::npos);
}

// Goal: a late write of an owner that was does not undo one of the owner that is. Method: the first
// owner hangs in its writer and ends; the second one, which has its copy, writes the key.
TEST_CASE("face: a deposed owner's late write is rejected by the fence") {
  fenced_table table;
  members all{2};
  std::atomic<bool> hold = false;
  std::promise<void> go_on;
  const auto held = go_on.get_future().share();
  std::atomic<int> in_writer = 0;
  std::atomic<int> late_ended = 0;
  const auto options_of = [&](bool hangs) {
    word_options made = storing(table);
    made.backups = 1;
    made.write = [&, hangs, held](const std::string& key, const std::optional<std::string>& value,
                                  const kith::write_fence& fence) {
      if (!hangs || !hold) return table.write(key, value, fence);
      ++in_writer;
      held.wait();
      ++late_ended;
      table.write(key, value, fence);
    };
    return made;
  };
  auto first =
      std::make_optional(all[0].cache<std::string, std::string>("words", options_of(true)));
  const auto second = all[1].cache<std::string, std::string>("words", options_of(false));
  std::string key;
  for (int i = 0; key.empty(); ++i) {
    hold = false;
    const std::string candidate = "k" + std::to_string(i);
    first->put(candidate, "before");
    hold = true;
    std::promise<void> done;
    first->async_put(candidate, "late", [&](kith::error_code, kith::version) { done.set_value(); });
    // Either the second member owns the key and has written it, or the first one hangs.
    const auto over = done.get_future();
    REQUIRE(wait_until(
        [&] { return in_writer > 0 || over.wait_for(0s) == std::future_status::ready; }));
    if (in_writer > 0) {
      key = candidate;
      all.end(0);  // its writer is left behind
    }
    REQUIRE(wait_until([&] { return over.wait_for(0s) == std::future_status::ready; }));
  }
  REQUIRE(wait_until([&] { return all[1].members().size() == 1; }));
  second.put(key, "of the new owner");
  CHECK(table.find(key) == "of the new owner");
  const int rejected = table.rejected;
  go_on.set_value();
  REQUIRE(wait_until([&] { return table.rejected > rejected; }));
  CHECK(late_ended == 1);
  CHECK(table.find(key) == "of the new owner");
  CHECK(*second.get(key) == "of the new owner");
}
