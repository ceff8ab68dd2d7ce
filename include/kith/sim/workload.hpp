// The clients of a simulated run: each does one operation after the other through its member's
// handles, and remembers what it asked and was told.
//
// Four caches: registers (reads, writes, erases), counters (additions, by processors too), rows
// (read through a loader from a database that clients write before they erase the key), and tokens
// (conditional writes, clears).
#pragma once

#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/addition.hpp>
#include <kith/sim/causal_oracle.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/conditions.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/judged_histories.hpp>
#include <kith/sim/key_choice.hpp>
#include <kith/sim/records.hpp>
#include <kith/sim/value_oracle.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

struct cache_copies {
  std::uint32_t sync = 0;
  std::uint32_t async = 0;
};

struct workload_options {
  std::uint32_t keys = 6;
  key_shape shape = key_shape::even;
  std::size_t clients_per_member = 2;
  /// Of a large cluster the first members have clients: traffic grows with their square.
  std::size_t members_most = 32;
  duration think_most = std::chrono::milliseconds{60};
  duration max_staleness = std::chrono::seconds{3};
  /// Owners may have no room for what they load. Such a value is answered under the version that
  /// the partition had when the load began, so V1 says nothing of rows.
  bool memory_short = false;
  /// Owners evict what was written, though it was not erased and its epoch is not over.
  bool evictions = false;
  /// Members keep near entries of what they own.
  bool near_local = false;
  /// Every other read may be answered by a member's own copy.
  bool backup_reads = false;
  duration timeout = std::chrono::seconds{5};
  /// Of each cache.
  cache_copies register_copies;
  cache_copies counter_copies;
  cache_copies row_copies;
  cache_copies token_copies;
  /// One in so many operations is conditional, or a removal of all. 0: none.
  std::uint64_t conditional_every = 8;
  /// Of a thousand of those: clears, which ask every partition. At most 50.
  std::uint64_t clears_per_mille = 0;
  /// One in so many operations is a read behind another one's write. 0: none.
  std::uint64_t causal_every = 10;
  /// One in so many loads throws. 0: none.
  std::uint64_t load_failure_every = 0;
  /// One in so many calls of save_or_warm does something. 0: none.
  std::uint64_t warm_every = 0;
};

struct workload_counters {
  std::uint64_t started = 0;
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
  std::uint64_t near_hits = 0;
};

class workload {
 public:
  workload(cluster& on, checker& judge, std::uint64_t seed, workload_options options);

  /// Opens the caches of members that run and have none open. Lets virtual time pass.
  void open_missing();
  /// For a run whose operations are chosen from outside, after stop(): the client of `member`
  /// begins one, of the kind that `choice` picks. False when the member has no handles, or stands
  /// still.
  bool ask(std::size_t member, std::uint8_t choice, std::uint32_t key);
  /// Saves a near cache, or warms one from what was saved. Lets virtual time pass.
  void save_or_warm();
  /// Starts clients of members that have handles and none running; until stop().
  void start_clients();
  void stop() { stopped_ = true; }
  /// Operations that were started and not answered.
  [[nodiscard]] std::uint64_t pending() const { return counters_.started - counters_.answered; }

  /// What every member reads now, after everything is quiet: all the same, the database's rows, and
  /// in the end from its near cache. Returns what is wrong.
  [[nodiscard]] std::vector<violation> converged();

  /// At the end: what the handles that are still open counted is added.
  void finish() {
    for (const auto& [member, with] : open_) count(*with);
    open_.clear();
    const auto inherits = [this](std::uint32_t key, const epoch& in) {
      return checker_.inherits(key, in);
    };
    register_order_.judge(inherits);
    token_order_.judge(inherits);
  }
  /// What was wrong with single answers, beside what the checker says; after finish().
  [[nodiscard]] std::vector<violation> violations() const {
    std::vector<violation> all = found_absent_;
    all.insert(all.end(), causal_.violations().begin(), causal_.violations().end());
    for (const conditions* one : {&registers_, &tokens_}) {
      all.insert(all.end(), one->violations().begin(), one->violations().end());
    }
    for (const judged_histories* one : {&register_order_, &token_order_}) {
      all.insert(all.end(), one->violations().begin(), one->violations().end());
    }
    for (const value_oracle* one : {&register_values_, &row_values_, &token_values_}) {
      all.insert(all.end(), one->violations().begin(), one->violations().end());
    }
    if (oldest_near_hit_ > options_.max_staleness) {
      const auto ms = oldest_near_hit_ / std::chrono::milliseconds{1};
      all.push_back({"O6: a near hit may have been " + std::to_string(ms) + " ms old"});
    }
    return all;
  }
  [[nodiscard]] const workload_counters& counters() const { return counters_; }
  /// Empty without a violation by a read; after the first one, what each member knew of its key.
  [[nodiscard]] const std::string& explained() const { return explained_; }
  [[nodiscard]] duration oldest_near_hit() const { return oldest_near_hit_; }

 private:
  using register_cache = cache<std::uint32_t, std::int64_t>;
  struct handles {
    member_id self;
    register_cache registers;
    register_cache counters;
    register_cache rows;
    register_cache tokens;
    std::size_t clients = 0;
  };

  [[nodiscard]] conditions::keeps kept_with(std::size_t sync) const {
    return [this, sync](std::uint32_t key, const conditions::place& from,
                        const conditions::place& to) {
      return checker_.comparable(from.side, to.side) && checker_.kept(key, from.in, to.in, sync);
    };
  }
  void next(std::size_t member, std::shared_ptr<handles> with);
  void later(std::size_t member, std::shared_ptr<handles> with);
  void count(const handles& over);
  [[nodiscard]] record begin(operation_kind kind, std::size_t member, const handles& with,
                             std::uint32_t key);
  void end(record& op, const error_code& code);

  [[nodiscard]] get_options how();
  void read(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void read_many(std::size_t member, std::shared_ptr<handles> with);
  void read_after(std::size_t member, std::shared_ptr<handles> with);
  void write(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void erase(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void put_if_absent(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void add(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void read_row(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void write_row(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);

  // workload_conditions.hpp
  void next_conditional(std::size_t member, std::shared_ptr<handles> with);
  void read_token(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void take_token(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void swap_token(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void drop_token(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void clear_tokens(std::size_t member, std::shared_ptr<handles> with);
  void end_tag(std::size_t member, std::shared_ptr<handles> with, std::uint32_t parity);
  [[nodiscard]] static std::string tag_of(std::uint32_t key) {
    return key % 2 == 0 ? "even" : "odd";
  }
  [[nodiscard]] causal_oracle::fate fate_of(const causal_token& after,
                                            const std::optional<conditions::place>& now,
                                            std::uint32_t key) const;
  void read_absent_row(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void invoke(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  /// The epoch in which an operation was applied: known if its member knows no other by now.
  [[nodiscard]] std::optional<epoch> epoch_of(const record& op,
                                              const std::optional<epoch>& before) const;
  [[nodiscard]] std::optional<conditions::place> place_of(std::size_t member,
                                                          std::uint32_t key) const;
  [[nodiscard]] conditions::places places_at(std::size_t member,
                                             std::optional<std::uint32_t> key) const;

  // workload_warming.hpp
  void warm(const register_cache& cache, const std::string& snapshot);
  // workload_more.hpp
  void write_many(std::size_t member, std::shared_ptr<handles> with);
  void touch_token(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);
  void drop_seen_token(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key);

  /// Of a read that needs no record of its own.
  static void told(value_oracle& values, std::size_t member, std::uint32_t key,
                   const ref<std::int64_t>& found);
  void read_quiet(std::size_t member, const handles& with, std::uint32_t key,
                  std::vector<violation>& wrong);
  // workload_explained.hpp
  void check_explained(std::uint32_t key, std::vector<violation>& wrong) const;
  /// If the checker has more violations than `before` the read `op`, and had none yet.
  void explain_first(std::size_t before, const record& op, register_cache handles::* in);

  cluster& cluster_;
  checker& checker_;
  random_source random_;
  random_source conditional_;
  random_source failures_;
  random_source behind_;
  random_source warming_;
  workload_options options_;
  key_choice keys_;
  causal_oracle causal_;
  conditions registers_;
  conditions tokens_;
  value_oracle register_values_{"registers"};
  value_oracle row_values_{"rows"};
  value_oracle token_values_{"tokens"};
  /// What owners themselves told, and with a version.
  judged_histories register_order_{"registers", history_part::some};
  judged_histories token_order_{"tokens", history_part::some};
  std::vector<violation> found_absent_;
  std::string explained_;
  std::map<std::size_t, std::shared_ptr<handles>> open_;
  std::map<std::uint32_t, std::int64_t> database_;
  /// Of near caches, by which cache it was.
  std::map<std::size_t, std::vector<std::string>> snapshots_;
  std::int64_t last_value_ = 0;
  std::uint64_t reads_ = 0;
  bool stopped_ = false;
  workload_counters counters_;
  duration oldest_near_hit_{};
};

// --- implementation ---

inline workload::workload(cluster& on, checker& judge, std::uint64_t seed, workload_options options)
    : cluster_{on},
      checker_{judge},
      random_{seed},
      conditional_{seed ^ 0x636F6E6400000001u},
      failures_{seed ^ 0x6661696C00000002u},
      behind_{seed ^ 0x6265686900000003u},
      warming_{seed ^ 0x7761726D00000004u},
      options_{options},
      keys_{options.shape, options.keys},
      causal_{options.evictions ? 0 : options.keys / 2},
      registers_{options.evictions, kept_with(judge.options().register_copies)},
      tokens_{options.evictions, kept_with(judge.options().token_copies)} {
  for (std::uint32_t key = 0; key < options_.keys; ++key) {
    database_[key] = ++last_value_;
    row_values_.invoked(key, database_[key]);
  }
}

inline void workload::open_missing() {
  const std::size_t most = std::min(cluster_.size(), options_.members_most);
  for (std::size_t i = 0; i < most; ++i) {
    if (!cluster_.host(i).running()) continue;
    const auto port = cluster_.port_of(i);
    const auto known = open_.find(i);
    if (known != open_.end() && known->second != nullptr && known->second->clients > 0) continue;
    using options_type = cache_options<std::uint32_t, std::int64_t>;
    options_type plain;
    plain.near.max_staleness = options_.max_staleness;
    plain.near.local = options_.near_local;
    plain.timeout = options_.timeout;
    const auto with_copies = [](options_type options, const cache_copies& copies) {
      options.backups = static_cast<int>(copies.sync);
      options.async_backups = static_cast<int>(copies.async);
      return options;
    };
    options_type loading = plain;
    loading.load = [this](const std::uint32_t& key) -> std::optional<std::int64_t> {
      const std::uint64_t every = stopped_ ? 0 : options_.load_failure_every;
      if (every > 0 && failures_.below(every) == 0) throw std::runtime_error{"no database"};
      const auto row = database_.find(key);
      if (row == database_.end()) return std::nullopt;
      return row->second;
    };
    if (known != open_.end() && known->second != nullptr) count(*known->second);
    try {
      open_[i] = std::make_shared<handles>(
          handles{{},
                  cluster_.cache<std::uint32_t, std::int64_t>(
                      i, "registers", with_copies(plain, options_.register_copies)),
                  cluster_.cache<std::uint32_t, std::int64_t>(
                      i, "counters", with_copies(plain, options_.counter_copies)),
                  cluster_.cache<std::uint32_t, std::int64_t>(
                      i, "rows", with_copies(loading, options_.row_copies)),
                  cluster_.cache<std::uint32_t, std::int64_t>(
                      i, "tokens", with_copies(plain, options_.token_copies))});
      if (knows_addition(i)) open_[i]->counters.register_processor<addition>("addition");
    } catch (const error&) {
      open_.erase(i);  // it crashed meanwhile, or found nobody to agree with: later again
    }
  }
}

inline void workload::count(const handles& over) {
  for (const register_cache* one : {&over.registers, &over.counters, &over.rows, &over.tokens}) {
    const cache_stats counted = one->stats();
    counters_.near_hits += counted.near_hits;
    oldest_near_hit_ = std::max(oldest_near_hit_, counted.oldest_near_hit);
  }
}

inline void workload::start_clients() {
  for (const auto& [member, with] : open_) {
    if (!cluster_.host(member).running() || with->clients > 0) continue;
    with->self = cluster_.host(member).control().self();
    for (std::size_t c = 0; c < options_.clients_per_member; ++c) {
      ++with->clients;
      later(member, with);
    }
  }
}

inline void workload::later(std::size_t member, std::shared_ptr<handles> with) {
  const auto most = static_cast<std::uint64_t>(options_.think_most.count());
  cluster_.time().after(duration{static_cast<std::int64_t>(random_.below(most))},
                        [this, member, with] { next(member, with); });
}

inline void workload::next(std::size_t member, std::shared_ptr<handles> with) {
  if (stopped_ || cluster_.port_of(member)->closed() || open_[member] != with) {
    --with->clients;
    return;
  }
  if (cluster_.host(member).paused()) return later(member, with);
  if (options_.conditional_every > 0 && conditional_.below(options_.conditional_every) == 0) {
    return next_conditional(member, with);
  }
  if (options_.causal_every > 0 && behind_.below(options_.causal_every) == 0) {
    return read_after(member, with);
  }
  const std::uint32_t key = keys_.draw(random_);
  // Half of the keys are never erased, so that what was put there has to be found.
  const std::uint32_t erasable = options_.keys / 2 + key / 2;
  const std::uint64_t draw = random_.below(100);
  const bool only_read = draw < 76 && !keys_.may_write(member, key);
  if (draw < 52 || only_read) return read(member, with, key);
  if (draw < 68) return write(member, with, key);
  if (draw < 72) return erase(member, with, erasable);
  if (draw < 76) return put_if_absent(member, with, key);
  if (draw < 84) return add(member, with, key);
  if (draw < 94) return read_row(member, with, key);
  if (draw < 97) return write_row(member, with, key);
  read_many(member, with);
}

inline record workload::begin(operation_kind kind, std::size_t member, const handles& with,
                              std::uint32_t key) {
  ++counters_.started;
  return begin_record(cluster_, checker_, kind, member, with.self, key);
}

inline void workload::end(record& op, const error_code& code) {
  ++counters_.answered;
  if (code) ++counters_.failed;
  end_record(cluster_, checker_, op, code);
}

inline void workload::read(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key) {
  record op = begin(operation_kind::read, member, *with, key);
  with->registers.async_get(
      key, how(), [this, member, with, op](error_code code, ref<std::int64_t> found) mutable {
        found_in(op, found);
        end(op, code);
        register_values_.told(op);
        const std::size_t before = checker_.violations().size();
        checker_.check(op);
        explain_first(before, op, &handles::registers);
        later(member, with);
      });
}

inline void workload::write(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key) {
  record op = begin(operation_kind::write, member, *with, key);
  op.value = ++last_value_;
  register_values_.invoked(key, op.value);
  with->registers.async_put(
      key, op.value, [this, member, with, op](error_code code, version at) mutable {
        op.version = at;
        end(op, code);
        register_values_.told(op);
        register_order_.told({op});
        checker_.check(op);
        causal_.hand_on(op, with->registers.token(op.key, at), checker_.side_of(member, op.key));
        later(member, with);
      });
}

inline void workload::erase(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key) {
  record op = begin(operation_kind::erase, member, *with, key);
  checker_.invoked_erase(key);
  const std::size_t number = registers_.begin_removal(op.invoked, places_at(member, key));
  with->registers.async_erase(
      key, [this, member, with, op, number](error_code code, version at) mutable {
        op.version = at;
        end(op, code);
        registers_.end_removal(op.answered, number, op.failed, places_at(op.member, op.key));
        checker_.invoked_erase(op.key);
        register_order_.told({op});
        checker_.check(op);
        causal_.hand_on(op, with->registers.token(op.key, at), checker_.side_of(member, op.key));
        later(member, with);
      });
}

inline void workload::put_if_absent(std::size_t member, std::shared_ptr<handles> with,
                                    std::uint32_t key) {
  record op = begin(operation_kind::put_if_absent, member, *with, key);
  op.value = ++last_value_;
  register_values_.invoked(key, op.value);
  const std::optional<epoch> before = checker_.epoch_at(member, key);
  with->registers.async_put_if_absent(
      key, op.value, [this, member, with, op, before](error_code code, bool put) mutable {
        op.yes = put;
        end(op, code);
        checker_.check(op);
        registers_.put_if_absent(op, epoch_of(op, before));
        later(member, with);
      });
}

inline void workload::add(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key) {
  record op = begin(operation_kind::add, member, *with, key);
  checker_.invoked_add(key);
  const std::optional<epoch> before = checker_.epoch_at(member, key);
  with->counters.async_add(
      key, 1, [this, member, with, op, before](error_code code, std::int64_t sum) mutable {
        op.value = sum;
        end(op, code);
        // Only within one epoch, as this member knows it, are two sums comparable.
        const std::optional<epoch> after = checker_.epoch_at(op.member, op.key);
        if (before && after && *before == *after) {
          op.version.epoch = *before;
          checker_.check(op);
        }
        checker_.answered_add(op.key);
        later(member, with);
      });
}

inline void workload::told(value_oracle& values, std::size_t member, std::uint32_t key,
                           const ref<std::int64_t>& found) {
  record op;
  op.member = member;
  op.key = key;
  found_in(op, found);
  values.told(op);
}

}  // namespace kith::sim

#include <kith/sim/workload_conditions.hpp>
#include <kith/sim/workload_converged.hpp>
#include <kith/sim/workload_explained.hpp>
#include <kith/sim/workload_more.hpp>
#include <kith/sim/workload_rows.hpp>
#include <kith/sim/workload_warming.hpp>
