// What goes wrong in a simulated run, and when: drawn from the seed (fault_draws.hpp), or read from
// a schedule (fault_script.hpp). Both make entries (fault_entry.hpp); what an entry does is here,
// and every one is logged, those that struck nobody too. A run from its own log is the same run.
//
// That holds as long as a class of faults keeps to this:
//
//   - All that it draws is in its entry, and drawn before the entry is applied, from the source of
//     its class. apply() draws nothing, nor does what it schedules; what is drawn later, as further
//     rounds are, is added to the entry, and read from there where the entry is from a schedule.
//   - It schedules events when an entry begins and nowhere else, and as many of them as its entry
//     and the cluster say: an entry that hits nobody because of what was drawn, and one that is
//     left out of the schedule, are the same thing to all that happened before.
//   - It does not look at the cluster from time to time by events of its own. What strikes when
//     something happens, as late timers, resets within a chunk and changeovers do, asks at that
//     occasion whether an entry awaits it (awaited): each entry names its first one.
//   - What it draws may depend on the cluster of that moment, and what it does too, but nothing may
//     depend on the draws of another class.
//
// A new class needs its name in fault_plan.hpp, its fields in fault_entry.hpp, which gives it its
// text, its draws in fault_draws.hpp and what it does here. `kith_sim --repeat` then runs seeds
// again from what was logged, and compares.
#pragma once

#include <kith/core/time.hpp>
#include <kith/options.hpp>
#include <kith/sim/changeovers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/fault_draws.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/fault_script.hpp>
#include <kith/sim/leavers.hpp>
#include <kith/store/pressure.hpp>
#include <kith/wire/handshake.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace kith::sim {

class fault_injector {
 public:
  /// Faults that are drawn from a seed. What happens is logged to `log`.
  fault_injector(cluster& on, const fault_plan& plan, kith::quorum quorum, std::uint64_t seed,
                 fault_log& log)
      : cluster_{on},
        plan_{plan},
        quorum_{quorum},
        draws_{on, plan, seed},
        moments_{on, plan.interval, random_source{seed ^ 0x6368616E67650001u}},
        leavers_{on},
        log_{log} {}
  /// Those of a schedule, of the classes that the plan has.
  fault_injector(cluster& on, const fault_plan& plan, kith::quorum quorum, fault_script script,
                 fault_log& log)
      : cluster_{on},
        plan_{plan},
        quorum_{quorum},
        draws_{on, plan, 0},
        moments_{on, plan.interval, random_source{0}},
        leavers_{on},
        script_{std::move(script)},
        log_{log} {}

  /// Schedules faults until `end`.
  void start(time_point end);
  /// Ends every fault and starts every member that is down. Who leaves goes on to do so.
  void stop();
  /// To be called behind every event.
  void look();
  /// Of members that left in order.
  [[nodiscard]] const std::vector<violation>& violations() const { return leavers_.violations(); }

  /// Those that struck: what hit nobody did not happen.
  [[nodiscard]] const std::array<std::uint64_t, fault_count>& counts() const { return counts_; }

 private:
  [[nodiscard]] duration since_start() const { return cluster_.time().now() - began_; }
  /// The class's next fault, and so on.
  void schedule(fault which);
  /// Of a drawn schedule and of one that was read.
  [[nodiscard]] std::optional<time_point> next_at(fault which);
  [[nodiscard]] fault_entry next(fault which);
  void await_ticks();
  void await_chunks();
  /// What strikes at this occasion, by its number: what a schedule says, or else what was drawn.
  std::optional<std::size_t> awaited(fault which, host_index from, host_index to,
                                     std::optional<fault_entry> drawn);

  /// Each of these returns whether it struck. `number`: of the entry in the log.
  bool apply(std::size_t number);
  bool crash(const fault_entry& one);
  bool kill(std::size_t victim, bool silently, duration length);
  bool changeover(const fault_entry& one);
  bool leave(const fault_entry& one);
  bool pause(const fault_entry& one);
  /// Members of different sides do not reach each other, but both reach the bridge, if it is one.
  bool cut_apart(const fault_entry& one);
  bool flip_flop(std::size_t number, std::size_t round);
  bool stall(const fault_entry& one);
  bool one_way(const fault_entry& one);
  bool clog(const fault_entry& one);
  bool duplicate(const fault_entry& one);
  bool reset(const fault_entry& one);
  bool slow_reader(const fault_entry& one);
  bool short_memory(const fault_entry& one);
  bool damage(const fault_entry& one);
  bool replay(const fault_entry& one);

  void log(const fault_entry& one) {
    log_.entries.push_back(one);
    log_.struck.push_back(false);
  }
  void struck(std::size_t number) {
    log_.struck[number] = true;
    ++counts_[static_cast<std::size_t>(log_.entries[number].which)];
  }
  /// It runs, and there is another one.
  [[nodiscard]] bool has_traffic(std::size_t victim) {
    return cluster_.size() > 1 && cluster_.host(victim).running();
  }
  /// With quorum = majority a run in which a quorum is gone for ever has nothing to show.
  [[nodiscard]] bool may_crash(std::size_t victim);
  /// Runs `what` later, unless the faults were stopped.
  void after(duration delay, std::function<void()> what);

  cluster& cluster_;
  const fault_plan plan_;
  const kith::quorum quorum_;
  fault_draws draws_;
  changeovers moments_;
  leavers leavers_;
  std::optional<fault_script> script_;
  fault_log& log_;
  time_point began_{};
  time_point end_{};
  network_options healthy_{};
  std::uint64_t round_ = 0;
  bool changeovers_on_ = false;
  /// When the last occasion was, and how many of that instant came before it.
  std::map<std::tuple<fault, host_index, host_index>, std::pair<duration, std::uint64_t>>
      occasions_;
  std::array<std::uint64_t, fault_count> counts_{};
};

// --- implementation ---

inline void fault_injector::after(duration delay, std::function<void()> what) {
  cluster_.time().after(delay, [this, round = round_, what = std::move(what)] {
    if (round == round_) what();
  });
}

inline void fault_injector::start(time_point end) {
  began_ = cluster_.time().now();
  end_ = end;
  network_options& roads = cluster_.network().options();
  healthy_ = roads;
  if (plan_.has(fault::reset)) roads.reset_per_million = plan_.reset_per_million;
  if (plan_.delay_mean) roads.delay_mean = *plan_.delay_mean;
  roads.heavy_links_per_mille = plan_.heavy_links_per_mille;
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (plan_.enabled[i]) schedule(static_cast<fault>(i));
  }
  if (plan_.has(fault::late_ticks)) await_ticks();
  if (plan_.has(fault::reset)) await_chunks();
  moments_.start();
  changeovers_on_ = plan_.has(fault::changeover);
}

inline void fault_injector::look() {
  leavers_.look();
  if (!changeovers_on_) return;
  const duration left = end_ - cluster_.time().now();
  if (left <= duration{}) return;
  const auto drawn = script_ ? std::nullopt : moments_.look(left + faults_over_after);
  const auto number = awaited(fault::changeover, 0, 0, drawn);
  if (!number) return;
  // A copy: the log may grow.
  const fault_entry one = log_.entries[*number];
  if (changeover(one)) struck(*number);
}

inline void fault_injector::schedule(fault which) {
  const std::optional<time_point> when = next_at(which);
  if (!when) return;
  after(*when - cluster_.time().now(), [this, which] {
    log(next(which));
    const std::size_t number = log_.entries.size() - 1;
    if (apply(number)) struck(number);
    schedule(which);
  });
}

inline std::optional<time_point> fault_injector::next_at(fault which) {
  if (script_) {
    const std::optional<duration> at = script_->next_at(which);
    return at ? std::optional{began_ + *at} : std::nullopt;
  }
  if (which == fault::late_ticks || which == fault::changeover) return std::nullopt;
  const time_point when = cluster_.time().now() + draws_.wait(which);
  return when < end_ ? std::optional{when} : std::nullopt;
}

inline fault_entry fault_injector::next(fault which) {
  if (script_) return script_->take(which);
  fault_entry one = draws_.draw(which, end_ - cluster_.time().now() + faults_over_after);
  one.at = since_start();
  return one;
}

inline std::optional<std::size_t> fault_injector::awaited(fault which, host_index from,
                                                          host_index to,
                                                          std::optional<fault_entry> drawn) {
  auto& [last, before] = occasions_[{which, from, to}];
  const duration at = since_start();
  before = std::exchange(last, at) == at ? before + 1 : 0;
  std::optional<fault_entry> found = script_ ? script_->take({which, from, to, at, before}) : drawn;
  if (!found) return std::nullopt;
  if (!script_) {
    found->at = at;
    found->skip = before;
  }
  log(*found);
  return log_.entries.size() - 1;
}

inline void fault_injector::await_ticks() {
  for (host_index i = 0; i < cluster_.size(); ++i) {
    cluster_.host(i).set_tick_delay([this, i]() -> duration {
      std::optional<fault_entry> drawn;
      if (!script_) {
        const std::optional<duration> late = draws_.late_tick();
        if (late) drawn = fault_entry{.which = fault::late_ticks, .member = i, .by = *late};
      }
      const auto number = awaited(fault::late_ticks, i, 0, drawn);
      if (!number) return {};
      struck(*number);
      return log_.entries[*number].by;
    });
  }
}

/// The network draws these resets, in a run from a schedule too: so its other draws stay the same.
inline void fault_injector::await_chunks() {
  cluster_.network().on_draw_of_reset(
      [this](host_index from, host_index to,
             std::optional<std::uint64_t> kept) -> std::optional<std::uint64_t> {
        std::optional<fault_entry> drawn;
        if (kept) drawn = fault_entry{.which = fault::reset, .within_chunk = true, .kept = *kept};
        if (drawn) std::tie(drawn->from, drawn->to) = std::pair{from, to};
        const auto number = awaited(fault::reset, from, to, drawn);
        if (!number) return std::nullopt;
        struck(*number);
        return log_.entries[*number].kept;
      });
}

inline bool fault_injector::apply(std::size_t number) {
  // A copy: the log grows.
  const fault_entry one = log_.entries[number];
  switch (one.which) {
    case fault::crash:
    case fault::silent_crash: return crash(one);
    case fault::pause:
    case fault::freeze: return pause(one);
    case fault::partition:
    case fault::isolated_pair: return cut_apart(one);
    case fault::one_way_loss: return one_way(one);
    case fault::clog: return clog(one);
    case fault::duplicate_connection: return duplicate(one);
    case fault::reset: return reset(one);
    case fault::slow_reader: return slow_reader(one);
    case fault::flip_flop: return one.from != one.to && flip_flop(number, 0);
    case fault::stall: return stall(one);
    case fault::memory: return short_memory(one);
    case fault::leave: return leave(one);
    case fault::damage: return damage(one);
    case fault::replay: return replay(one);
    case fault::late_ticks:
    case fault::changeover: break;  // they are awaited
  }
  return false;
}

/// Only while all who run are in one view and would still be more than half of it: so the next
/// view, which may be decided already, has a quorum too.
inline bool fault_injector::may_crash(std::size_t victim) {
  if (quorum_ == kith::quorum::none) return true;
  const kith::cluster::view_key key = cluster_.newest_view();
  std::size_t left = 0;
  std::size_t members = 0;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    if (!cluster_.host(i).running()) continue;
    const auto& view = cluster_.host(i).control().membership().current();
    if (view == nullptr || view->key != key) return false;
    if (!view->contains(cluster_.host(i).control().self())) return false;
    members = view->size();
    if (i != victim && !leavers_.leaving(i)) ++left;
  }
  return 2 * left > members;
}

inline bool fault_injector::crash(const fault_entry& one) {
  return kill(one.member, one.which == fault::silent_crash, one.length);
}

inline bool fault_injector::kill(std::size_t victim, bool silently, duration length) {
  if (!cluster_.host(victim).running() || !may_crash(victim)) return false;
  silently ? cluster_.crash_silently(victim) : cluster_.crash(victim);
  after(length, [this, victim] {
    if (!cluster_.host(victim).running()) cluster_.start(victim);
  });
  return true;
}

inline bool fault_injector::changeover(const fault_entry& one) {
  bool any = false;
  for (std::size_t i = 0; i < std::min(one.side.size(), one.after.size()); ++i) {
    const auto strike = [this, victim = one.side[i], silently = one.silently, length = one.length] {
      return kill(victim, silently, length);
    };
    if (one.after[i] == duration{}) {
      any = strike() || any;
    } else {
      after(one.after[i], strike);
    }
  }
  return any;
}

inline bool fault_injector::leave(const fault_entry& one) {
  bool any = false;
  for (const host_index victim : one.side) {
    any = leavers_.send_off(victim, one.by, one.length) || any;
  }
  return any;
}

inline bool fault_injector::pause(const fault_entry& one) {
  if (!cluster_.host(one.member).running() || cluster_.host(one.member).paused()) return false;
  one.which == fault::freeze ? cluster_.freeze(one.member, one.length)
                             : cluster_.pause(one.member, one.length);
  return true;
}

inline bool fault_injector::cut_apart(const fault_entry& one) {
  const std::size_t n = cluster_.size();
  std::vector<bool> side(n);
  for (const host_index i : one.side) side[i] = true;
  std::vector<std::pair<host_index, host_index>> cut;
  for (host_index a = 0; a < n; ++a) {
    for (host_index b = 0; b < n; ++b) {
      if (side[a] != side[b] && a != one.bridge && b != one.bridge) cut.emplace_back(a, b);
    }
  }
  for (const auto& [a, b] : cut) cluster_.network().cut(a, b);
  // Healed even when the faults are over: a partition has an end of its own.
  cluster_.time().after(one.length, [this, cut] {
    for (const auto& [a, b] : cut) cluster_.network().uncut(a, b);
  });
  return !cut.empty();
}

inline bool fault_injector::one_way(const fault_entry& one) {
  if (one.from == one.to) return false;
  cluster_.network().cut(one.from, one.to);
  cluster_.time().after(
      one.length, [this, from = one.from, to = one.to] { cluster_.network().uncut(from, to); });
  return true;
}

/// A one-way cut that comes and goes, as on a link that is routed to and fro.
inline bool fault_injector::flip_flop(std::size_t number, std::size_t round) {
  fault_entry& one = log_.entries[number];
  if (one.cut.size() == round && !script_) draws_.add_round(one);
  // A schedule may have fewer rounds than it names: the others never came.
  if (one.cut.size() <= round || one.open.size() <= round) return false;
  cluster_.network().cut(one.from, one.to);
  // The cut has an end of its own; the next one comes only while there are faults.
  cluster_.time().after(
      one.cut[round], [this, from = one.from, to = one.to] { cluster_.network().uncut(from, to); });
  if (round + 1 < one.rounds) {
    after(one.cut[round] + one.open[round], [=, this] { flip_flop(number, round + 1); });
  }
  return true;
}

inline bool fault_injector::stall(const fault_entry& one) {
  const host_index victim = one.member;
  cluster_.network().lossy(victim, true);
  cluster_.time().after(one.length, [this, victim] { cluster_.network().lossy(victim, false); });
  return has_traffic(victim);
}

inline bool fault_injector::clog(const fault_entry& one) {
  if (one.from == one.to) return false;
  cluster_.network().clog(one.from, one.to, one.by);
  cluster_.time().after(one.length,
                        [this, one] { cluster_.network().clog(one.from, one.to, -one.by); });
  return true;
}

inline bool fault_injector::duplicate(const fault_entry& one) {
  if (one.from == one.to) return false;
  bool dialled = false;
  for (const auto& [from, to] : {std::pair{one.from, one.to}, std::pair{one.to, one.from}}) {
    if (!cluster_.host(from).running()) continue;
    cluster_.host(from).dial_again(cluster_.address_of(to));
    dialled = true;
  }
  return dialled;
}

inline bool fault_injector::reset(const fault_entry& one) {
  const auto all = cluster_.network().connections_of(one.member);
  if (all.empty()) return false;
  cluster_.network().reset(all[one.nth % all.size()]);
  return true;
}

inline bool fault_injector::slow_reader(const fault_entry& one) {
  cluster_.network().slow_reader(one.member, one.by, one.length);
  return has_traffic(one.member);
}

inline bool fault_injector::short_memory(const fault_entry& one) {
  const std::size_t victim = one.member;
  if (!cluster_.host(victim).running()) return false;
  cluster_.host(victim).press({static_cast<store::pressure>(one.rung), one.excess});
  cluster_.time().after(one.length, [this, victim] { cluster_.host(victim).press({}); });
  return true;
}

inline bool fault_injector::damage(const fault_entry& one) {
  if (one.from == one.to) return false;
  cluster_.network().harm(one.from, one.to, {one.nth, cluster_.time().now() + one.length});
  return has_traffic(one.from);
}

inline bool fault_injector::replay(const fault_entry& one) {
  if (one.from == one.to) return false;
  cluster_.network().replay_one(one.from, one.to, cluster_.time().now() + one.length);
  return has_traffic(one.from);
}

inline void fault_injector::stop() {
  ++round_;
  changeovers_on_ = false;
  cluster_.network().options() = healthy_;
  cluster_.network().on_draw_of_reset({});
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    cluster_.host(i).set_tick_delay([]() -> duration { return {}; });
    if (!cluster_.host(i).running()) cluster_.start(i);
  }
}

}  // namespace kith::sim
