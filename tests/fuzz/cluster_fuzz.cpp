// A simulated cluster of three, with what its clients ask, what breaks and how far time goes read
// from the input: the simulator's promises hold under every schedule (kith/sim/checkers.hpp,
// member_rules.hpp, value_oracle.hpp, conditions.hpp), and when everything has healed all agree and
// nothing is left.
//
//   settings   1: quorum = majority; 2: chunks are split; 4: streams overflow early; 8: decoders
//   take
//              their time; 16: some loads fail
//   seed       two bytes: delays and identities
//   then       steps of three bytes: what, whom, how
#include <fuzz/fail.hpp>
#include <fuzz/script.hpp>

#include <kith/sim/checkers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/member_rules.hpp>
#include <kith/sim/workload.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t members = 3;
constexpr int steps_max = 200;

sim::cluster_options cluster_of(std::uint8_t settings, std::uint64_t seed) {
  sim::cluster_options of;
  of.members = members;
  of.seed = seed;
  of.quorum = (settings & 1) != 0 ? quorum::majority : quorum::none;
  of.network.split_per_million = (settings & 2) != 0 ? 200'000 : 0;
  if ((settings & 4) != 0) {
    of.lane.replica.backlog_keys = 2;
    of.lane.replica.log_entries = 4;
  }
  of.decode_most = (settings & 8) != 0 ? 100ms : 0ms;
  return of;
}

sim::workload_options work_of(std::uint8_t settings) {
  sim::workload_options work;
  work.keys = 4;
  if ((settings & 16) != 0) work.load_failure_every = 4;
  return work;
}

class run {
 public:
  run(std::uint8_t settings, std::uint64_t seed)
      : majority_{(settings & 1) != 0},
        cluster_{cluster_of(settings, seed)},
        judge_{cluster_,
               {work_of(settings).max_staleness, cluster_of(settings, seed).quorum}},
        clients_{cluster_, judge_, seed, work_of(settings)},
        each_{cluster_} {
    cluster_.on_end_of_life([this](sim::host& over) {
      each_.end_of_life(over);
      judge_.end_of_life(over);
    });
    cluster_.after_each_event([this] {
      judge_.look();
      each_.look();
    });
    clients_.stop();  // they ask what the script says
    cluster_.run_until_stable();
    clients_.open_missing();
  }
  run(const run&) = delete;
  run& operator=(const run&) = delete;
  ~run() {
    cluster_.after_each_event({});
    cluster_.on_end_of_life({});
  }

  void step(fuzz::script& in);
  /// True when the script took a quorum away for good.
  [[nodiscard]] bool quorum_lost() const { return majority_ && cluster_.quorum_lost(); }
  void finish();

 private:
  void fault(std::size_t what, std::uint8_t whom, std::uint8_t how);
  [[nodiscard]] bool may_crash(std::size_t victim);
  void crash(std::size_t i, bool silently);
  void heal();
  void until_done(const std::function<void()>& undo) { undo_.push_back(undo); }
  void report(const std::vector<sim::violation>& wrong) {
    if (!wrong.empty()) fuzz::fail(wrong.front().what);
  }

  const bool majority_;
  sim::cluster cluster_;
  sim::checker judge_;
  sim::workload clients_;
  sim::member_rules each_;
  /// What ends faults that do not end by themselves.
  std::vector<std::function<void()>> undo_;
  /// When the last pause is over.
  time_point awake_{};
};

/// With a quorum only while all who run are in one view and would still be more than half of it: a
/// cluster that is founded anew has a history of its own, which is nobody's fault.
bool run::may_crash(std::size_t victim) {
  if (!majority_) return true;
  const cluster::view_key newest = cluster_.newest_view();
  std::size_t left = 0;
  std::size_t all = 0;
  for (std::size_t i = 0; i < members; ++i) {
    if (!cluster_.host(i).running()) continue;
    const auto& view = cluster_.host(i).control().membership().current();
    if (view == nullptr || view->key != newest) return false;
    if (!view->contains(cluster_.host(i).control().self())) return false;
    all = view->size();
    left += i != victim ? 1 : 0;
  }
  return 2 * left > all;
}

void run::crash(std::size_t i, bool silently) {
  if (!cluster_.host(i).running() || !may_crash(i)) return;
  silently ? cluster_.crash_silently(i) : cluster_.crash(i);
}

void run::fault(std::size_t what, std::uint8_t whom, std::uint8_t how) {
  const std::size_t i = whom % members;
  const std::size_t other = (i + 1 + whom / members % (members - 1)) % members;
  const auto from = static_cast<sim::host_index>(i);
  const auto to = static_cast<sim::host_index>(other);
  sim::host& host = cluster_.host(i);
  const duration length = how * 48ms;
  sim::network& net = cluster_.network();
  switch (what) {
    case 0: crash(i, how % 2 == 0); break;
    case 1:
      if (!host.running()) cluster_.start(i);
      break;
    case 2:
    case 3:
      if (!host.running() || host.paused()) break;
      awake_ = std::max(awake_, cluster_.time().now() + length);
      what == 2 ? cluster_.pause(i, length) : cluster_.freeze(i, length);
      break;
    case 4: cluster_.cut(i, other); break;
    case 5: cluster_.cut_one_way(i, other); break;
    case 6: heal(); break;
    case 7:
      if (const auto all = net.connections_of(from); !all.empty()) net.reset(all[how % all.size()]);
      break;
    case 8:
      if (host.running()) host.dial_again(sim::cluster::address_of(other));
      break;
    case 9:
      net.clog(from, to, length);
      until_done([&net, from, to, length] { net.clog(from, to, -length); });
      break;
    case 10:
      net.slow_reader(from, how * 1ms, length);
      break;
    case 11:
      net.lossy(from, true);
      until_done([&net, from] { net.lossy(from, false); });
      break;
    default: break;
  }
}

void run::heal() {
  cluster_.heal();
  for (const auto& undo : std::exchange(undo_, {})) undo();
}

void run::step(fuzz::script& in) {
  const std::uint8_t what = in.byte();
  const std::uint8_t whom = in.byte();
  const std::uint8_t how = in.byte();
  constexpr std::size_t faults = 12;
  switch (what % 4) {
    case 0:
    case 1:
      static_cast<void>(clients_.ask(whom % members, what / 4, whom / members));
      for (int i = 0; i < how % 32; ++i) static_cast<void>(cluster_.step());
      break;
    case 2: fault(what / 4 % faults, whom, how); break;
    default: cluster_.run_for(whom * 1ms + how * 10ms); break;
  }
}

void run::finish() {
  heal();
  for (std::size_t i = 0; i < members; ++i) {
    if (!cluster_.host(i).running()) cluster_.start(i);
  }
  // Connections to a machine that died silently last until somebody misses an answer.
  cluster_.run_for(std::max(awake_ - cluster_.time().now(), duration{25s}));
  cluster_.run_until_stable();
  if (!cluster_.run_until([&] { return clients_.pending() == 0; }, 30s)) {
    fuzz::fail("liveness: operations have no answer");
  }
  cluster_.run_for(1s);
  clients_.open_missing();
  report(clients_.converged());
  cluster_.run_for(2s);
  each_.at_rest();
  clients_.finish();
  report(clients_.violations());
  report(judge_.violations());
  report(each_.violations());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in{data, size};
  const std::uint8_t settings = in.byte();
  const std::uint64_t seed = in.word();
  run one{settings, seed};
  try {
    for (int i = 0; i < steps_max && !in.over(); ++i) one.step(in);
    one.finish();
  } catch (const std::exception& failed) {
    if (!one.quorum_lost()) fuzz::fail(std::string{"liveness: "} + failed.what());
  }
  return 0;
}
