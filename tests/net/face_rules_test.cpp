// What the façade refuses and how it says so; the ends of members and handles.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/use_future.hpp>

#include <sys/wait.h>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

// The thread sanitizer ends a forked child that starts a thread, which handlers need there.
#if defined(__SANITIZE_THREAD__)
constexpr bool child_may_start_threads = false;
#else
constexpr bool child_may_start_threads = true;
#endif

struct erase_word {
  void operator()(kith::entry<std::string, std::string>& entry) const { entry.erase(); }
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

void check_closed(const kith::cache<std::string, std::string>& cache) {
  using kith::errc;
  const auto closed = kith::make_error_code(errc::closed);
  CHECK(error_of([&] { static_cast<void>(cache.get("k", {.read = kith::read::owner})); }) ==
        closed);
  CHECK(error_of([&] { static_cast<void>(cache.get_versioned("k")); }) == closed);
  CHECK(error_of([&] { static_cast<void>(cache.get("unknown")); }) == closed);
  CHECK(error_of([&] { static_cast<void>(cache.contains("k")); }) == closed);
  CHECK(error_of([&] { cache.put("k", "v"); }) == closed);
  CHECK(error_of([&] { cache.put_many({{"k", "v"}}); }) == closed);
  CHECK(error_of([&] { static_cast<void>(cache.get_many({"unknown"})); }) == closed);
  CHECK(error_of([&] { cache.put_if_absent("k", "v"); }) == closed);
  CHECK(error_of([&] { cache.erase("k"); }) == closed);
  CHECK(error_of([&] { cache.clear(); }) == closed);
  CHECK(error_of([&] { static_cast<void>(cache.size()); }) == closed);
  CHECK(error_of([&] { cache.invoke("k", erase_word{}); }) == closed);
}

[[nodiscard]] std::string refusal(kith::member_options options) {
  options.discovery.loopback = false;
  std::string text;
  const auto code = error_of([&] { const kith::member made{std::move(options)}; }, &text);
  CHECK(code == kith::errc::invalid_option);
  return text;
}

template <class Value = std::string>
[[nodiscard]] std::string refusal(kith::member& member, const std::string& name,
                                  kith::cache_options<std::string, Value> options,
                                  kith::errc expected = kith::errc::invalid_option) {
  std::string text;
  const auto code = error_of(
      [&] { static_cast<void>(member.cache<std::string, Value>(name, options)); }, &text);
  CHECK(code == expected);
  return text;
}

}  // namespace

TEST_CASE("face: handles answer closed when their member is gone") {
  members all{2};
  auto cache = all[1].cache<std::string, std::string>("words");
  cache.register_processor<erase_word>("erase_word");
  cache.put("k", "v");
  const kith::ref<std::string> kept = cache.get("k");
  all.end(1);
  check_closed(cache);
  CHECK(*kept == "v");
  CHECK(all[0].cache<std::string, std::string>("words").put("k", "w") != kith::version{});
}

TEST_CASE("face: calls that wait when their member ends are told so") {
  auto alone = std::make_unique<kith::member>(at(cluster_name()));
  std::promise<void> loading;
  std::promise<void> go;
  const std::shared_future<void> may_go = go.get_future().share();
  kith::cache_options<std::string, std::string> options;
  options.load = [&loading, may_go](const std::string&) -> std::optional<std::string> {
    loading.set_value();
    may_go.wait();
    return "late";
  };
  auto cache = alone->cache<std::string, std::string>("rows", options);
  auto pending = cache.async_get("k", asio::use_future);
  loading.get_future().wait();
  std::thread ending{[&] { alone.reset(); }};
  kith::error_code code;
  try {
    static_cast<void>(pending.get());
  } catch (const boost::system::system_error& wrong) {
    code = wrong.code();
  }
  CHECK(code == kith::errc::closed);
  go.set_value();
  ending.join();
}

// The handlers capture the cache, as handlers do: they must not keep what they wait for.
TEST_CASE("face: every handler is called once, also when its member ends or is gone") {
  auto alone = std::make_unique<kith::member>(at(cluster_name()));
  std::promise<void> loading;
  std::promise<void> go;
  const std::shared_future<void> may_go = go.get_future().share();
  std::atomic<int> loads{0};
  std::atomic<int> told{0};
  const auto count = [&told](kith::error_code code) {
    told += code == kith::errc::closed ? 1 : 99;
  };
  const std::weak_ptr<kith::net::runtime> runtime = alone->runtime().weak_from_this();
  {
    auto cache = alone->cache<std::string, std::string>(
        "rows", {.load = [&, may_go](const std::string&) -> std::optional<std::string> {
          if (++loads == 1) loading.set_value();
          may_go.wait();
          return "late";
        }});
    cache.async_get("k", [cache, count](kith::error_code code, const auto&) { count(code); });
    cache.async_get("k", [cache, count](kith::error_code code, const auto&) { count(code); });
    cache.async_get_many({"k", "l"}, [cache, count](kith::error_code code, const auto&) {
      count(code);
      cache.async_erase("k", [cache, count](kith::error_code later, const auto&) { count(later); });
    });
    loading.get_future().wait();
    alone.reset();
    CHECK(told >= 3);
    CHECK(wait_until([&] { return told == 4; }));

    cache.async_get("k", [cache, count](kith::error_code code, const auto&) { count(code); });
    cache.async_put("k", "v", [cache, count](kith::error_code code, const auto&) { count(code); });
    cache.async_put_many({{"k", "v"}}, [cache, count](kith::error_code code) { count(code); });
    cache.async_size([cache, count](kith::error_code code, std::uint64_t) { count(code); });
    CHECK(wait_until([&] { return told == 8; }));
  }
  go.set_value();
  CHECK(wait_until([&] { return runtime.expired(); }));
  CHECK(told == 8);
}

TEST_CASE("face: after a fork the child has no member, and handles that answer closed") {
  auto alone = std::make_unique<kith::member>(at(cluster_name()));
  auto cache = alone->cache<std::string, std::string>("words");
  cache.put("k", "v");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(10);  // leaving the cluster would take longer: no thread is there that could do it
    const auto closed = kith::make_error_code(kith::errc::closed);
    const bool put = error_of([&] { cache.put("k", "w"); }) == closed;
    const bool got =
        error_of([&] { static_cast<void>(cache.get("k", {.read = kith::read::owner})); }) == closed;
    const bool many = error_of([&] { static_cast<void>(cache.get_many({"a", "b"})); }) == closed;
    const bool open =
        error_of([&] {
          static_cast<void>(alone->cache<std::string, std::string>("more"));
        }) == closed;
    bool async = true;
    bool async_many = true;
    if (child_may_start_threads) {
      std::promise<kith::error_code> told;
      cache.async_put("k", "w", [&](kith::error_code c, kith::version) { told.set_value(c); });
      async = told.get_future().get() == closed;
      std::promise<kith::error_code> told_many;
      cache.async_put_many({{"k", "w"}}, [&](kith::error_code c) { told_many.set_value(c); });
      async_many = told_many.get_future().get() == closed;
    }
    alone.reset();
    ::_exit((put ? 0 : 1) + (got ? 0 : 2) + (many ? 0 : 4) + (open ? 0 : 8) + (async ? 0 : 16) +
            (async_many ? 0 : 32));
  }
  int status = -1;
  REQUIRE(wait_until([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(*cache.get("k") == "v");
}

TEST_CASE("face: an address that others can reach is refused with the reason") {
  kith::member_options open;
  open.bind = {"0.0.0.0", 0};
  const std::string text = refusal(open);
  CHECK(contains(text, "0.0.0.0"));
  CHECK(contains(text, "insecure"));
  CHECK(contains(text, "authenticate"));
}

TEST_CASE("face: a member that listens everywhere has to say where it is") {
  for (const char* everywhere : {"0.0.0.0", "::"}) {
    kith::member_options open;
    open.bind = {everywhere, 0};
    open.insecure = true;
    const std::string text = refusal(open);
    CHECK(contains(text, "advertise"));
    CHECK(contains(text, everywhere));
    open.advertise = kith::endpoint{everywhere, 5801};
    CHECK(contains(refusal(open), "advertise"));
  }
  kith::member_options known = at(cluster_name());
  known.bind = {"0.0.0.0", 0};
  known.insecure = true;
  known.advertise = kith::endpoint{"127.0.0.1", 0};
  const kith::member made{known};
  REQUIRE(wait_until([&] { return made.members().size() == 1; }));
  CHECK(made.members()[0] == kith::endpoint{"127.0.0.1", made.address().port});
}

TEST_CASE("face: a member's options that are not allowed name their field") {
  const auto with = [](auto change) {
    kith::member_options options;
    change(options);
    return refusal(options);
  };
  CHECK(contains(with([](auto& o) { o.cluster = ""; }), "cluster"));
  CHECK(contains(with([](auto& o) { o.cluster = std::string(129, 'x'); }), "cluster"));
  CHECK(contains(with([](auto& o) { o.io_threads = 0; }), "io_threads"));
  CHECK(contains(with([](auto& o) { o.loader_threads = 0; }), "loader_threads"));
  CHECK(contains(with([](auto& o) { o.max_pending = 1023; }), "max_pending: 1024"));
  CHECK(contains(with([](auto& o) { o.bootstrap_expect = 0; }), "bootstrap_expect"));
  CHECK(contains(with([](auto& o) { o.discovery.seeds = {{"a", 1}, {"", 1}}; }), "seeds[1]"));
  CHECK(contains(with([](auto& o) { o.discovery.dns = {{"pods", 0}}; }), "discovery.dns"));
  CHECK(contains(with([](auto& o) { o.discovery.dns.assign(33, {"p", 1}); }), "discovery.dns"));
  CHECK(contains(with([](auto& o) { o.discovery.interval = 99ms; }), "discovery.interval"));
  CHECK(contains(with([](auto& o) { o.zone = std::string(129, 'x'); }), "zone"));
  CHECK(contains(with([](auto& o) { o.bind.host = "no such host"; }), "host"));
  const kith::member first{at(cluster_name())};
  CHECK(contains(with([&](auto& o) { o.bind = first.address(); }), "port"));
}

TEST_CASE("face: a cache's options that are not allowed name their field") {
  kith::member member{at(cluster_name())};
  CHECK(contains(refusal(member, "", {}), "name"));
  CHECK(contains(refusal(member, "c", {.max_bytes = 0}), "max_bytes"));
  CHECK(contains(refusal(member, "c", {.near = {.max_bytes = 0}}), "near.max_bytes"));
  CHECK(contains(refusal(member, "c", {.near = {.max_staleness = 0s}}), "near.max_staleness"));
  CHECK(contains(refusal(member, "c", {.near = {.max_staleness = 1s}}), "near.max_staleness"));
  CHECK(contains(refusal(member, "c", {.backups = 7}), "backups"));
  CHECK(contains(refusal(member, "c", {.ttl = 0s}), "ttl"));
  CHECK(contains(refusal(member, "c", {.timeout = 0s}), "timeout"));
}

TEST_CASE("face: a near cache that a heartbeat is too slow for is refused") {
  kith::member_options options = at(cluster_name());
  options.timing = {.heartbeat = 3s, .fence = 9s, .lease = 3s, .silence = 10s};
  kith::member member{std::move(options)};
  CHECK(contains(refusal(member, "c", {.near = {.max_staleness = 3900ms}}), "timing.heartbeat"));
  CHECK_NOTHROW(static_cast<void>(
      member.cache<std::string, std::string>("c", {.near = {.max_staleness = 4s}})));
}

TEST_CASE("face: a cache that was opened otherwise is refused with the field's name") {
  members all{2};
  static_cast<void>(all[0].cache<std::string, std::string>("words", {.ttl = 10s}));
  constexpr auto other = kith::errc::config_mismatch;
  CHECK(contains(refusal(all[1], "words", {}, other), "ttl"));
  CHECK(contains(refusal(all[1], "words", {.backups = 1, .ttl = 10s}, other), "backups"));
  CHECK(contains(refusal(all[1], "words", {.ttl = 10s, .schema = 2}, other), "schema"));
  CHECK(contains(refusal<std::int64_t>(all[1], "words", {.ttl = 10s}, other), "value"));
  // Local matters may differ.
  auto cache = all[1].cache<std::string, std::string>(
      "words", {.near = {.enabled = false}, .max_bytes = 1 << 20, .ttl = 10s});
  cache.put("k", "v");
  CHECK(*all[0].cache<std::string, std::string>("words", {.ttl = 10s}).get("k") == "v");
}

TEST_CASE("face: a refused opening leaves nothing behind of its own options") {
  members all{2};
  static_cast<void>(all[0].cache<std::string, std::string>("words", {.ttl = 10s}));
  CHECK(contains(refusal(all[1], "words", {}, kith::errc::config_mismatch), "ttl"));
  auto cache = all[1].cache<std::string, std::string>(
      "words", {.ttl = 10s,
                .load = [](const std::string& key) { return std::optional{key + "!"}; }});
  CHECK(*cache.get("k") == "k!");
}

TEST_CASE("face: a call that would block a serving thread is refused") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  cache.put("k", "v");
  std::promise<std::vector<kith::error_code>> said;
  cache.async_get("k", [&](kith::error_code, kith::ref<std::string>) {
    said.set_value({error_of([&] { cache.put("k", "w"); }),
                    error_of([&] { static_cast<void>(cache.get("other")); }),
                    error_of([&] { static_cast<void>(cache.size()); }),
                    error_of([&] {
                      static_cast<void>(all[0].cache<std::string, std::string>("more"));
                    })});
  });
  for (const kith::error_code& code : said.get_future().get()) {
    CHECK(code == kith::errc::would_deadlock);
  }
}

TEST_CASE("face: clusters of different names never mix") {
  const std::string name = cluster_name();
  kith::member left{at(name)};
  kith::member right{at(name + "-other", {left.address()})};
  kith::member companion{at(name, {right.address(), left.address()})};
  auto mine = left.cache<std::string, std::string>("words");
  auto theirs = right.cache<std::string, std::string>("words");
  mine.put("k", "left");
  theirs.put("k", "right");
  // The coordinator has the view first; its commit is on the way to the other.
  CHECK(wait_until([&] { return left.members().size() == 2; }));
  CHECK(wait_until([&] { return companion.members() == left.members(); }));
  CHECK(right.members() == std::vector<kith::endpoint>{right.address()});
  CHECK(*theirs.get("k") == "right");
  theirs.erase("k");
  CHECK_FALSE(theirs.contains("k"));
}

TEST_CASE("face: keys and values that are too long are refused") {
  members all{2};
  auto cache = all[0].cache<std::string, std::string>("words");
  const std::string long_key(5000, 'k');
  const std::string long_value(std::size_t{9} << 20, 'v');
  const auto too_large = kith::make_error_code(kith::errc::too_large);
  CHECK(error_of([&] { cache.put(long_key, "v"); }) == too_large);
  CHECK(error_of([&] { static_cast<void>(cache.get(long_key)); }) == too_large);
  std::string text;
  CHECK(error_of([&] { cache.put("k", long_value); }, &text) == too_large);
  CHECK(contains(text, "the value: 9437184 of at most 8388608 bytes"));
  CHECK(error_of([&] { cache.put_many({{"a", "v"}, {"k", long_value}}); }) == too_large);
  CHECK_THROWS_AS(cache.async_put("k", long_value, asio::use_future).get(),
                  boost::system::system_error);
  CHECK(error_of([&] { cache.put("", "v"); }) == kith::errc::invalid_argument);
  const std::string longest(std::size_t{7} << 20, 'v');
  for (const char* key : {"a", "b", "c"}) {
    cache.put(key, longest);
    CHECK(all[1].cache<std::string, std::string>("words").get(key)->size() == longest.size());
  }
}

TEST_CASE("face: bytes that are no value of the type are an error and no more") {
  members all{2};
  auto left = all[0].cache<std::string, fussy>("fussy");
  auto right = all[1].cache<std::string, fussy>("fussy");
  for (int i = 0; i < 8; ++i) {  // some are owned here, some there
    const std::string key = "key" + std::to_string(i);
    left.put(key, fussy{fussy::unreadable});
    for (const auto& cache : {left, right}) {
      CHECK(error_of([&] { static_cast<void>(cache.get(key)); }) == kith::errc::decode_failed);
      CHECK(error_of([&] { static_cast<void>(cache.get_versioned(key)); }) ==
            kith::errc::decode_failed);
      CHECK(error_of([&] { static_cast<void>(cache.get_many({key})); }) ==
            kith::errc::decode_failed);
      CHECK(cache.contains(key));
    }
    right.put(key, fussy{7});
    CHECK(wait_until([&] { return left.get(key)->number == 7; }));
    CHECK(right.get(key)->number == 7);
  }
}

TEST_CASE("face: clear and size have room in the least number of calls that may wait") {
  const std::string cluster = cluster_name();
  std::vector<std::unique_ptr<kith::member>> all;
  for (int i = 0; i < 2; ++i) {
    kith::member_options options = at(cluster);
    if (i > 0) options.discovery.seeds = {all[0]->address()};
    options.max_pending = 1024;
    all.push_back(std::make_unique<kith::member>(options));
  }
  REQUIRE(wait_until([&] { return all[1]->members().size() == 2; }));
  auto cache = all[1]->cache<std::string, std::string>("words");
  for (int i = 0; i < 20; ++i) cache.put(std::to_string(i), "v");
  CHECK(cache.size() == 20);
  cache.clear();
  CHECK(cache.size() == 0);
}

TEST_CASE("face: a name of a processor stays with the type that had it first") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  cache.register_processor<erase_word>("change");
  std::string text;
  CHECK(error_of([&] { cache.register_processor<clear_word>("change"); }, &text) ==
        kith::errc::invalid_argument);
  CHECK(contains(text, "change"));
  CHECK(error_of([&] { cache.invoke("k", clear_word{}); }) == kith::errc::unknown_processor);
  cache.register_processor<erase_word>("change");
  cache.register_processor<erase_word>("erase");  // a second name of the same
  cache.put("k", "v");
  cache.invoke("k", erase_word{});
  CHECK_FALSE(cache.contains("k"));
  CHECK(error_of([&] { cache.register_processor<clear_word>(""); }, &text) ==
        kith::errc::invalid_argument);
  CHECK(contains(text, "1 to 128 bytes"));
}

TEST_CASE("face: a processor that is not known or throws is an error") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  CHECK(error_of([&] { cache.invoke("k", erase_word{}); }) == kith::errc::unknown_processor);
}
