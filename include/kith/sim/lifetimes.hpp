// Clients of one cache whose entries end and are renewed in every way that there is, drawn from the
// seed: rows of a database that is written with and without telling the cache. Beside the rules of
// checkers.hpp for rows (E3, E5, E6):
//
//   L1 limit    a read returns no row that the database had lost longer ago than a load, the time
//               to live and what the options add to it take together, where all clocks run
//   L2 absence  a read finds something, unless the database had no row at some time since the write
//               that the reader has to know of
//   L3 row      whatever is read was a row of its key
#pragma once

#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/loader.hpp>
#include <kith/options.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/records.hpp>

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

struct lifetime_options {
  /// Whether there are such clients in this run.
  bool drawn = false;
  std::uint32_t keys = 3;
  duration think_most = std::chrono::milliseconds{60};
  /// What the cluster's loads take at most.
  duration load_most = std::chrono::milliseconds{5};
  /// No clock stands still in this run, and no member stops.
  bool clocks_run = false;
};

class lifetime_clients {
 public:
  lifetime_clients(cluster& on, checker& judge, std::uint64_t seed, lifetime_options options);

  /// Opens the cache at members that run and have it not, and starts a client of each.
  void start_missing();
  void stop() { stopped_ = true; }
  [[nodiscard]] std::uint64_t pending() const { return started_ - answered_; }
  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

 private:
  using row_cache = cache<std::uint32_t, std::int64_t>;
  /// What the database held of a key from some time on.
  struct state {
    time_point since;
    std::int64_t number = 0;
    bool present = true;
  };
  struct client {
    member_id self;
    row_cache rows;
  };

  [[nodiscard]] cache_options<std::uint32_t, std::int64_t> draw_options();
  [[nodiscard]] loaded_value<std::int64_t> load(std::uint32_t key);
  void later(std::size_t member, std::shared_ptr<client> with);
  void next(std::size_t member, std::shared_ptr<client> with);
  void read(std::size_t member, std::shared_ptr<client> with, std::uint32_t key);
  /// The database first, then the key: a load that began before cannot bring the old row back.
  void write(std::size_t member, std::shared_ptr<client> with, std::uint32_t key, bool present);
  std::int64_t change(std::uint32_t key, bool present);
  [[nodiscard]] record begin(operation_kind kind, std::size_t member, const client& with,
                             std::uint32_t key);
  void end(record& op, const error_code& code);
  void check(const record& op, duration beyond_end);
  void fail(const char* rule, const record& op, const std::string& more);

  cluster& cluster_;
  checker& checker_;
  random_source random_;
  random_source loads_;
  lifetime_options options_;
  cache_options<std::uint32_t, std::int64_t> cache_;
  /// This member opens the cache without a loader: what it owns is loaded by its readers.
  const std::size_t without_loader_;
  std::map<std::uint32_t, std::vector<state>> database_;
  std::map<std::size_t, std::shared_ptr<client>> open_;
  std::int64_t last_number_ = 0;
  std::uint64_t started_ = 0;
  std::uint64_t answered_ = 0;
  bool stopped_ = false;
  std::vector<violation> violations_;
};

// --- implementation ---

/// The checker keeps the rows of all caches by their keys: these are others than the workload's.
inline constexpr std::uint32_t first_lifetime_key = 1000;

inline lifetime_clients::lifetime_clients(cluster& on, checker& judge, std::uint64_t seed,
                                          lifetime_options options)
    : cluster_{on},
      checker_{judge},
      random_{seed ^ 0x6C69666500000001u},
      loads_{seed ^ 0x6C69666500000002u},
      options_{options},
      cache_{draw_options()},
      without_loader_{random_.below(3) == 0 ? 0 : SIZE_MAX} {
  for (std::uint32_t key = 0; key < options_.keys; ++key) change(first_lifetime_key + key, true);
}

inline cache_options<std::uint32_t, std::int64_t> lifetime_clients::draw_options() {
  using std::chrono::milliseconds;
  const auto maybe = [this](std::int64_t most_ms) -> std::optional<duration> {
    if (random_.below(2) == 0) return std::nullopt;
    return milliseconds{1 + random_.below(static_cast<std::uint64_t>(most_ms))};
  };
  cache_options<std::uint32_t, std::int64_t> drawn;
  drawn.ttl = milliseconds{random_.between(300, 3000)};
  drawn.ttl_jitter = maybe(300);
  drawn.idle = maybe(2000);
  drawn.loading.negative_ttl = maybe(20'000);
  drawn.loading.refresh_after = maybe(200);
  drawn.loading.stale_while_revalidate = maybe(1500);
  drawn.loading.stale_if_error = maybe(3000);
  if (drawn.loading.stale_while_revalidate || drawn.loading.stale_if_error) {
    drawn.loading.soft_timeout = maybe(10);
  }
  if (const auto hard = maybe(2000)) drawn.loading.hard_timeout = *hard + milliseconds{10};
  if (random_.below(2) == 0) drawn.loading.early_refresh = 1.0;
  return drawn;
}

inline std::int64_t lifetime_clients::change(std::uint32_t key, bool present) {
  database_[key].push_back({cluster_.time().now(), ++last_number_, present});
  return last_number_;
}

inline loaded_value<std::int64_t> lifetime_clients::load(std::uint32_t key) {
  const std::uint64_t draw = loads_.below(20);
  if (draw < 3 && !stopped_) throw std::runtime_error{"no database"};
  const state& row = database_[key].back();
  loaded_value<std::int64_t> found;
  if (row.present) found.value = row.number;
  found.keep = draw != 3;
  if (draw == 4) found.ttl = *cache_.ttl / 2;
  return found;
}

inline void lifetime_clients::start_missing() {
  if (!options_.drawn) return;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    if (!cluster_.host(i).running() || open_.contains(i)) continue;
    auto options = cache_;
    if (i != without_loader_) {
      options.load = [this](const std::uint32_t& key) { return load(key); };
    }
    try {
      const auto opened = std::make_shared<client>(
          client{{}, cluster_.cache<std::uint32_t, std::int64_t>(i, "lifetimes", options)});
      opened->self = cluster_.host(i).control().self();
      open_[i] = opened;
      later(i, opened);
    } catch (const error&) {
      // It crashed meanwhile, or found nobody to agree with: later again.
    }
  }
}

inline void lifetime_clients::later(std::size_t member, std::shared_ptr<client> with) {
  const auto most = static_cast<std::uint64_t>(options_.think_most.count());
  cluster_.time().after(duration{static_cast<std::int64_t>(random_.below(most))},
                        [this, member, with] { next(member, with); });
}

inline void lifetime_clients::next(std::size_t member, std::shared_ptr<client> with) {
  const auto known = open_.find(member);
  if (stopped_ || known == open_.end() || known->second != with) return;
  if (cluster_.port_of(member)->closed()) {
    open_.erase(known);
    return;
  }
  if (cluster_.host(member).paused()) return later(member, with);
  const auto key =
      first_lifetime_key + static_cast<std::uint32_t>(random_.below(options_.keys));
  const std::uint64_t draw = random_.below(100);
  if (draw < 85) return read(member, with, key);
  if (draw < 90) return write(member, with, key, true);
  if (draw < 92) return write(member, with, key, false);
  change(key, draw < 99);
  later(member, with);
}

inline record lifetime_clients::begin(operation_kind kind, std::size_t member, const client& with,
                                      std::uint32_t key) {
  ++started_;
  return begin_record(cluster_, checker_, kind, member, with.self, key);
}

inline void lifetime_clients::end(record& op, const error_code& code) {
  ++answered_;
  if (code == errc::closed) open_.erase(op.member);  // it crashed, or has begun anew
  end_record(cluster_, checker_, op, code);
}

inline void lifetime_clients::read(std::size_t member, std::shared_ptr<client> with,
                                   std::uint32_t key) {
  record op = begin(operation_kind::read, member, *with, key);
  get_options how;
  if (random_.below(8) == 0) how.max_age = std::chrono::milliseconds{random_.between(1, 500)};
  const loading_options& loading = cache_.loading;
  duration beyond = std::max(loading.stale_while_revalidate.value_or(duration{}),
                             loading.stale_if_error.value_or(duration{}));
  if (how.max_age) beyond = std::min(beyond, *how.max_age);
  with->rows.async_get(key, how,
                       [this, member, with, op, beyond](error_code code,
                                                        ref<std::int64_t> found) mutable {
                         found_in(op, found);
                         end(op, code);
                         checker_.check_row(op);
                         check(op, beyond);
                         later(member, with);
                       });
}

inline void lifetime_clients::write(std::size_t member, std::shared_ptr<client> with,
                                    std::uint32_t key, bool present) {
  record op = begin(operation_kind::erase, member, *with, key);
  const std::int64_t row = change(key, present);
  with->rows.async_erase(key, [this, member, with, op, row](error_code code, version at) mutable {
    op.version = at;
    end(op, code);
    checker_.wrote_row(op, row);
    later(member, with);
  });
}

inline void lifetime_clients::fail(const char* rule, const record& op, const std::string& more) {
  const auto ms = [](time_point t) {
    return std::to_string(t.time_since_epoch().count() / 1'000'000);
  };
  violations_.push_back({std::string{rule} + ": key " + std::to_string(op.key) + " member " +
                         std::to_string(op.member) + " invoked " + ms(op.invoked) +
                         " ms answered " + ms(op.answered) + " ms value " +
                         std::to_string(op.value) + ": " + more});
}

inline void lifetime_clients::check(const record& op, duration beyond_end) {
  if (op.failed) return;
  const std::vector<state>& states = database_[op.key];
  if (!op.yes && op.member == without_loader_) return;
  if (!op.yes) {
    const std::optional<std::int64_t> owed = checker_.row_owed_to(op);
    bool gone = !owed;
    for (const state& one : states) gone = gone || (one.number >= *owed && !one.present);
    if (!gone) fail("L2", op, "absent since row " + std::to_string(*owed));
    return;
  }
  std::size_t i = 0;
  while (i < states.size() && (states[i].number != op.value || !states[i].present)) ++i;
  if (i == states.size()) return fail("L3", op, "no such row");
  if (!options_.clocks_run || i + 1 == states.size()) return;
  constexpr std::chrono::milliseconds slack{500};
  const duration limit = options_.load_most + *cache_.ttl + beyond_end + slack;
  if (states[i + 1].since + limit < op.invoked) fail("L1", op, "the row is another one since long");
}

}  // namespace kith::sim
