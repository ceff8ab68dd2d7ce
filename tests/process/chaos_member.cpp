// One process of a chaos run: a member whose threads read and write a few keys as long as it lives,
// and write down what they asked and were told (chaos_history.hpp). scripts/chaos.sh starts,
// kills and stops it.
//
//   chaos_member cluster=C number=N life=L folder=F quorum=none|majority expect=N backups=N
//                coherence=eventual|strong port=P seed=P...
//
// With a strong cache the timing is the fast one; members of odd numbers keep what they own near.
//
// It prints "ready" and each of its views, "view NUMBER SIZE COPIED", of which the last is 1 when
// each partition has its copies, else 0. It takes on its standard input:
// "settle", which ends its reads and writes; then "final", which reads each key once more. Both are
// answered by the same word. "quit", or the end of the input, ends it.
#include "chaos_history.hpp"

#include <support/copies.hpp>

#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/kith.hpp>
#include <kith/net/clock.hpp>
#include <kith/net/runtime.hpp>
#include <kith/net/system_random.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using chaos::history;
using chaos::text_of;
using registers = kith::cache<std::uint32_t, std::int64_t>;

constexpr std::uint32_t keys = 32;
constexpr int readers = 2;
/// A fifth of the keys are most of the reads, so that some keys are read more often than written.
/// The means of the pauses leave a small machine most of its time.
constexpr std::uint32_t hot_keys = keys / 5;
constexpr std::uint64_t read_pause_us = 3'000;
constexpr std::uint64_t write_pause_us = 30'000;

struct settings {
  kith::member_options member;
  std::string folder;
  std::int64_t number = 0;
  std::int64_t life = 0;
  int backups = 0;
  bool strong = false;
};

[[nodiscard]] settings read_settings(int argc, char** argv) {
  settings made;
  made.member.discovery.loopback = false;
  for (int i = 1; i < argc; ++i) {
    const std::string all = argv[i];
    const std::size_t equals = all.find('=');
    const std::string name = all.substr(0, equals);
    const std::string value = all.substr(equals + 1);
    const auto port = [&] { return static_cast<std::uint16_t>(std::stoul(value)); };
    if (name == "cluster") made.member.cluster = value;
    if (name == "folder") made.folder = value;
    if (name == "number") made.number = std::stoll(value);
    if (name == "life") made.life = std::stoll(value);
    if (name == "backups") made.backups = std::stoi(value);
    if (name == "coherence") made.strong = value == "strong";
    if (name == "port") made.member.bind.port = port();
    if (name == "expect") made.member.bootstrap_expect = port();
    if (name == "quorum" && value == "majority") made.member.quorum = kith::quorum::majority;
    if (name == "seed") made.member.discovery.seeds.push_back({"127.0.0.1", port()});
  }
  if (made.strong) made.member.timing = kith::timing_options::fast();
  return made;
}

class load {
 public:
  load(const settings& chosen, kith::member& of, history& into)
      : chosen_{chosen}, member_{of}, history_{into}, cache_{open(of, chosen)} {}

  void start() {
    for (int i = 0; i < readers; ++i) add_thread(read_pause_us, &load::read_some);
    add_thread(write_pause_us, &load::write_some);
  }
  void settle() {
    settled_ = true;
    for (std::thread& each : threads_) each.join();
    threads_.clear();
  }
  void read_all() {
    for (std::uint32_t key = 0; key < keys; ++key) {
      for (const kith::read where : {kith::read::near, kith::read::owner}) {
        const kith::ref<std::int64_t> value = cache_.get(key, {.read = where});
        history_.add((where == kith::read::near ? "near " : "owned ") + std::to_string(key) + ' ' +
                     std::to_string(value ? *value : 0) + ' ' +
                     text_of(value ? value.version() : kith::version{}) + (value ? " 1" : " 0"));
      }
    }
    history_.flush();
  }
  [[nodiscard]] std::uint64_t hits() const { return cache_.stats().near_hits; }
  [[nodiscard]] bool copied(const kith::cluster::view& in) const {
    const auto copies = static_cast<std::size_t>(chosen_.backups);
    return partitions_with_copies(in, copies) == kith::partition_count;
  }

 private:
  using action = void (load::*)(kith::random_source&);

  /// A cluster that is being cut to pieces may take its time to agree.
  [[nodiscard]] static registers open(kith::member& of, const settings& chosen) {
    kith::cache_options<std::uint32_t, std::int64_t> options{.backups = chosen.backups};
    if (chosen.strong) {
      options.coherence = kith::coherence::strong;
      options.near.local = chosen.number % 2 == 1;
    }
    for (int attempt = 1;; ++attempt) {
      try {
        return of.cache<std::uint32_t, std::int64_t>("registers", options);
      } catch (const kith::error& wrong) {
        if (wrong.code() != kith::errc::timed_out || attempt == 5) throw;
      }
    }
  }

  void add_thread(std::uint64_t pause, action act) {
    threads_.emplace_back([this, pause, act] {
      kith::random_source random{kith::net::system_random()};
      while (!settled_) {
        (this->*act)(random);
        std::this_thread::sleep_for(std::chrono::microseconds{random.below(2 * pause)});
      }
    });
  }
  [[nodiscard]] kith::epoch epoch_of(std::uint32_t key) {
    const auto view = member_.runtime().view();
    return view->epoch_of(kith::partition_of(kith::key_hash<std::uint32_t>(key)));
  }

  void read_some(kith::random_source& random) {
    const bool hot = random.below(4) != 0;
    const auto key = static_cast<std::uint32_t>(random.below(hot ? hot_keys : keys));
    const bool from_owner = random.below(10) == 0;
    const kith::epoch before = epoch_of(key);
    const kith::time_point invoked = kith::net::now();
    kith::ref<std::int64_t> value;
    bool ok = true;
    try {
      value = cache_.get(key, {.read = from_owner ? kith::read::owner : kith::read::near});
    } catch (const kith::error&) {
      ok = false;
    }
    const kith::time_point answered = kith::net::now();
    note("read", key, value ? *value : 0, {invoked, answered}, ok,
         value ? value.version() : kith::version{}, value ? " 1 " : " 0 ", before);
  }

  void write_some(kith::random_source& random) {
    const auto key = static_cast<std::uint32_t>(random.below(keys));
    const bool erases = random.below(16) == 0;
    // Told apart for ever: by the member, its life, and the number of the write.
    const std::int64_t value =
        erases ? 0 : (chosen_.number * 100'000 + chosen_.life) * 1'000'000 + ++writes_;
    const kith::epoch before = epoch_of(key);
    const kith::time_point invoked = kith::net::now();
    history_.add(
        "invoked " + std::to_string(key) + ' ' + std::to_string(value) + ' ' + text_of(invoked),
        history::when::now);
    kith::version version;
    bool ok = true;
    try {
      version = erases ? cache_.erase(key) : cache_.put(key, value);
    } catch (const kith::error&) {
      ok = false;
    }
    note(erases ? "erase" : "put", key, value, {invoked, kith::net::now()}, ok, version, " ",
         before);
  }

  void note(const char* what, std::uint32_t key, std::int64_t value,
            std::pair<kith::time_point, kith::time_point> times, bool ok,
            const kith::version& version, const char* found, const kith::epoch& before) {
    history_.add(std::string{what} + ' ' + std::to_string(key) + ' ' + std::to_string(value) + ' ' +
                 text_of(times.first) + ' ' + text_of(times.second) + (ok ? " 1 " : " 0 ") +
                 text_of(version) + found + text_of(before) + ' ' + text_of(epoch_of(key)));
  }

  const settings& chosen_;
  kith::member& member_;
  history& history_;
  registers cache_;
  std::atomic<bool> settled_{false};
  std::int64_t writes_ = 0;  // of the one thread that writes
  std::vector<std::thread> threads_;
};

/// Tells the driver of each view, and the history too; and of near hits, a few times a second.
class reporter {
 public:
  reporter(kith::member& of, history& into, const load& hits)
      : thread_{[this, &of, &into, &hits] { run(of, into, hits); }} {}
  ~reporter() {
    ended_ = true;
    thread_.join();
  }

 private:
  [[nodiscard]] static std::string lost_in(const kith::cluster::view& in) {
    std::string found;
    for (std::size_t p = 0; p < in.rows.size(); ++p) {
      const kith::epoch& began = in.rows[p].epoch;
      const bool here = began.view == in.key.number && began.branch == in.key.branch;
      if (here && !in.rows[p].inherits) found += ' ' + std::to_string(p);
    }
    return found;
  }
  void run(kith::member& of, history& into, const load& counted) {
    kith::cluster::view_key last;
    std::uint64_t hits = 0;
    for (unsigned round = 0; !ended_; ++round) {
      const auto view = of.runtime().view();
      if (view && view->key != last) {
        last = view->key;
        into.add("view " + std::to_string(last.number.value()) + ' ' + std::to_string(last.branch) +
                 ' ' + std::to_string(view->hash) + lost_in(*view));
        // One write, so that no other line gets between.
        std::cout << "view " + std::to_string(last.number.value()) + ' ' +
                         std::to_string(view->size()) + (counted.copied(*view) ? " 1\n" : " 0\n")
                  << std::flush;
      }
      const std::uint64_t now = counted.hits();
      if (round % 20 == 0 && now != hits) {
        hits = now;
        into.add("hits " + std::to_string(hits), history::when::now);
      }
      std::this_thread::sleep_for(10ms);
    }
  }

  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const settings chosen = read_settings(argc, argv);
    history into{chosen.folder + "/history-" + std::to_string(chosen.number) + '-' +
                 std::to_string(chosen.life)};
    kith::member member{chosen.member};
    load running{chosen, member, into};
    const reporter reports{member, into, running};
    running.start();
    std::cout << "ready\n" << std::flush;
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
      if (line == "settle") running.settle();
      if (line == "final") running.read_all();
      std::cout << line + '\n' << std::flush;
    }
    running.settle();
  } catch (const std::exception& wrong) {
    std::cerr << wrong.what() << std::endl;
    return EXIT_FAILURE;
  }
}
