// Chaos with real processes: members that read and write while some of them are killed, stopped for
// a while, asked to leave, and started again. At the end all heal, and their histories are judged
// (chaos_judge.hpp). scripts/chaos.sh builds and runs it.
//
// What happens is drawn from the seed, one draw after the other; when it happens to which message
// is the machine's affair, so a seed repeats the plan and not the run.
#include "chaos_children.hpp"
#include "chaos_judge.hpp"

#include <kith/core/random.hpp>
#include <kith/options.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using chaos::child;
using chaos::wall;
using std::chrono::milliseconds;

struct settings {
  double minutes = 2;
  std::uint64_t seed = std::random_device{}();
  std::size_t members = 8;
  bool majority = false;
  std::size_t backups = 0;
  bool strong = false;
  std::string program;
  std::string folder;
  bool judge_only = false;
};

/// A bound for what takes a second when the machine is idle.
constexpr auto heals_within = 90s;

class run {
 public:
  explicit run(const settings& chosen)
      : chosen_{chosen},
        random_{chosen.seed},
        // Two runs at a time begin at different ports.
        first_port_{chaos::free_ports(static_cast<std::uint16_t>(20'000 + ::getpid() % 9'000),
                                      chosen.members)} {
    for (std::size_t i = 0; i < chosen.members; ++i) members_.push_back(std::make_unique<member>());
  }

  void go();
  [[nodiscard]] std::vector<std::string> violations() const { return violations_; }
  void print() const {
    std::cout << "kills         " << kills_ << "\nstops         " << stops_ << ", the longest "
              << longest_stop_.count() << " ms\nleaves        " << leaves_ << "\nrestarts      "
              << restarts_ << '\n';
  }

 private:
  struct member {
    child process;
    std::size_t life = 0;
    /// When it is started or continued; far away while nothing is planned.
    wall::time_point due = wall::time_point::max();
    bool leaves = false;
    /// Between its end and its next start.
    milliseconds pause{1'000};
  };

  void start(std::size_t i);
  void look();
  void act_on_due();
  void strike();
  [[nodiscard]] milliseconds stop_length(std::uint64_t draw);
  [[nodiscard]] bool healthy(const member& one) const;
  [[nodiscard]] bool whole() const;
  [[nodiscard]] bool may_strike() const;
  template <class Holds>
  bool wait(Holds holds, wall::duration limit = heals_within);
  bool ask_all(const std::string& word);
  void heal();
  [[nodiscard]] milliseconds between(std::uint64_t least, std::uint64_t most) {
    return milliseconds{least + random_.below(most - least + 1)};
  }
  void fail(std::size_t i, const std::string& what) {
    violations_.push_back("member " + std::to_string(i + 1) + ' ' + what + "; see " +
                          chosen_.folder + "/log-" + std::to_string(i + 1));
  }

  const settings chosen_;
  kith::random_source random_;
  const std::uint16_t first_port_;
  std::vector<std::unique_ptr<member>> members_;
  std::vector<std::string> violations_;
  std::uint64_t kills_ = 0;
  std::uint64_t stops_ = 0;
  std::uint64_t leaves_ = 0;
  std::uint64_t restarts_ = 0;
  milliseconds longest_stop_{0};
};

void run::start(std::size_t i) {
  member& one = *members_[i];
  const std::string number = std::to_string(i + 1);
  std::vector<std::string> command{
      chosen_.program,
      "cluster=chaos-" + std::to_string(::getpid()) + '-' + std::to_string(chosen_.seed),
      "number=" + number,
      "life=" + std::to_string(++one.life),
      "folder=" + chosen_.folder,
      std::string{"quorum="} + (chosen_.majority ? "majority" : "none"),
      "backups=" + std::to_string(chosen_.backups),
      std::string{"coherence="} + (chosen_.strong ? "strong" : "eventual"),
      "expect=" + std::to_string(chosen_.majority ? chosen_.members : 1),
      "port=" + std::to_string(first_port_ + i)};
  for (std::size_t k = 0; k < chosen_.members; ++k) {
    command.push_back("seed=" + std::to_string(first_port_ + k));
  }
  one.leaves = false;
  one.due = wall::time_point::max();
  one.process.start(command, chosen_.folder + "/log-" + number);
}

void run::look() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    member& one = *members_[i];
    if (!one.process.look()) continue;
    if (!one.leaves || !one.process.ended_well()) {
      fail(i, "ended by itself: " + one.process.end_text());
    }
    one.due = wall::now() + one.pause;
  }
}

void run::act_on_due() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    member& one = *members_[i];
    if (wall::now() < one.due) continue;
    one.due = wall::time_point::max();
    if (one.process.now() == child::state::stopped) one.process.go_on();
    if (one.process.now() == child::state::absent) {
      ++restarts_;
      start(i);
    }
  }
}

/// Runs, takes part, and knows the newest view that anybody knows.
bool run::healthy(const member& one) const {
  std::uint64_t newest = 0;
  for (const auto& each : members_) newest = std::max(newest, each->process.view());
  return one.process.now() == child::state::running && one.process.ready() && !one.leaves &&
         one.process.view() == newest && wall::now() - one.process.continued() > 1s;
}

bool run::whole() const {
  return std::ranges::all_of(members_, [this](const auto& each) {
    return healthy(*each) && each->process.view_size() == members_.size();
  });
}

template <class Holds>
bool run::wait(Holds holds, wall::duration limit) {
  const auto deadline = wall::now() + limit;
  while (!holds()) {
    if (wall::now() > deadline) return false;
    std::this_thread::sleep_for(10ms);
    look();
    act_on_due();
  }
  return true;
}

/// Not when so many are ill already that no quorum might be left, or no cluster to speak of. With
/// copies one has to be left of each: the next one is struck when all are made again.
bool run::may_strike() const {
  if (chosen_.backups > 0) {
    return whole() &&
           std::ranges::all_of(members_, [](const auto& m) { return m->process.copied(); });
  }
  const auto ill = std::ranges::count_if(members_, [this](const auto& m) { return !healthy(*m); });
  const std::size_t most = (members_.size() - 1) / (chosen_.majority ? 3 : 2);
  return static_cast<std::size_t>(ill) < std::max<std::size_t>(1, most);
}

/// Near the limits of the protocol: a heartbeat, max_staleness, the fence, a removal; of a strong
/// cache within a tenth of a lease, a fence, and the silence after which a member is removed.
milliseconds run::stop_length(std::uint64_t draw) {
  if (chosen_.strong) {
    constexpr auto timing = kith::timing_options::fast();
    const auto around = [this](kith::duration limit) {
      const auto tenth = static_cast<std::uint64_t>(limit / 10ms);
      return between(9 * tenth, 11 * tenth);
    };
    if (draw < 25) return around(timing.lease);
    if (draw < 50) return around(timing.fence);
    if (draw < 70) return around(timing.silence);
    return draw < 90 ? between(20, 400) : between(1'500, 4'000);
  }
  // Without a quorum a long one makes two clusters of one, and what the smaller acknowledged is
  // given up: no entry could be asked for afterwards.
  const bool brief = draw < 40 || (chosen_.backups > 0 && !chosen_.majority);
  if (brief) return between(50, 1'000);
  return draw < 75 ? between(1'000, 5'000) : between(5'000, 12'000);
}

/// Something befalls a member, if it may. The draws are the same either way.
void run::strike() {
  const std::uint64_t kind = random_.below(100);
  const std::size_t first = random_.below(members_.size());
  const std::uint64_t length = random_.below(100);
  const milliseconds stop = stop_length(length);
  const milliseconds pause = between(100, 3'000);
  if (!may_strike()) return;
  for (std::size_t k = 0; k < members_.size(); ++k) {
    member& one = *members_[(first + k) % members_.size()];
    if (!healthy(one)) continue;
    one.pause = pause;
    if (kind < 50) {
      ++stops_;
      longest_stop_ = std::max(longest_stop_, stop);
      one.process.stop();
      one.due = wall::now() + stop;
    } else if (kind < 90) {
      ++kills_;
      one.process.end(SIGKILL);
      one.due = wall::now() + pause;
    } else {
      ++leaves_;
      one.leaves = true;
      one.process.tell("quit");
    }
    return;
  }
}

void run::heal() {
  for (const auto& each : members_) {
    each->process.go_on();
    if (each->process.now() == child::state::absent) each->due = wall::now();
  }
}

bool run::ask_all(const std::string& word) {
  for (const auto& each : members_) each->process.tell(word);
  return wait([&] {
    return std::ranges::all_of(members_, [&](const auto& m) { return m->process.said(word); });
  });
}

void run::go() {
  for (std::size_t i = 0; i < members_.size(); ++i) start(i);
  if (!wait([this] { return whole(); })) return violations_.push_back("no cluster came to be");
  const auto end = wall::now() + std::chrono::duration_cast<wall::duration>(
                                     std::chrono::duration<double>{chosen_.minutes * 60});
  while (wall::now() < end) {
    static_cast<void>(wait([] { return false; }, between(50, 1'500)));
    strike();
  }
  heal();
  if (!wait([this] { return whole(); })) {
    return violations_.push_back("C1: the members found to no common view when all had healed");
  }
  if (!ask_all("settle")) return violations_.push_back("C1: a call does not end");
  // Two heartbeats after the last write, all is known everywhere.
  static_cast<void>(wait([] { return false; }, 3s));
  if (!ask_all("final")) violations_.push_back("C1: a read does not end");
  for (const auto& each : members_) {
    each->leaves = true;
    each->process.tell("quit");
  }
  const auto gone = [](const auto& m) { return m->process.now() == child::state::absent; };
  const auto deadline = wall::now() + heals_within;
  while (!std::ranges::all_of(members_, gone) && wall::now() < deadline) {
    std::this_thread::sleep_for(10ms);
    look();
  }
}

[[nodiscard]] settings read_settings(int argc, char** argv) {
  settings made;
  std::vector<std::string> all(argv + 1, argv + argc);
  made.program = std::filesystem::path{argv[0]}.parent_path() / "kith_chaos_member";
  if (std::erase(all, "--strong") > 0) {
    made.strong = true;
    made.majority = true;
    made.backups = 1;
    made.members = 5;
  }
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    const std::string& value = all[i + 1];
    if (all[i] == "--minutes") {
      made.minutes = std::stod(value);
    } else if (all[i] == "--seed") {
      made.seed = std::stoull(value);
    } else if (all[i] == "--members") {
      made.members = std::stoul(value);
    } else if (all[i] == "--backups") {
      made.backups = std::stoul(value);
    } else if (all[i] == "--quorum" && (value == "none" || value == "majority")) {
      made.majority = value == "majority";
    } else if (all[i] == "--folder" || all[i] == "--judge") {
      made.folder = value;
      made.judge_only = all[i] == "--judge";
    } else {
      throw std::invalid_argument{"what is " + all[i] + ' ' + value + '?'};
    }
  }
  if (all.size() % 2 != 0) throw std::invalid_argument{all.back() + " needs a value"};
  if (made.strong && (!made.majority || made.backups == 0)) {
    throw std::invalid_argument{"--strong needs --quorum majority and a backup"};
  }
  if (made.backups > 6) throw std::invalid_argument{"0 to 6 backups"};
  if (made.members < 3 || made.members > 100 || made.minutes <= 0 || made.folder.empty()) {
    throw std::invalid_argument{"3 to 100 members, some minutes, and a --folder"};
  }
  return made;
}

/// Every history of the folder; "history-MEMBER-LIFE".
void take_all(const std::string& folder, chaos::judge& into) {
  std::vector<std::filesystem::path> files;
  for (const auto& each : std::filesystem::directory_iterator{folder}) {
    if (each.path().filename().string().starts_with("history-")) files.push_back(each.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    std::istringstream name{file.filename().string().substr(8)};
    std::size_t member = 0;
    std::size_t life = 0;
    char dash = 0;
    name >> member >> dash >> life;
    std::ifstream text{file};
    into.take(member, life, text);
  }
}

/// The number of violations.
[[nodiscard]] std::size_t report(const settings& chosen, std::vector<std::string> violations) {
  constexpr auto allowed = kith::near_options{}.max_staleness;
  constexpr std::size_t shown_most = 20;
  using copies = chaos::judge::copies;
  chaos::judge judge{chosen.majority ? kith::quorum::majority : kith::quorum::none, allowed,
                     chosen.backups > 0 ? copies::kept : copies::none,
                     chosen.strong ? kith::coherence::strong : kith::coherence::eventual};
  take_all(chosen.folder, judge);
  judge.decide();
  judge.demand_a_run();
  violations.insert(violations.end(), judge.violations().begin(), judge.violations().end());
  const auto ms = [](kith::duration span) { return std::chrono::ceil<milliseconds>(span).count(); };
  const chaos::judge::figures& seen = judge.counted();
  std::cout << "operations    " << seen.reads + seen.writes << ": " << seen.reads << " reads, "
            << seen.writes << " writes; " << seen.failed << " of them failed\nnear hits     "
            << seen.hits << "\nexcused       " << seen.excused
            << " reads found nothing, and an erase without an answer may be why\nlost          "
            << seen.lost
            << " reads found nothing, as all who had the partition were gone\noldest answer "
            << ms(seen.oldest) << " ms out of date; " << ms(allowed)
            << " ms are allowed, more on a side that was cut off\n";
  if (judge.strong()) {
    const auto& counted = judge.strong()->counters();
    std::cout << "linearizable  " << judge.strong()->checks() << " operations checked in order, "
              << counted.searched << " histories searched, " << counted.undecided
              << " of them undecided\n";
  }
  for (std::size_t i = 0; i < std::min(violations.size(), shown_most); ++i) {
    std::cout << violations[i] << '\n';
  }
  if (violations.size() > shown_most) std::cout << "and more\n";
  std::cout << "violations: " << violations.size() << std::endl;
  return violations.size();
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const settings chosen = read_settings(argc, argv);
    if (chosen.judge_only) return report(chosen, {}) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    std::cout << "chaos: " << chosen.members << " members, " << chosen.minutes
              << " minutes, quorum " << (chosen.majority ? "majority" : "none") << ", backups "
              << chosen.backups << (chosen.strong ? ", strong" : "") << ", seed " << chosen.seed
              << std::endl;
    std::vector<std::string> violations;
    {
      run all{chosen};
      all.go();
      violations = all.violations();
      all.print();
    }
    return report(chosen, std::move(violations)) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& wrong) {
    std::cerr << "chaos: " << wrong.what() << '\n';
    return 2;
  }
}
