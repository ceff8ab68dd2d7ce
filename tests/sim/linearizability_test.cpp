// The search finds an order where there is one, and says no where there is none.
#include <kith/sim/history_text.hpp>
#include <kith/sim/linearizability.hpp>

#include <support/register_brute_force.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace kith;

namespace {

/// Of one key, in the form of history_text.hpp, without the key: lines begin with the client.
sim::register_history history_of(std::string_view lines) {
  std::string text;
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    const std::string_view line = lines.substr(begin, end - begin);
    if (line.find_first_not_of(' ') != std::string_view::npos) {
      text += "k " + std::string{line} + '\n';
    }
    begin = end + 1;
  }
  sim::register_histories all;
  REQUIRE_FALSE(sim::parse_histories(text, all).has_value());
  return all["k"];
}

bool holds(std::string_view lines) {
  const sim::register_history history = history_of(lines);
  const bool fits = sim::judge_linearizability(history).verdict == sim::linearizability::holds;
  CHECK(test::brute_force{history}.linearizable() == fits);
  return fits;
}

}  // namespace

TEST_CASE("linearizability: what clients do one after the other has to fit") {
  CHECK(holds(""));
  CHECK(holds(R"(1 10 20 get = absent
                 1 30 40 put 5 = ok v1
                 2 50 60 get = 5 v1
                 1 70 80 erase = ok v2
                 2 90 95 get = absent)"));
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok v1
                       2 30 40 get = absent)"));
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok v1
                       2 30 40 put 6 = ok v2
                       1 50 60 get = 5)"));
}

TEST_CASE("linearizability: operations under way together may have either order") {
  CHECK(holds(R"(1 10 40 put 5 = ok
                 2 20 30 get = absent)"));
  CHECK(holds(R"(1 10 40 put 5 = ok
                 2 20 30 get = 5)"));
  // One answered at the instant in which the other was asked were under way together.
  CHECK(holds(R"(1 10 40 put 5 = ok
                 2 40 50 get = absent)"));
}

TEST_CASE("linearizability: a value that was read does not vanish while its write goes on") {
  CHECK_FALSE(holds(R"(1 10 90 put 5 = ok
                       2 20 30 get = 5
                       3 40 50 get = absent)"));
  CHECK_FALSE(holds(R"(1 5 8 put 4 = ok
                       1 10 90 put 5 = ok
                       2 20 30 get = 5
                       3 40 50 get = 4)"));
}

TEST_CASE("linearizability: two readers do not see two writes in opposite orders") {
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok
                       2 10 20 put 6 = ok
                       3 30 40 get = 5
                       4 30 40 get = 6)"));
}

TEST_CASE("linearizability: an unanswered write may take effect late, or never") {
  CHECK(holds(R"(1 10 ? put 5 = ?
                 2 20 30 get = absent
                 2 40 50 get = absent)"));
  CHECK(holds(R"(1 10 ? put 5 = ?
                 2 20 30 get = absent
                 2 40 50 get = 5)"));
  CHECK(holds(R"(1 10 20 put 4 = ok
                 2 30 ? erase = ?
                 1 40 50 get = 4
                 1 60 70 get = absent)"));
}

TEST_CASE("linearizability: an unanswered write takes effect once, and not before it was asked") {
  CHECK_FALSE(holds(R"(1 10 ? put 5 = ?
                       2 20 30 get = 5
                       2 40 50 erase = ok
                       2 60 70 get = 5)"));
  CHECK_FALSE(holds(R"(1 30 ? put 5 = ?
                       2 10 20 get = 5)"));
}

TEST_CASE("linearizability: a conditional write's answer is what it did") {
  CHECK(holds(R"(1 10 20 put_if_absent 5 = yes
                 2 30 40 put_if_absent 6 = no
                 2 50 60 get = 5)"));
  CHECK_FALSE(holds(R"(1 10 20 put_if_absent 5 = yes
                       2 10 20 put_if_absent 6 = yes)"));
  CHECK_FALSE(holds("1 10 20 put_if_absent 5 = no"));
  // It said that it did nothing, and did it.
  CHECK_FALSE(holds(R"(1 10 20 put_if_absent 4 = yes
                       2 30 40 compare_and_put v3 5 = no
                       1 50 60 get = 5)"));
}

TEST_CASE("linearizability: of two compare_and_put from one version one succeeds") {
  CHECK(holds(R"(1 10 20 put 5 = ok v3
                 2 30 60 compare_and_put v3 6 = yes
                 3 30 60 compare_and_put v3 7 = no)"));
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok v3
                       2 30 60 compare_and_put v3 6 = yes
                       3 30 60 compare_and_put v3 7 = yes)"));
  CHECK(holds("1 10 20 compare_and_put v0 6 = yes"));
  CHECK_FALSE(holds("1 10 20 compare_and_put v0 6 = no"));
}

TEST_CASE("linearizability: sums are of one sequence") {
  CHECK(holds(R"(1 10 40 add 1 = 2
                 2 10 40 add 1 = 1
                 3 50 60 get = 2)"));
  CHECK_FALSE(holds(R"(1 10 40 add 1 = 1
                       2 10 40 add 1 = 1)"));
  CHECK(holds(R"(1 10 ? add 1 = ?
                 2 20 30 add 1 = 2)"));
  // Applied twice, as by a retry that nobody recognised.
  CHECK_FALSE(holds(R"(1 10 ? add 1 = ?
                       2 20 30 add 1 = 3)"));
  CHECK(holds(R"(1 10 20 put 9223372036854775807 = ok
                 2 30 40 add 1 = -9223372036854775808)"));
}

TEST_CASE("linearizability: versions grow, with room for those that were not told") {
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok v4
                       1 30 40 put 5 = ok v4)"));
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok v4
                       2 30 40 get = 5 v3)"));
  CHECK(holds(R"(1 10 20 put 5 = ok v4
                 1 30 40 put_if_absent 6 = no
                 1 50 60 add 1 = 6
                 1 70 80 put 7 = ok v6)"));
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok v4
                       1 30 40 add 1 = 6
                       1 50 60 put 7 = ok v5)"));
}

TEST_CASE("linearizability: a version that was not told is what a refused condition excludes") {
  CHECK(holds(R"(1 10 20 add 1 = 1
                 1 30 40 compare_and_put v1 9 = no
                 1 50 60 get = 1 v2)"));
  CHECK_FALSE(holds(R"(1 10 20 add 1 = 1
                       1 30 40 compare_and_put v2 9 = no
                       1 50 60 get = 1 v2)"));
  CHECK_FALSE(holds(R"(1 10 20 add 1 = 1
                       1 30 40 compare_and_put v1 9 = no
                       1 50 60 compare_and_put v2 9 = no
                       1 70 80 put 9 = ok v3)"));
}

TEST_CASE("linearizability: the shortest prefix that is wrong is shown, and no shorter one") {
  const sim::register_history history = history_of(R"(1 10 20 put 5 = ok v1
                                                      2 30 90 put 6 = ok v2
                                                      3 40 50 get = absent
                                                      1 60 70 get = 6 v2
                                                      1 95 99 get = 6 v2)");
  const sim::linearizability_report report = sim::judge_linearizability(history);
  CHECK(report.verdict == sim::linearizability::broken);
  CHECK(sim::to_text("k", report.shown_by) ==
        "k 1 10 20 put 5 = ok v1\nk 2 30 ? put 6 = ?\nk 3 40 50 get = absent\n");
}

TEST_CASE("linearizability: a search that takes too many steps is undecided") {
  std::string lines;
  for (int i = 0; i < 12; ++i) lines += "1 10 ? add " + std::to_string(1 << i) + " = ?\n";
  lines += "2 20 30 add 1 = 100000\n";
  sim::linearizability_options few;
  few.steps_most = 500;
  const sim::register_history history = history_of(lines);
  CHECK(sim::judge_linearizability(history, few).verdict == sim::linearizability::undecided);
  CHECK(sim::judge_linearizability(history).verdict == sim::linearizability::broken);
}

TEST_CASE("linearizability: a long history with many unanswered writes is decided in few steps") {
  std::string lines;
  std::uint64_t version = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string at = std::to_string(10 * i);
    const std::string later = std::to_string(10 * i + 25);
    const std::string value = std::to_string(i);
    if (i % 20 == 0) {
      lines += "1 " + at + " ? put -" + value + " = ?\n";
    } else if (i % 3 == 0) {
      lines += "2 " + at + " " + later + " put " + value + " = ok v" + std::to_string(++version);
      lines += "\n";
    } else {
      lines += "3 " + at + " " + later + " put_if_absent " + value + (i == 1 ? " = yes" : " = no");
      lines += "\n";
      if (i == 1) ++version;
    }
  }
  const sim::linearizability_report report = sim::judge_linearizability(history_of(lines));
  CHECK(report.verdict == sim::linearizability::holds);
  CHECK(report.steps < 20'000);
}

TEST_CASE("linearizability: a register that inherits has anything at first, then one thing") {
  CHECK(holds(R"(0 1 1 inherit v2 = ok
                 1 10 20 get = 5 v2)"));
  CHECK(holds(R"(0 1 1 inherit v2 = ok
                 1 10 20 get = absent)"));
  CHECK(holds(R"(0 1 1 inherit v2 = ok
                 1 10 20 put_if_absent 4 = no
                 1 30 40 add 1 = 8)"));
  CHECK_FALSE(holds(R"(0 1 1 inherit v2 = ok
                       1 10 20 get = 5
                       1 30 40 get = 6)"));
  CHECK_FALSE(holds(R"(0 1 1 inherit v2 = ok
                       1 10 20 put_if_absent 4 = no
                       1 30 40 get = absent)"));
  // Versions of what was there are not above, and those of what is written are.
  CHECK_FALSE(holds(R"(0 1 1 inherit v2 = ok
                       1 10 20 get = 5 v3)"));
  CHECK_FALSE(holds(R"(0 1 1 inherit v2 = ok
                       1 10 20 put 5 = ok v2)"));
}

TEST_CASE("linearizability: conditions that do not hold exclude what a register inherited") {
  CHECK(holds(R"(0 1 1 inherit v2 = ok
                 1 10 20 compare_and_put v1 9 = no
                 1 30 40 compare_and_put v2 9 = no
                 1 50 60 get = absent)"));
  CHECK_FALSE(holds(R"(0 1 1 inherit v2 = ok
                       1 10 20 compare_and_put v1 9 = no
                       1 30 40 compare_and_put v2 9 = no
                       1 50 60 get = 5)"));
}

TEST_CASE("linearizability: nothing is inherited behind the beginning") {
  CHECK_FALSE(holds(R"(1 10 20 put 5 = ok v1
                       0 30 30 inherit v2 = ok)"));
  CHECK_FALSE(holds(R"(1 10 20 get = 5 v1
                       0 30 30 inherit v2 = ok)"));
}

TEST_CASE("linearizability: the search agrees with one that tries everything") {
  std::size_t broken = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const auto which = seed % 2 == 0 ? test::drawn_actions::all : test::drawn_actions::inheriting;
    const sim::register_history history = test::drawn_history{seed, which}.draw();
    const bool fits = test::brute_force{history}.linearizable();
    const auto verdict = sim::judge_linearizability(history).verdict;
    INFO(sim::to_text("k", history));
    CHECK(verdict == (fits ? sim::linearizability::holds : sim::linearizability::broken));
    if (!fits) ++broken;
  }
  // Both verdicts were asked for often enough.
  CHECK(broken > 200);
  CHECK(broken < 2800);
}

TEST_CASE("linearizability: what shows a fault is a fault itself, and less is none") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const sim::register_history history =
        test::drawn_history{seed, test::drawn_actions::all}.draw();
    const auto report = sim::judge_linearizability(history);
    if (report.verdict != sim::linearizability::broken) continue;
    INFO(sim::to_text("k", history));
    CHECK_FALSE(test::brute_force{report.shown_by}.linearizable());
    std::size_t answers = 0;
    for (const auto& op : report.shown_by) answers += op.returned ? 1 : 0;
    const sim::register_history less = sim::first_answers(history, answers - 1);
    CHECK(test::brute_force{less}.linearizable());
  }
}
