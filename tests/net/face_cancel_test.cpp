// Cancellation through the slots of handlers: which kinds end which operations, and how.
#include <doctest/doctest.h>

#include "face_cancel_support.hpp"

#include <boost/asio/error.hpp>

#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;
using kinds = cancel_kind;

TEST_CASE("face: a cancelled read ends at once while its load goes on") {
  members all{2};
  std::promise<void> go;
  const std::shared_future<void> may_go = go.get_future().share();
  kith::cache_options<std::string, std::string> options;
  options.load = [may_go](const std::string& key) -> std::optional<std::string> {
    may_go.wait();
    return "row " + key;
  };
  auto cache = all[0].cache<std::string, std::string>("rows", options);
  auto other = all[1].cache<std::string, std::string>("rows", options);
  for (const kinds kind : {kinds::total, kinds::partial, kinds::terminal}) {
    for (int i = 0; i < 8; ++i) {  // keys of both members
      running one;
      running many;
      running seen;
      bool visited = false;
      const std::string key = "key" + std::to_string(i);
      cache.async_get(key, one.token());
      cache.async_get_many(std::vector<std::string>{key, key + "b"}, many.token());
      cache.async_visit(key, [&](const std::string&) { visited = true; }, seen.token());
      for (running* each : {&one, &many, &seen}) {
        CHECK_FALSE(each->over());
        each->signal.emit(kind);
        CHECK(each->code.get() == asio::error::operation_aborted);
      }
      CHECK_FALSE(visited);
      CHECK(waiting_calls(all[0]) == 0);
    }
  }
  go.set_value();
  CHECK(*cache.get("key0") == "row key0");
  running late;
  cache.async_get("key0", late.token());
  CHECK_FALSE(late.code.get());
  late.signal.emit(kinds::terminal);  // the operation is over
}

TEST_CASE("face: a cancelled write may have been applied and total does not end it") {
  members all{2};
  auto cache = all[0].cache<std::string, std::string>("words");
  auto other = all[1].cache<std::string, std::string>("words");
  for (const word_cache* each : {&cache, &other}) each->register_processor<gate>("gate");
  for (const std::string key : {"a", "b", "c", "d"}) {
    std::promise<void> open;
    std::promise<void> entered;
    gate::open = &open;
    gate::entered = &entered;
    cache.put(key, "before");
    CHECK(*cache.get(key) == "before");
    running write;
    cache.async_invoke(key, gate{}, write.token());
    entered.get_future().wait();
    write.signal.emit(kinds::total);
    CHECK_FALSE(write.over());
    write.signal.emit(kinds::terminal);
    const kith::error_code code = write.code.get();
    CHECK(code == asio::error::operation_aborted);
    CHECK(code == kith::condition::maybe_applied);
    CHECK(waiting_calls(all[0]) == 0);
    open.set_value();
    CHECK(wait_until([&] { return *cache.get(key) == "by the processor"; }));
  }
}

TEST_CASE("face: a cancelled write of many keys ends when each of them has") {
  members all{2};
  auto cache = all[0].cache<std::string, std::string>("words");
  auto other = all[1].cache<std::string, std::string>("words");
  for (const word_cache* each : {&cache, &other}) each->register_processor<gate>("gate");
  std::promise<void> open;
  std::promise<void> entered;
  gate::open = &open;
  gate::entered = &entered;
  running blocking;
  cache.async_invoke("blocked", gate{}, blocking.token());
  entered.get_future().wait();
  const std::vector<std::pair<std::string, std::string>> pairs{{"free", "1"}, {"blocked", "2"}};
  running write;
  cache.async_put_many(pairs, write.token());
  CHECK(wait_until([&] { return cache.contains("free"); }));
  write.signal.emit(kinds::total);
  CHECK_FALSE(write.over());
  write.signal.emit(kinds::partial);
  CHECK(write.code.get() == asio::error::operation_aborted);
  CHECK(*cache.get("free") == "1");
  open.set_value();
  CHECK_FALSE(blocking.code.get());
  CHECK(wait_until([&] { return *cache.get("blocked") == "2"; }));
}
