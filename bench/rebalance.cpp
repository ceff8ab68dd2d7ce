// What it costs that a member joins and takes its share: how many partitions move, how many bytes
// are sent for each byte of the entries that move, and what reads of the cluster wait meanwhile.
// All members are in this process.

#include "measure.hpp"
#include "peers.hpp"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t members_before = 4;
/// A record of bench/record.hpp and its key, encoded.
constexpr double entry_bytes = 103 + 14;

std::vector<kith::member_id> owners_of(kith::member& one) {
  const auto view = one.runtime().view();
  std::vector<kith::member_id> owners;
  for (const auto& row : view->rows) owners.push_back(view->members[row.owner].id);
  return owners;
}

std::size_t differences(const std::vector<kith::member_id>& a,
                        const std::vector<kith::member_id>& b) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < a.size(); ++i) found += a[i] != b[i] ? 1 : 0;
  return found;
}

class growing_cluster {
 public:
  explicit growing_cluster(std::size_t entries) : keys_{bench::make_keys(entries)} {
    while (all_.size() < members_before) add();
    for (const auto& each : all_) bench::wait_for_members(*each, members_before);
    cache_ = std::make_unique<bench::record_cache>(open(*all_[0]));
    bench::fill(*cache_, keys_);
    order_ = bench::make_order(1 << 16, entries);
  }

  /// Reads of keys whose owner is asked, until `over()`.
  void read_until(const std::function<bool()>& over, bench::latencies& into) {
    while (!over()) {
      into.time(16, [&] {
        const std::string& key = keys_[order_[++reads_ % order_.size()]];
        bench::require(static_cast<bool>(cache_->get(key)), "an entry was lost in a move");
      });
    }
  }
  /// While nothing moves; what a read has all members send is not counted as of the move.
  void read_calmly(clock::duration time, bench::latencies& into) {
    const auto until = clock::now() + time;
    const double sent = sent_bytes();
    read_until([&] { return clock::now() > until; }, into);
    bytes_a_read_ = (sent_bytes() - sent) / static_cast<double>(reads_);
  }

  struct figures {
    double moves = 0;
    double bandwidth = 0;
  };
  /// A member joins; reads go on until it has its share.
  figures grow(bench::latencies& into) {
    const auto before = owners_of(*all_[0]);
    const double sent = sent_bytes();
    const std::size_t reads = reads_;
    add();
    kith::member& joined = *all_.back();
    const auto has_share = [&] {
      return joined.stats().lanes.partitions_owned >= kith::partition_count / all_.size();
    };
    const auto until = clock::now() + std::chrono::seconds{60};
    read_until([&] { return has_share() || clock::now() > until; }, into);
    bench::require(has_share(), "a member that joined has no share after 60 s");
    const double spent = sent_bytes() - sent - bytes_a_read_ * static_cast<double>(reads_ - reads);
    const auto after = owners_of(*all_[0]);
    std::size_t taken = 0;
    for (const std::string& key : keys_) {
      taken += cache_->explain(key).owner == joined.address() ? 1 : 0;
    }
    return {static_cast<double>(differences(before, after)) /
                static_cast<double>(kith::partition_count / all_.size()),
            spent / (static_cast<double>(taken) * entry_bytes)};
  }

 private:
  void add() {
    const std::uint16_t seed = all_.empty() ? std::uint16_t{0} : all_[0]->address().port;
    all_.push_back(std::make_unique<kith::member>(bench::apart(name_, seed)));
  }
  static bench::record_cache open(kith::member& by) {
    bench::record_options options;
    options.near.enabled = false;
    return by.cache<std::string, bench::record>("records", options);
  }
  [[nodiscard]] double sent_bytes() const {
    double sum = 0;
    for (const auto& each : all_) {
      for (const auto& peer : each->stats().peers) sum += static_cast<double>(peer.sent_bytes);
    }
    return sum;
  }

  const std::string name_ = "bench-rebalance-" + std::to_string(::getpid());
  const std::vector<std::string> keys_;
  std::vector<std::unique_ptr<kith::member>> all_;
  std::unique_ptr<bench::record_cache> cache_;
  std::vector<std::uint32_t> order_;
  std::size_t reads_ = 0;
  double bytes_a_read_ = 0;
};

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "rebalance: a fifth member joins four that hold records, without copies. "
                       "Partitions that change their owner against\nthe least that give it its "
                       "share; bytes that all members send until it has it, but for reads, "
                       "against\nthose of the entries that move; the p99 of blocking reads "
                       "meanwhile against the time before."};
  const bool quick = bench::is_quick(argc, argv);
  growing_cluster all{quick ? 10'000u : 500'000u};
  bench::latencies calm, moving;
  all.read_calmly(std::chrono::milliseconds{quick ? 300 : 5000}, calm);
  const auto seen = all.grow(moving);
  calm.print("reads before");
  moving.print("reads while entries move");
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  report.figure("rebalance_moves", seen.moves, "x");
  report.figure("rebalance_bandwidth", seen.bandwidth, "x");
  report.figure("rebalance_read_p99", moving.at(0.99) / calm.at(0.99), "x");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, run); }
