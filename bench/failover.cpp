// How long the keys of a process that was killed cannot be written, of a strong cache also not
// read, and what of the writes that were answered is missing then. Once for any process, once for
// the oldest, which decides the views.

#include "measure.hpp"
#include "peers.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t members = 4;
constexpr std::size_t keys_written = 2000;

/// What kind of a cache is in what kind of a cluster.
enum class kind : std::uint8_t { eventual, strong, strong_fast };

bench::record_options with_a_backup(kind of) {
  bench::record_options options;
  options.near.enabled = of != kind::eventual;
  if (of != kind::eventual) options.coherence = kith::coherence::strong;
  options.backups = 1;
  options.timeout = std::chrono::seconds{60};
  return options;
}

kith::member_options member_of(kind of, const std::string& cluster, std::uint16_t seed,
                               std::uint32_t weight = 100) {
  kith::member_options made = bench::apart(cluster, seed, weight);
  if (of == kind::eventual) return made;
  made.quorum = kith::quorum::majority;
  made.bootstrap_expect = members;
  made.discovery.loopback = true;  // the first view needs all of them to know each other
  if (of == kind::strong_fast) made.timing = kith::timing_options::fast();
  return made;
}

/// The role "member". It says its port first: with a quorum there is no cache before the others.
int run_member(kind of, const std::string& cluster, std::uint16_t seed) {
  kith::member member{member_of(of, cluster, seed)};
  bench::say(member.address().port);
  const auto cache = member.cache<std::string, bench::record>("records", with_a_backup(of));
  bench::wait_for_end();
  return 0;
}

/// Processes that own everything, and a member here that owns nothing and asks them.
class one_cluster {
 public:
  one_cluster(kind of, const std::string& name)
      : kind_{of},
        first_{start(name, 0)},
        first_port_{first_.read_port()},
        last_port_{start_others(name)},
        client_{member_of(of, name, first_port_, 0)},
        cache_{client_.cache<std::string, bench::record>("records", with_a_backup(of))} {
    bench::wait_for_members(client_, members + 1);
    bench::wait_for_copies(client_, 1);
    bench::fill(cache_, keys_);
    std::iota(answered_.begin(), answered_.end(), std::uint64_t{0});
  }

  /// The seconds from the SIGKILL until a key of that process was written, and of a strong cache
  /// read.
  double kill_first() {
    const std::string key = key_of(first_port_);
    return kill_and_put(key, [&] { const bench::child over{std::move(first_)}; });
  }
  double kill_last() {
    const std::string key = key_of(last_port_);
    return kill_and_put(key, [&] { others_.pop_back(); });
  }

  /// Keys whose last answered write, or one that was tried after it, is not there.
  [[nodiscard]] std::size_t lost() const {
    std::size_t found = 0;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const auto value = cache_.get(keys_[i], {.read = kith::read::owner});
      found += value && value->id >= answered_[i] ? 1 : 0;
    }
    return keys_.size() - found;
  }

 private:
  [[nodiscard]] bench::child start(const std::string& name, std::uint16_t seed) const {
    return bench::child::in_role(
        "member", {name, std::to_string(seed), std::to_string(static_cast<int>(kind_))});
  }
  /// The port of the last one.
  [[nodiscard]] std::uint16_t start_others(const std::string& name) {
    std::uint16_t last = 0;
    while (others_.size() + 1 < members) {
      others_.push_back(start(name, first_port_));
      last = others_.back().read_port();
    }
    return last;
  }
  [[nodiscard]] std::string key_of(std::uint16_t port) const {
    for (std::size_t i = 0;; ++i) {
      std::string key = "spare:" + std::to_string(i);
      const auto owner = cache_.explain(key).owner;
      if (owner && owner->port == port) return key;
    }
  }

  /// Others write meanwhile.
  template <class Kill>
  double kill_and_put(const std::string& key, Kill&& kill) {
    std::atomic<bool> over{false};
    std::thread writer{[&] {
      for (std::uint64_t id = keys_.size(); !over; ++id) {
        const std::size_t i = id % keys_.size();
        try {
          cache_.put(keys_[i], bench::make_record(id));
          answered_[i] = id;
        } catch (const kith::error&) {  // not answered, so nobody may miss it
        }
      }
    }};
    const auto start = clock::now();
    kill();
    bool written = false;
    while (!written && clock::now() - start < std::chrono::minutes{2}) {
      try {
        if (kind_ != kind::eventual) (void)cache_.get(key, {.read = kith::read::owner});
        cache_.put(key, bench::make_record(1));
        written = true;
      } catch (const kith::error&) {  // timed out, or its answer is not known: again
      }
    }
    const std::chrono::duration<double> taken = clock::now() - start;
    over = true;
    writer.join();
    bench::require(written, "no key of the killed process could be written for two minutes");
    return taken.count();
  }

  const kind kind_;
  const std::vector<std::string> keys_ = bench::make_keys(keys_written);
  std::vector<std::uint64_t> answered_ = std::vector<std::uint64_t>(keys_written);
  bench::child first_;
  const std::uint16_t first_port_;
  std::vector<bench::child> others_;
  const std::uint16_t last_port_;
  kith::member client_;
  bench::record_cache cache_;
};

struct seconds_gone {
  double any = 0;
  double oldest = 0;
  std::size_t lost = 0;
};

seconds_gone measure(kind of, int rounds) {
  std::vector<double> any, oldest;
  std::size_t lost = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::string name = "bench-failover-" + std::to_string(::getpid()) + '-' +
                             std::to_string(static_cast<int>(of)) + '-' + std::to_string(round);
    {
      one_cluster all{of, name + "-any"};
      any.push_back(all.kill_last());
      lost += all.lost();
    }
    one_cluster all{of, name + "-oldest"};
    oldest.push_back(all.kill_first());
    lost += all.lost();
  }
  return {bench::median(any), bench::median(oldest), lost};
}

int run(int argc, char** argv) {
  bench::report report{
      argc, argv,
      "failover: from SIGKILL of one of four processes until a put of a key that "
      "it owned was answered, of a cache with\none backup, quorum none; and of the "
      "oldest of the four, which decides the views. The same of a\nstrong cache, quorum majority, "
      "until a get and then a put were answered; fast: with fast timing. A member without weight\n"
      "writes 2,000 keys all the time; lost are those whose last answered write "
      "is missing afterwards. Medians."};
  const int rounds = bench::is_quick(argc, argv) ? 1 : 5;
  std::size_t lost = 0;
  for (const auto& [of, name] : {std::pair{kind::eventual, "failover_eventual"},
                                 std::pair{kind::strong_fast, "failover_strong_fast"},
                                 std::pair{kind::strong, "failover_strong"}}) {
    const seconds_gone gone = measure(of, rounds);
    report.figure(std::string{name} + "_s", gone.any, "s");
    report.figure(std::string{name} + "_coordinator_s", gone.oldest, "s");
    lost += gone.lost;
  }
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  report.figure("failover_lost_writes", static_cast<double>(lost), "writes");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] {
    if (argc == 6 && std::string_view{argv[2]} == "member") {
      return run_member(static_cast<kind>(std::stoi(argv[5])), argv[3],
                        static_cast<std::uint16_t>(std::stoul(argv[4])));
    }
    return run(argc, argv);
  });
}
