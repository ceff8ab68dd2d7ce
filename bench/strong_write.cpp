// What a write of a strong cache costs that waits for one copy and for no, one or two members that
// keep the key near, against a bare ping-pong between two processes; and beside it what the bare
// wake-ups cost that such a write needs.

#include "measure.hpp"
#include "peers.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t owners = 2;
constexpr std::size_t holders = 2;
/// With the one here, which writes.
constexpr std::uint32_t members = owners + holders + 1;

kith::member_options of_cluster(const std::string& cluster, std::uint16_t seed,
                                std::uint32_t weight) {
  kith::member_options made = bench::apart(cluster, seed, weight);
  made.quorum = kith::quorum::majority;
  made.bootstrap_expect = members;
  made.discovery.loopback = true;  // the first view needs all of them to know each other
  return made;
}

bench::record_options strong_options() {
  bench::record_options made;
  made.coherence = kith::coherence::strong;
  made.backups = 1;
  made.timeout = std::chrono::seconds{30};
  return made;
}

/// The role "member": says its port, then reads the key of each line that it is told until it is
/// near, and says so.
int run_member(const std::string& cluster, std::uint16_t seed, std::uint32_t weight) {
  kith::member member{of_cluster(cluster, seed, weight)};
  bench::say(member.address().port);
  const auto cache = member.cache<std::string, bench::record>("records", strong_options());
  std::array<char, 256> line{};
  while (std::fgets(line.data(), line.size(), stdin) != nullptr) {
    std::string key{line.data()};
    key.pop_back();
    const std::uint64_t hits = cache.stats().near_hits;
    while (cache.stats().near_hits == hits) (void)cache.get(key);
    bench::say(1);
  }
  return 0;
}

/// The role "hub": for each ping one to each of the processes that listen at the ports, and when
/// all have answered a pong.
int run_hub(std::span<char*> ports) {
  std::vector<bench::tcp_socket> spokes;
  for (const char* port : ports) {
    spokes.push_back(bench::new_socket());
    bench::require(bench::try_connect(spokes.back(), static_cast<std::uint16_t>(std::stoul(port))),
                   "a spoke cannot be reached");
  }
  auto [listener, port] = bench::bind_anywhere();
  bench::require(::listen(listener.fd(), 1) == 0, "listen");
  bench::say(port);
  const bench::tcp_socket peer{::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC)};
  std::string ping(bench::ping_size, 'i');
  std::string pong(bench::pong_size, 'o');
  const auto ask_all = [&] {
    for (const auto& each : spokes) {
      if (!each.write(ping)) return false;
    }
    for (const auto& each : spokes) {
      if (!each.read(pong)) return false;
    }
    return true;
  };
  while (peer.read(ping) && ask_all() && peer.write(pong)) {
  }
  return 0;
}

/// As many processes as take part in a write with one copy and two holders, woken as often.
class bare_fan {
 public:
  bare_fan() {
    std::vector<std::string> ports;
    for (int i = 0; i < 3; ++i) {
      spokes_.push_back(bench::child::in_role("echo"));
      ports.push_back(std::to_string(spokes_.back().read_port()));
    }
    hub_.push_back(bench::child::in_role("hub", ports));
    bench::require(bench::try_connect(socket_, hub_.back().read_port()), "no hub");
  }
  void call() { bench::require(socket_.write(ping_) && socket_.read(pong_), "the hub has ended"); }

 private:
  std::vector<bench::child> spokes_;
  std::vector<bench::child> hub_;
  bench::tcp_socket socket_ = bench::new_socket();
  std::string ping_ = std::string(bench::ping_size, 'i');
  std::string pong_ = std::string(bench::pong_size, 'o');
};

/// Two members that own and copy, two that keep near copies, each a process; and one here.
class strong_cluster {
 public:
  explicit strong_cluster(const std::string& name) : name_{name} {
    owners_.push_back(start(0, 100));
    first_port_ = owners_[0].read_port();
    while (owners_.size() < owners) {
      owners_.push_back(start(first_port_, 100));
      (void)owners_.back().read_port();
    }
    while (holders_.size() < holders) {
      holders_.push_back(start(first_port_, 0));
      (void)holders_.back().read_port();
    }
    member_.emplace_back(of_cluster(name, first_port_, 0));
    cache_.push_back(
        member_.front().cache<std::string, bench::record>("records", strong_options()));
    bench::wait_for_members(member_.front(), members);
    bench::wait_for_copies(member_.front(), 1);
    for (std::size_t i = 0; keys_.size() < holders + 1; ++i) add_key("key:" + std::to_string(i));
    for (const std::string& key : keys_) put(key);
  }

  /// The key that so many holders keep near.
  [[nodiscard]] const std::string& key(std::size_t held_by) const { return keys_[held_by]; }
  void hold(std::size_t by) {
    for (std::size_t i = 0; i < by; ++i) holders_[i].tell(keys_[by]);
    for (std::size_t i = 0; i < by; ++i) (void)holders_[i].read_number();
  }
  void put(const std::string& key) { cache_.front().put(key, bench::make_record(++id_)); }

 private:
  bench::child start(std::uint16_t seed, std::uint32_t weight) const {
    return bench::child::in_role("member", {name_, std::to_string(seed), std::to_string(weight)});
  }
  /// Its owner is the first member, and no other key is in its partition: leases and
  /// acknowledgements are a partition's.
  void add_key(std::string key) {
    const auto seen = cache_.front().explain(key);
    if (!seen.owner || seen.owner->port != first_port_) return;
    for (const std::string& other : keys_) {
      if (cache_.front().explain(other).partition == seen.partition) return;
    }
    keys_.push_back(std::move(key));
  }

  const std::string name_;
  std::vector<bench::child> owners_;
  std::vector<bench::child> holders_;
  std::uint16_t first_port_ = 0;
  std::deque<kith::member> member_;
  std::vector<bench::record_cache> cache_;
  std::vector<std::string> keys_;
  std::uint64_t id_ = 0;
};

int run(int argc, char** argv) {
  bench::report report{
      argc, argv,
      "strong_write: put of a strong cache with one backup, at a member that owns nothing, of a "
      "key that no, one or two other\nmembers have near; against the p50 of a blocking TCP "
      "ping-pong between two processes. wakeups: a blocking process that\npings three others at "
      "once and then answers, against the same. Each member a process, loopback, TCP_NODELAY; "
      "turn about,\n10 calls each, medians. This process has a processor, all others share "
      "another."};
  bench::apart_on_processors::begin();
  bench::ping_pong floor;
  bare_fan fan;
  strong_cluster all{"bench-strong-write-" + std::to_string(::getpid())};
  bench::latencies bare, fanned;
  std::array<bench::latencies, holders + 1> writes;
  const auto until = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds{bench::is_quick(argc, argv) ? 500 : 10'000};
  while (std::chrono::steady_clock::now() < until) {
    bare.time(10, [&] { floor.call(); });
    fanned.time(10, [&] { fan.call(); });
    for (std::size_t held = 0; held <= holders; ++held) {
      for (int i = 0; i < 10; ++i) {
        all.hold(held);
        writes[held].time(1, [&] { all.put(all.key(held)); });
      }
    }
  }
  bare.print("ping-pong");
  fanned.print("fan of three");
  for (std::size_t held = 0; held <= holders; ++held) {
    writes[held].print(("write, holders " + std::to_string(held)).c_str());
  }
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  for (std::size_t held = 0; held <= holders; ++held) {
    report.figure("strong_write_b1_h" + std::to_string(held), writes[held].at(0.5) / bare.at(0.5),
                  "x");
  }
  report.figure("wakeups_b1_h2", fanned.at(0.5) / bare.at(0.5), "x");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] {
    const std::string_view role = argc > 2 && std::string_view{argv[1]} == "--role" ? argv[2] : "";
    if (role == "echo") return bench::run_echo();
    if (role == "hub") return run_hub({argv + 3, argv + argc});
    if (role == "member" && argc == 6) {
      return run_member(argv[3], static_cast<std::uint16_t>(std::stoul(argv[4])),
                        static_cast<std::uint32_t>(std::stoul(argv[5])));
    }
    return run(argc, argv);
  });
}
