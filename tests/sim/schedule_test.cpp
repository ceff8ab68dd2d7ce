// A schedule is what went wrong in a run: as a text that can be read, and as a run that is the
// same.
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/fault_script.hpp>
#include <kith/sim/run.hpp>
#include <kith/sim/schedule.hpp>
#include <kith/sim/swarm.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

const std::string header =
    "kith schedule 1\n"
    "seed: 7\n"
    "members: 3\n"
    "faults: all\n"
    "length: 30s\n";

std::string why_refused(const std::string& text) {
  try {
    static_cast<void>(sim::parse_schedule(text));
  } catch (const sim::schedule_error& wrong) {
    return wrong.what();
  }
  return {};
}

std::string why_entry_refused(const std::string& line) { return why_refused(header + line); }

/// One of each form.
std::string every_entry() {
  return "crash at=0s member=0 for=0.1s\n"
         "silent_crash at=1s member=1 for=12s\n"
         "pause at=1.000000001s member=2 for=0.01s\n"
         "partition at=2.25s bridge=none side=0 for=20s\n"
         "partition at=3s bridge=1 side=0,2 for=0.5s\n"
         "one_way_loss at=4s from=0 to=1 for=0.3s\n"
         "clog at=5s from=1 to=0 by=0.001s for=10s\n"
         "duplicate at=6s from=0 to=2\n"
         "reset at=7s member=0 nth=5\n"
         "reset_within at=8s from=2 to=1 skip=3 kept=17\n"
         "slow_reader at=9s member=1 by=0.2s for=8s\n"
         "late_ticks at=10s member=2 skip=0 by=4.999999999s\n"
         "freeze at=11s member=0 for=3s\n"
         "isolated_pair at=12s side=0,2 for=1s\n"
         "flip_flop at=13s from=0 to=1 rounds=3 cut=1s,2s open=0.5s,0.7s\n"
         "flip_flop at=14s from=0 to=0 rounds=2 cut=none open=none\n"
         "stall at=15s member=1 for=15s\n"
         "memory at=16s member=2 rung=4 excess=2000 for=0.1s\n"
         "changeover at=17s skip=2 members=1,0 after=0s,2.5s silently=yes for=3s\n"
         "leave at=18s members=0,2 by=4s for=0.5s\n"
         "damage at=19s from=0 to=2 nth=4711 for=1s\n"
         "replay at=20s from=1 to=0 for=2s\n";
}

}  // namespace

TEST_CASE("schedule: entries of every fault are read and written again word for word") {
  const sim::schedule read = sim::parse_schedule(header + every_entry());
  std::string written;
  std::vector<bool> seen(sim::fault_count);
  for (const sim::fault_entry& one : read.entries) {
    written += to_string(one) + '\n';
    seen[static_cast<std::size_t>(one.which)] = true;
  }
  CHECK(written == every_entry());
  CHECK(seen == std::vector<bool>(sim::fault_count, true));
}

TEST_CASE("schedule: the options that seeds draw survive the text") {
  for (std::uint64_t seed = 1; seed <= 64; ++seed) {
    CAPTURE(seed);
    sim::run_options chosen;
    chosen.seed = seed;
    const sim::swarm drawn = draw_swarm(chosen);
    const std::string text = to_string(sim::schedule{drawn, {}});
    CHECK(to_string(sim::parse_schedule(text)) == text);
  }
}

TEST_CASE("schedule: blank lines and comments say nothing and options have defaults") {
  const sim::schedule read =
      sim::parse_schedule(header + "# crash at=1s\n\nlate_ticks at=1s member=0 skip=0 by=2s\n");
  CHECK(read.entries.size() == 1);
  CHECK(read.options.cluster.members == 3);
  CHECK(read.options.work.keys == sim::workload_options{}.keys);
}

TEST_CASE("schedule: what is wrong with an option is told by line and name") {
  CHECK(why_refused("") == "line 1: title: is not \"kith schedule 1\"");
  CHECK(why_refused("kith schedule 1\nseed: 7\n") == "line 3: members: is missing");
  CHECK(why_refused(header + "colour: red\n") == "line 6: colour: is no option");
  CHECK(why_refused(header + "seed: 8\n") == "line 6: seed: stands there twice");
  CHECK(why_refused(header + "keys: six\n") == "line 6: keys: is not a number");
  CHECK(why_refused(header + "keys: 0\n") == "line 6: keys: is 0");
  CHECK(why_refused(header + "keys: 99999999999\n") == "line 6: keys: is too large");
  CHECK(why_refused(header + "quorum: all\n") == "line 6: quorum: is neither none nor majority");
  CHECK(why_refused(header + "evictions: 1\n") == "line 6: evictions: is neither yes nor no");
  CHECK(why_refused(header + "shape: odd\n") == "line 6: shape: is none of even, zipf and hot");
  for (const char* const time : {"3", "3ms", "s", "-3s", "3.s", "1.0000000001s", "0.1.2s"}) {
    CAPTURE(time);
    CHECK(why_refused(header + "think_most: " + time + "\n").starts_with("line 6: think_most: "));
  }
  CHECK(why_refused("kith schedule 1\nseed: 7\nmembers: 3\nfaults: flood\nlength: 1s\n") ==
        "line 4: faults: names a fault that there is not: flood");
}

TEST_CASE("schedule: what is wrong with an entry is told by line and field") {
  CHECK(why_entry_refused("flood at=1s\n") ==
        "line 6: flood: is no fault, and no option with its colon and blank");
  CHECK(why_entry_refused("crash at=1s for=2s\n") == "line 6: member: is missing");
  CHECK(why_entry_refused("crash at=1s member=x for=2s\n") == "line 6: member: is not a number");
  CHECK(why_entry_refused("crash at=1s member=3 for=2s\n") ==
        "line 6: member: there is no member 3");
  CHECK(why_entry_refused("crash at=1s member=1 for=2s by=1s\n") ==
        "line 6: by: is no field of crash");
  CHECK(why_entry_refused("crash at=1s at=2s member=1 for=2s\n") ==
        "line 6: at: stands there twice");
  CHECK(why_entry_refused("partition at=1s bridge=none side=0,5 for=2s\n") ==
        "line 6: side: there is no member 5");
  CHECK(why_entry_refused("partition at=1s bridge=9 side=0 for=2s\n") ==
        "line 6: bridge: there is no member 9");
  CHECK(why_entry_refused("crash at=30s member=1 for=2s\n") ==
        "line 6: at: is behind the end of the faults");
  CHECK(why_entry_refused("crash at=29s member=1 for=22s\n") ==
        "line 6: for: goes on for more than 20 s behind the end of the faults");
  CHECK(why_entry_refused("memory at=1s member=1 rung=5 excess=0 for=2s\n") ==
        "line 6: rung: is above 4");
  CHECK(why_entry_refused("changeover at=1s skip=0 members=0,1 after=0s silently=no for=2s\n") ==
        "line 6: after: has not one time for each member");
  const std::string calm = "kith schedule 1\nseed: 7\nmembers: 3\nfaults: none\nlength: 30s\n";
  CHECK(why_refused(calm + "crash at=1s member=1 for=2s\n") ==
        "line 6: crash: is not among the faults of the run");
}

TEST_CASE("fault_script: an entry that awaits an occasion takes the first from its time on") {
  sim::fault_entry late{.which = sim::fault::late_ticks, .at = 5s, .member = 1, .by = 1s};
  late.skip = 2;
  sim::fault_script script{{late, late}};
  const auto struck = [&](duration at, std::uint64_t skip, sim::host_index member) {
    return script.take({sim::fault::late_ticks, member, 0, at, skip}).has_value();
  };
  CHECK_FALSE(struck(4s, 7, 1));
  CHECK_FALSE(struck(5s, 1, 1));
  CHECK_FALSE(struck(5s, 2, 0));
  CHECK(struck(5s, 2, 1));
  // The second one finds no occasion of its instant any more, and takes a later one.
  CHECK(struck(6s, 0, 1));
  CHECK_FALSE(struck(7s, 0, 1));
}

// Goal: no fault draws, or looks at the cluster, in a way that its entry does not repeat. Method:
// all classes, and the run again from the text of what happened.
TEST_CASE("schedule: a run from what it left behind is the same run with every class of faults") {
  sim::run_options chosen;
  chosen.seed = 3;
  chosen.faults = sim::all_faults();
  chosen.length = 20s;
  sim::fault_log first;
  const sim::run_report drawn = run_seed(chosen, first);
  sim::fault_log second;
  const std::string text = to_string(sim::schedule{drawn.options, first.entries});
  const sim::run_report again = run_schedule(sim::parse_schedule(text), second);
  CHECK(again.digest == drawn.digest);
  CHECK(second.entries == first.entries);
  CHECK(second.struck == first.struck);
  // And it is they that make the difference.
  sim::schedule calm = sim::parse_schedule(text);
  calm.entries.pop_back();
  sim::fault_log third;
  CHECK(run_schedule(calm, third).digest != drawn.digest);
}
