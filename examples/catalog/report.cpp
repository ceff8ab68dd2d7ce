#include "report.hpp"

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <utility>

namespace catalog {
namespace {

double seconds_in(std::chrono::steady_clock::duration lasted) {
  return std::chrono::duration<double>{lasted}.count();
}

void print_row(std::ostream& to, const std::string& title, const std::vector<std::string>& cells) {
  to << "  " << std::left << std::setw(18) << title << std::right;
  for (const std::string& cell : cells) to << std::setw(12) << cell;
  to << '\n';
}

void print_heading(std::ostream& to, const std::string& title) { to << '\n' << title << '\n'; }

// A row of one counter: each replica's, their sum, and its share of `whole` where there is one.
void print_counter(std::ostream& to, const std::string& title, const std::vector<stats>& each,
                   std::uint64_t stats::* counter, std::uint64_t whole) {
  std::vector<std::string> cells;
  std::uint64_t sum = 0;
  for (const stats& one : each) {
    cells.push_back(with_commas(one.*counter));
    sum += one.*counter;
  }
  cells.push_back(with_commas(sum));
  if (whole > 0) cells.push_back(percent(sum, whole));
  print_row(to, title, cells);
}

void print_tiers(std::ostream& to, const std::vector<stats>& each, const stats& all) {
  print_heading(to, "Reads, as the replicas counted them");
  std::vector<std::string> titles;
  for (std::size_t i = 1; i <= each.size(); ++i) titles.push_back("replica " + std::to_string(i));
  titles.insert(titles.end(), {"all", "share"});
  print_row(to, "answered by", titles);
  print_counter(to, "near cache", each, &stats::near, all.reads());
  print_counter(to, "owner", each, &stats::owner, all.reads());
  print_counter(to, "database", each, &stats::database, all.reads());
  print_counter(to, "no such package", each, &stats::absent, all.reads());
  print_counter(to, "failed", each, &stats::failed, 0);
  print_counter(to, "writes", each, &stats::writes, 0);
  print_counter(to, "SELECTs sent", each, &stats::selects, 0);
}

void print_age(std::ostream& to, const tally& seen, const stats& all) {
  print_heading(to, "Oldest answer seen");
  to << "  by the clients    ";
  if (seen.old_answers == 0) {
    to << "none was older than a write acknowledged before it was asked for\n";
  } else {
    to << in_ms(seen.oldest_us) << " ms behind an acknowledged write; "
       << with_commas(seen.old_answers) << " of " << with_commas(seen.reads())
       << " answers were behind one\n";
  }
  to << "  by the replicas   a near hit was at most " << with_commas(all.oldest_near_ms)
     << " ms behind its owner; the cache promises " << with_commas(all.staleness_max_ms) << " ms\n"
     << "  writes lost       " << with_commas(seen.lost_writes_seen)
     << " answers lacked a write that was acknowledged longer before\n";
}

void print_clients(std::ostream& to, const load_result& clients) {
  const tally& seen = clients.all;
  print_heading(to, "What clients saw");
  to << "  " << with_commas(seen.reads()) << " reads (near " << with_commas(seen.near) << ", owner "
     << with_commas(seen.owner) << ", database " << with_commas(seen.database) << ") and "
     << with_commas(seen.writes) << " writes in " << std::fixed << std::setprecision(1)
     << seconds_in(clients.lasted) << " s\n"
     << "  reads took " << in_ms(seen.latency.percentile(500)) << " ms in the median, "
     << in_ms(seen.latency.percentile(990)) << " ms at 99 %, "
     << in_ms(seen.latency.percentile(999)) << " ms at 99.9 %, " << in_ms(seen.latency.max())
     << " ms at most\n"
     << "  " << with_commas(seen.sent_again) << " sent again to another replica, "
     << with_commas(seen.errors) << " ended with an error\n";
}

void print_absences(std::ostream& to, const load_result& clients) {
  if (clients.absences.empty()) return;
  print_heading(to, "What clients saw while a replica was away");
  for (const absence& one : clients.absences) {
    to << "  replica " << one.replica + 1;
    if (one.until) {
      to << " gave no answer for " << std::fixed << std::setprecision(1)
         << seconds_in(*one.until - one.from) << " s\n";
    } else {
      to << " did not come back\n";
    }
  }
  const tally& seen = clients.disturbed;
  to << "  " << with_commas(seen.reads()) << " reads answered, the slowest after "
     << in_ms(seen.latency.max()) << " ms (99 %: " << in_ms(seen.latency.percentile(990))
     << " ms); " << with_commas(seen.writes) << " writes, the slowest after "
     << in_ms(seen.slowest_write_us) << " ms\n"
     << "  " << with_commas(seen.sent_again) << " broke off and were sent again, "
     << with_commas(seen.errors) << " ended with an error\n";
}

stats sum_of(const std::vector<stats>& each) {
  stats all;
  for (const stats& one : each) {
    for (auto counter : {&stats::near, &stats::owner, &stats::database, &stats::absent,
                         &stats::failed, &stats::writes, &stats::selects}) {
      all.*counter += one.*counter;
    }
    all.oldest_near_ms = std::max(all.oldest_near_ms, one.oldest_near_ms);
    all.staleness_max_ms = std::max(all.staleness_max_ms, one.staleness_max_ms);
  }
  return all;
}

}  // namespace

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string in_ms(std::uint64_t us) {
  const auto padded = [](std::uint64_t number, std::size_t width) {
    std::string digits = std::to_string(number);
    return std::string(width - std::min(width, digits.size()), '0') + digits;
  };
  if (us < 10'000) return std::to_string(us / 1000) + '.' + padded(us % 1000 / 10, 2);
  if (us < 100'000) return std::to_string(us / 1000) + '.' + padded(us % 1000 / 100, 1);
  return with_commas(us / 1000);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  const std::uint64_t tenths = part * 1000 / whole;
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " %";
}

stats difference(const stats& before, const stats& after) {
  stats grown = after;
  for (auto counter : {&stats::near, &stats::owner, &stats::database, &stats::absent,
                       &stats::failed, &stats::writes, &stats::selects}) {
    grown.*counter -= std::min(before.*counter, after.*counter);
  }
  return grown;
}

void print_progress(std::ostream& to, std::chrono::seconds since_start, const tally& seen) {
  to << std::right << std::setw(4) << since_start.count() << " s " << std::setw(8)
     << with_commas(seen.reads()) << " reads/s   near " << std::setw(6)
     << percent(seen.near, seen.reads()) << "  owner " << std::setw(6)
     << percent(seen.owner, seen.reads()) << "  database " << std::setw(6)
     << percent(seen.database, seen.reads()) << "   p50 " << in_ms(seen.latency.percentile(500))
     << " ms  p99 " << in_ms(seen.latency.percentile(990)) << " ms";
  if (seen.sent_again > 0) to << "   sent again " << with_commas(seen.sent_again);
  if (seen.errors > 0) to << "   errors " << with_commas(seen.errors);
  to << std::endl;
}

void print_table(std::ostream& to, const load_result& clients,
                 const std::vector<replica_stats>& replicas) {
  std::vector<stats> each;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const auto& [before, after] = replicas[i];
    if (!after) to << "replica " << i + 1 << " does not answer: its counters are missing below\n";
    each.push_back(before && after ? difference(*before, *after) : after.value_or(stats{}));
  }
  const stats all = sum_of(each);
  print_tiers(to, each, all);
  print_heading(to, "Database reads saved");
  const std::uint64_t reads = all.reads();
  to << "  " << percent(reads - std::min(reads, all.selects), reads) << ": "
     << with_commas(all.selects) << " SELECTs for " << with_commas(reads)
     << " reads; without a cache every read is one\n";
  print_age(to, clients.all, all);
  print_clients(to, clients);
  print_absences(to, clients);
}

}  // namespace catalog
