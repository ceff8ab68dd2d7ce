// Clients of one cache whose answers all come from the owners of its keys, in one of eight seeds.
// What they are told is judged as what it is: the history of registers (judged_histories.hpp).
//
// They also read through their near caches, now and then. Nobody judges what that returns, but an
// answer that should have come from an owner and came from there is seen.
//
// Where clusters go on by a majority there are such clients of a strong cache too: there what near
// caches return is judged like the rest, and over changes of owners (linear_order.hpp).
#pragma once

#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/judged_histories.hpp>
#include <kith/sim/linear_order.hpp>
#include <kith/sim/records.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

struct judged_options {
  std::string name = "judged";
  bool strong = false;
  /// Of a strong cache: near entries of what a member owns are kept too.
  bool near_local = false;
  /// Of a hundred operations so many are reads through near caches, beside a tenth of the others.
  std::uint64_t near_percent = 0;
  /// Whether there are such clients in this run.
  bool drawn = false;
  std::uint32_t copies = 0;
  std::uint32_t async_copies = 0;
  std::uint32_t keys = 3;
  /// The first members have clients.
  std::size_t members_most = 7;
  std::size_t clients_per_member = 2;
  duration think_most = std::chrono::milliseconds{400};
};

[[nodiscard]] inline judged_options of_strong_cache() {
  judged_options made;
  made.name = "strong";
  made.strong = true;
  return made;
}

class judged_clients {
 public:
  judged_clients(cluster& on, checker& judge, std::uint64_t seed, judged_options options)
      : cluster_{on},
        checker_{judge},
        random_{seed ^ (options.strong ? 0x7374726F6E670001u : 0x6A75646700000001u)},
        options_{std::move(options)} {}

  /// Opens the cache at members that run and have it not, and starts their clients.
  void start_missing();
  void stop() { stopped_ = true; }
  [[nodiscard]] std::uint64_t pending() const { return started_ - answered_; }
  /// At the end.
  void finish() {
    histories_.judge(
        [this](std::uint32_t key, const epoch& in) { return checker_.inherits(key, in); });
    if (options_.strong) order_.judge();
  }
  [[nodiscard]] const judged_histories& histories() const { return histories_; }
  [[nodiscard]] std::vector<violation> violations() const {
    std::vector<violation> all = histories_.violations();
    all.insert(all.end(), order_.violations().begin(), order_.violations().end());
    return all;
  }

 private:
  using register_cache = cache<std::uint32_t, std::int64_t>;
  struct client {
    member_id self;
    register_cache registers;
  };
  using shared_client = std::shared_ptr<client>;

  void later(std::size_t member, shared_client with);
  void next(std::size_t member, shared_client with);
  void get(std::size_t member, shared_client with, std::uint32_t key);
  void get_near(std::size_t member, shared_client with, std::uint32_t key);
  void put(std::size_t member, shared_client with, std::uint32_t key);
  void put_if_absent(std::size_t member, shared_client with, std::uint32_t key);
  void compare_and_put(std::size_t member, shared_client with, std::uint32_t key);
  void erase(std::size_t member, shared_client with, std::uint32_t key);
  void add(std::size_t member, shared_client with, std::uint32_t key);
  [[nodiscard]] judged_call begin(operation_kind kind, std::size_t member, const client& with,
                                  std::uint32_t key);
  void end(judged_call call, const error_code& code, shared_client with);

  /// Far from each other, so that no sum is another one's value.
  [[nodiscard]] std::int64_t next_value() { return last_value_ += 1'000'000; }

  cluster& cluster_;
  checker& checker_;
  random_source random_;
  const judged_options options_;
  judged_histories histories_{options_.name, history_part::whole};
  linear_order order_{[this](std::uint32_t key, const epoch& from, const epoch& to) {
    return checker_.kept(key, from, to, options_.copies);
  }};
  std::map<std::size_t, shared_client> open_;
  /// What anybody read or wrote last, for others to start from.
  std::map<std::uint32_t, version> heard_of_;
  std::int64_t last_value_ = 0;
  std::uint64_t started_ = 0;
  std::uint64_t answered_ = 0;
  bool stopped_ = false;
};

// --- implementation ---

inline void judged_clients::start_missing() {
  if (!options_.drawn) return;
  cache_options<std::uint32_t, std::int64_t> of;
  of.backups = static_cast<int>(options_.copies);
  of.async_backups = static_cast<int>(options_.async_copies);
  of.near.local = options_.near_local;
  if (options_.strong) of.coherence = kith::coherence::strong;
  for (std::size_t i = 0; i < std::min(cluster_.size(), options_.members_most); ++i) {
    if (!cluster_.host(i).running() || open_.contains(i)) continue;
    try {
      const auto opened = std::make_shared<client>(
          client{{}, cluster_.cache<std::uint32_t, std::int64_t>(i, options_.name, of)});
      opened->self = cluster_.host(i).control().self();
      open_[i] = opened;
      for (std::size_t c = 0; c < options_.clients_per_member; ++c) later(i, opened);
    } catch (const error&) {
      // It crashed meanwhile, or found nobody to agree with: later again.
    }
  }
}

inline void judged_clients::later(std::size_t member, shared_client with) {
  const auto most = static_cast<std::uint64_t>(options_.think_most.count());
  cluster_.time().after(duration{static_cast<std::int64_t>(random_.below(most))},
                        [this, member, with] { next(member, with); });
}

inline void judged_clients::next(std::size_t member, shared_client with) {
  const auto known = open_.find(member);
  if (stopped_ || known == open_.end() || known->second != with) return;
  if (cluster_.port_of(member)->closed()) {
    open_.erase(known);
    return;
  }
  if (cluster_.host(member).paused()) return later(member, with);
  const auto key = static_cast<std::uint32_t>(random_.below(options_.keys));
  const std::uint64_t draw = random_.below(100);
  const bool reads_near = options_.near_percent > 0 && random_.below(100) < options_.near_percent;
  if (reads_near) return get_near(member, with, key);
  if (draw < 35) return get(member, with, key);
  if (draw < 45) return get_near(member, with, key);
  if (draw < 60) return put(member, with, key);
  if (draw < 70) return put_if_absent(member, with, key);
  if (draw < 82) return compare_and_put(member, with, key);
  if (draw < 90) return erase(member, with, key);
  add(member, with, key);
}

inline judged_call judged_clients::begin(operation_kind kind, std::size_t member,
                                         const client& with, std::uint32_t key) {
  ++started_;
  return {begin_record(cluster_, checker_, kind, member, with.self, key)};
}

inline void judged_clients::end(judged_call call, const error_code& code, shared_client with) {
  ++answered_;
  end_record(cluster_, checker_, call.op, code);
  call.maybe_applied = code == condition::maybe_applied;
  const std::size_t member = call.op.member;
  call.until = checker_.epoch_told(call.op);
  if (call.op.version != version{}) heard_of_[call.op.key] = call.op.version;
  if (options_.strong) order_.told(call);
  histories_.told(std::move(call));
  later(member, with);
}

inline void judged_clients::get(std::size_t member, shared_client with, std::uint32_t key) {
  judged_call call = begin(operation_kind::read, member, *with, key);
  with->registers.async_get_versioned(
      key, [this, with, call](error_code code, versioned<std::int64_t> found) mutable {
        call.op.yes = static_cast<bool>(found);
        call.op.version = found.version;
        call.op.value = found ? *found.value : 0;
        end(std::move(call), code, with);
      });
}

inline void judged_clients::get_near(std::size_t member, shared_client with, std::uint32_t key) {
  judged_call call = begin(operation_kind::read, member, *with, key);
  with->registers.async_get(key,
                            [this, with, call](error_code code, ref<std::int64_t> found) mutable {
                              if (!options_.strong) {
                                ++answered_;
                                return later(call.op.member, with);
                              }
                              found_in(call.op, found);
                              end(std::move(call), code, with);
                            });
}

inline void judged_clients::put(std::size_t member, shared_client with, std::uint32_t key) {
  judged_call call = begin(operation_kind::write, member, *with, key);
  call.op.value = next_value();
  with->registers.async_put(key, call.op.value,
                            [this, with, call](error_code code, version at) mutable {
                              call.op.version = at;
                              end(std::move(call), code, with);
                            });
}

inline void judged_clients::put_if_absent(std::size_t member, shared_client with,
                                          std::uint32_t key) {
  judged_call call = begin(operation_kind::put_if_absent, member, *with, key);
  call.op.value = next_value();
  with->registers.async_put_if_absent(key, call.op.value,
                                      [this, with, call](error_code code, bool put) mutable {
                                        call.op.yes = put;
                                        end(std::move(call), code, with);
                                      });
}

/// From what anybody heard of last, so that two often start from one; now and then from nothing.
inline void judged_clients::compare_and_put(std::size_t member, shared_client with,
                                            std::uint32_t key) {
  judged_call call = begin(operation_kind::compare_and_put, member, *with, key);
  call.op.value = next_value();
  if (random_.below(8) > 0) call.expected = heard_of_[key];
  with->registers.async_compare_and_put(key, call.expected, call.op.value,
                                        [this, with, call](error_code code, bool put) mutable {
                                          call.op.yes = put;
                                          end(std::move(call), code, with);
                                        });
}

inline void judged_clients::erase(std::size_t member, shared_client with, std::uint32_t key) {
  judged_call call = begin(operation_kind::erase, member, *with, key);
  with->registers.async_erase(key, [this, with, call](error_code code, version at) mutable {
    call.op.version = at;
    end(std::move(call), code, with);
  });
}

inline void judged_clients::add(std::size_t member, shared_client with, std::uint32_t key) {
  judged_call call = begin(operation_kind::add, member, *with, key);
  with->registers.async_add(key, 1, [this, with, call](error_code code, std::int64_t sum) mutable {
    call.op.value = sum;
    end(std::move(call), code, with);
  });
}

}  // namespace kith::sim
