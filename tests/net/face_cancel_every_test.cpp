// Every asynchronous operation of a cache, cancelled by each kind of cancellation while its owner
// has not answered, and while there is no owner to ask: the table of docs/operations.md.
#include <doctest/doctest.h>

#include "face_cancel_support.hpp"

#include <boost/asio/error.hpp>

#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

using number_cache = kith::cache<std::string, std::int64_t>;

enum class hears { all_kinds, total_before_asked, no_total };

struct cancellable {
  std::string name;
  hears what;
  std::function<void(running&)> start;
};

/// What is asked about: a key whose owner does not answer, and that one with others.
struct subject {
  const word_cache& words;
  const number_cache& numbers;
  std::string key;

  [[nodiscard]] std::vector<std::string> keys() const { return {key, "another", "a third"}; }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> pairs() const {
    return {{key, "value"}, {"another", "value"}};
  }
};

[[nodiscard]] std::vector<cancellable> reads_of(const subject& s) {
  const word_cache& words = s.words;
  const std::string& key = s.key;
  constexpr kith::get_options at_owner{.read = kith::read::owner};
  return {
      {"get", hears::all_kinds, [=](running& r) { words.async_get(key, at_owner, r.token()); }},
      {"visit", hears::all_kinds,
       [=](running& r) {
         words.async_visit(key, [](const std::string&) { CHECK(false); }, at_owner, r.token());
       }},
      {"get_versioned", hears::all_kinds,
       [=](running& r) { words.async_get_versioned(key, r.token()); }},
      {"contains", hears::all_kinds, [=](running& r) { words.async_contains(key, r.token()); }},
      {"size", hears::all_kinds, [=](running& r) { words.async_size(r.token()); }},
      {"get_many", hears::all_kinds,
       [=, keys = s.keys()](running& r) { words.async_get_many(keys, at_owner, r.token()); }},
      {"contains_many", hears::all_kinds,
       [=, keys = s.keys()](running& r) { words.async_contains_many(keys, r.token()); }},
  };
}

[[nodiscard]] std::vector<cancellable> writes_of_one_key(const subject& s) {
  const word_cache& words = s.words;
  const number_cache& numbers = s.numbers;
  const std::string& key = s.key;
  constexpr auto before_asked = hears::total_before_asked;
  const kith::version none{};
  return {
      {"put", before_asked, [=](running& r) { words.async_put(key, "value", r.token()); }},
      {"put_if_absent", before_asked,
       [=](running& r) { words.async_put_if_absent(key, "value", r.token()); }},
      {"compare_and_put", before_asked,
       [=](running& r) { words.async_compare_and_put(key, none, "value", r.token()); }},
      {"touch", before_asked, [=](running& r) { words.async_touch(key, r.token()); }},
      {"erase", before_asked, [=](running& r) { words.async_erase(key, r.token()); }},
      {"erase_if_version", before_asked,
       [=](running& r) { words.async_erase_if_version(key, none, r.token()); }},
      {"add", before_asked, [=](running& r) { numbers.async_add(key, 1, r.token()); }},
      {"invoke", before_asked,
       [=](running& r) { words.async_invoke(key, clear_word{}, r.token()); }},
      {"invalidate", before_asked, [=](running& r) { words.async_invalidate(key, r.token()); }},
  };
}

[[nodiscard]] std::vector<cancellable> writes_of_many_keys(const subject& s) {
  const word_cache& words = s.words;
  const number_cache& numbers = s.numbers;
  constexpr auto not_total = hears::no_total;
  const auto keys = s.keys();
  const auto pairs = s.pairs();
  const std::vector<kith::compared_put<std::string, std::string>> compared{
      {s.key, {}, "value"}, {"another", {}, "value"}};
  const std::vector<std::pair<std::string, std::int64_t>> deltas{{s.key, 1}, {"another", 1}};
  return {
      {"put_many", not_total, [=](running& r) { words.async_put_many(pairs, r.token()); }},
      {"put_if_absent_many", not_total,
       [=](running& r) { words.async_put_if_absent_many(pairs, r.token()); }},
      {"compare_and_put_many", not_total,
       [=](running& r) { words.async_compare_and_put_many(compared, r.token()); }},
      {"touch_many", not_total, [=](running& r) { words.async_touch_many(keys, r.token()); }},
      {"erase_many", not_total, [=](running& r) { words.async_erase_many(keys, r.token()); }},
      {"add_many", not_total, [=](running& r) { numbers.async_add_many(deltas, r.token()); }},
      {"invoke_many", not_total,
       [=](running& r) { words.async_invoke_many(keys, clear_word{}, r.token()); }},
      {"clear", not_total, [=](running& r) { words.async_clear(r.token()); }},
      {"invalidate_all", not_total, [=](running& r) { words.async_invalidate_all(r.token()); }},
      {"invalidate_tag", not_total,
       [=](running& r) { words.async_invalidate_tag("tag", r.token()); }},
  };
}

/// While it lives, the member's only thread of the network does nothing: it answers nobody.
class stalled {
 public:
  explicit stalled(const word_cache& its) {
    std::promise<void> entered;
    its.async_contains("anything", [&entered, go = may_go_](kith::error_code, bool) {
      entered.set_value();
      go.wait();
    });
    entered.get_future().wait();
  }
  ~stalled() { go_.set_value(); }
  stalled(const stalled&) = delete;
  stalled& operator=(const stalled&) = delete;

 private:
  std::promise<void> go_;
  std::shared_future<void> may_go_ = go_.get_future().share();
};

constexpr cancel_kind every_kind[] = {cancel_kind::total, cancel_kind::partial,
                                      cancel_kind::terminal};

/// `one` was started: emits `kind`, which `ends` it or not, and sees to its end.
void cancel_and_check(kith::member& at, running& one, cancel_kind kind, bool ends) {
  CHECK(waiting_calls(at) > 0);
  CHECK_FALSE(one.over());
  one.signal.emit(kind);
  if (!ends) {
    CHECK(waiting_calls(at) > 0);
    CHECK_FALSE(one.over());
    one.signal.emit(cancel_kind::terminal);
  }
  REQUIRE(one.code.wait_for(patience) == std::future_status::ready);
  CHECK(one.code.get() == boost::asio::error::operation_aborted);
  CHECK(waiting_calls(at) == 0);
}

}  // namespace

// Method: two members; each operation is about a key of the second, whose thread is held up.
TEST_CASE("cancel: each operation that an owner was asked for ends by its kinds alone") {
  members all{2};
  kith::cache_options<std::string, std::string> options;
  options.near.max_staleness = patience;  // a held-up owner makes no copy too old
  options.timeout = patience;
  const auto words = all[0].cache<std::string, std::string>("words", options);
  const auto theirs = all[1].cache<std::string, std::string>("words", options);
  const auto numbers = all[0].cache<std::string, std::int64_t>("numbers", {.timeout = patience});
  static_cast<void>(all[1].cache<std::string, std::int64_t>("numbers"));
  for (const word_cache* each : {&words, &theirs}) each->register_processor<clear_word>("clear");
  int number = 0;
  const auto next_key = [&] { return "key" + std::to_string(number++); };
  std::string key = next_key();
  while (words.explain(key).owner != all[1].address()) key = next_key();
  const subject s{words, numbers, key};
  const auto warm = [&] {
    words.put(key, "before", {.tags = {"tag"}});
    CHECK(wait_until([&] {
      static_cast<void>(words.get(key));
      const auto near = words.explain(key).near;
      return near && near->alive;
    }));
  };
  for (const auto& operations : {reads_of(s), writes_of_one_key(s), writes_of_many_keys(s)}) {
    for (const cancellable& operation : operations) {
      for (const cancel_kind kind : every_kind) {
        INFO(operation.name << " kind " << static_cast<int>(kind));
        warm();
        running one;
        const stalled owner{theirs};
        operation.start(one);
        const bool reads = operation.what == hears::all_kinds;
        cancel_and_check(all[0], one, kind, reads || kind != cancel_kind::total);
        // What may have been written is not read from here any more; `numbers` has no such entry.
        const auto near = words.explain(key).near;
        const bool kept = near && near->alive;
        CHECK(kept == (reads || operation.name.starts_with("add")));
      }
    }
  }
}

// Method: the only member owns nothing, so every call waits for an owner.
TEST_CASE("cancel: an operation that no owner was asked for ends by total unless it is of many") {
  kith::member_options options = at(cluster_name());
  options.weight = 0;
  kith::member idle{options};
  const auto words = idle.cache<std::string, std::string>("words");
  words.register_processor<clear_word>("clear");
  const auto numbers = idle.cache<std::string, std::int64_t>("numbers");
  const subject s{words, numbers, "key"};
  for (const auto& operations : {reads_of(s), writes_of_one_key(s), writes_of_many_keys(s)}) {
    for (const cancellable& operation : operations) {
      for (const cancel_kind kind : every_kind) {
        INFO(operation.name << " kind " << static_cast<int>(kind));
        running one;
        operation.start(one);
        cancel_and_check(idle, one, kind,
                         operation.what != hears::no_total || kind != cancel_kind::total);
      }
    }
  }
}

// Method: the owner does not know the processor; it stands at its gate here.
TEST_CASE("cancel: an invoke that runs here ends by each kind and writes nothing") {
  members all{2};
  const auto words = all[0].cache<std::string, std::string>("words");
  static_cast<void>(all[1].cache<std::string, std::string>("words"));
  words.register_processor<gate>("gate");
  std::string key = "key";
  while (words.explain(key).owner != all[1].address()) key += 'x';
  const kith::version before = words.put(key, "before");
  for (const cancel_kind kind : every_kind) {
    std::promise<void> open;
    std::promise<void> entered;
    gate::open = &open;
    gate::entered = &entered;
    running one;
    words.async_invoke(key, gate{}, one.token());
    entered.get_future().wait();
    cancel_and_check(all[0], one, kind, true);
    open.set_value();
    // The gate's promises end with this turn: its run has to be over.
    CHECK(wait_until([&] { return all[0].stats().jobs.running == 0; }));
    CHECK(words.get_versioned(key).version == before);
  }
}
