// The judge of the chaos runs on histories that were made up: what it must report, and what it must
// let pass.
#include <doctest/doctest.h>

#include "chaos_judge.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

using copies = chaos::judge::copies;

/// Times are in milliseconds here.
class story {
 public:
  story& write(std::size_t member, long value, long invoked, long answered, long seq,
               const std::string& what = "put") {
    announce(member, what == "erase" ? 0 : value, invoked);
    lines_[member] += what + " 1 " + std::to_string(what == "erase" ? 0 : value) +
                      times(invoked, answered) + " 1 5 0 " + std::to_string(seq) + " 5 0 5 0\n";
    return *this;
  }
  story& announce(std::size_t member, long value, long invoked) {
    lines_[member] += "invoked 1 " + std::to_string(value) + ' ' + ns(invoked) + '\n';
    return *this;
  }
  /// Of the sequence 0: nothing was found.
  story& read(std::size_t member, long value, long invoked, long answered, long seq,
              const std::string& epochs = "5 0 5 0") {
    lines_[member] += "read 1 " + std::to_string(value) + times(invoked, answered) + " 1 " +
                      (seq == 0 ? "0 0 0 0 " : "5 0 " + std::to_string(seq) + " 1 ") + epochs +
                      '\n';
    return *this;
  }
  story& add(std::size_t member, const std::string& text) {
    lines_[member] += text;
    return *this;
  }
  [[nodiscard]] chaos::judge judge(kith::quorum quorum = kith::quorum::none,
                                   copies held = copies::none,
                                   kith::coherence of = kith::coherence::eventual) const {
    chaos::judge judge{quorum, std::chrono::seconds{3}, held, of};
    for (const auto& [member, text] : lines_) {
      std::istringstream in{text};
      judge.take(member, 1, in);
    }
    judge.decide();
    return judge;
  }
  [[nodiscard]] std::vector<std::string> judged(kith::quorum quorum = kith::quorum::none,
                                                copies held = copies::none) const {
    return judge(quorum, held).violations();
  }
  /// What C2 finds missing.
  [[nodiscard]] std::vector<std::string> missing() const {
    chaos::judge all = judge();
    CHECK(all.violations().empty());
    all.demand_a_run();
    return all.violations();
  }
  /// The rule of the only violation; "none", or "several".
  [[nodiscard]] std::string rule(kith::quorum quorum = kith::quorum::none,
                                 copies held = copies::none) const {
    const std::vector<std::string> all = judged(quorum, held);
    if (all.size() > 1) return "several";
    return all.empty() ? "none" : all.front().substr(0, 2);
  }

 private:
  [[nodiscard]] static std::string ns(long ms) { return std::to_string(ms) + "000000"; }
  [[nodiscard]] static std::string times(long invoked, long answered) {
    return ' ' + ns(invoked) + ' ' + ns(answered);
  }

  std::map<std::size_t, std::string> lines_;
};

story two_writes() { return story{}.write(1, 10, 1'000, 1'001, 1).write(1, 11, 2'000, 2'001, 2); }

}  // namespace

TEST_CASE("chaos judge: what is within the bound passes") {
  CHECK(two_writes().read(2, 10, 5'001, 5'002, 1).rule() == "none");
  CHECK(two_writes().read(2, 11, 9'000, 9'001, 2).rule() == "none");
}

TEST_CASE("chaos judge: an older value than was acknowledged max_staleness before is reported") {
  const story old = two_writes().read(2, 10, 5'002, 5'003, 1);
  CHECK(old.rule() == "E1");
  CHECK(old.judged().front().find("key 1 member 2") != std::string::npos);
  // Of the invocation: a process that was stopped meanwhile answers late.
  CHECK(two_writes().read(2, 10, 4'000, 20'000, 1).rule() == "none");
  // The reader was in another epoch at one end: with a quorum there is one line all the same.
  const story moved = two_writes().read(2, 10, 5'002, 5'003, 1, "5 0 6 0");
  CHECK(moved.rule() == "none");
  CHECK(moved.rule(kith::quorum::majority) == "E1");
}

TEST_CASE("chaos judge: what was put and is absent is reported unless it may be gone") {
  CHECK(two_writes().read(2, 0, 5'002, 5'003, 0).rule() == "E2");
  CHECK(two_writes().read(2, 0, 5'002, 5'003, 0, "5 0 6 0").rule() == "none");
  CHECK(two_writes().write(3, 0, 3'000, 3'001, 3, "erase").read(2, 0, 5'002, 5'003, 0).rule() ==
        "none");
  CHECK(two_writes().announce(3, 0, 1'500).read(2, 0, 5'002, 5'003, 0).rule() == "none");
  CHECK(two_writes().write(3, 0, 1'500, 1'501, 1, "erase").read(2, 0, 5'002, 5'003, 0).rule() ==
        "E2");
}

TEST_CASE("chaos judge: where there are copies what was put is read in every epoch") {
  const auto rule = [](const story& of) { return of.rule(kith::quorum::none, copies::kept); };
  const story absent = two_writes().read(2, 0, 5'002, 5'003, 0, "5 0 6 0");
  CHECK(absent.rule(kith::quorum::majority) == "none");
  CHECK(rule(absent) == "E4");
  CHECK(rule(two_writes().read(2, 0, 5'002, 5'003, 0, "6 0 6 0")) == "E4");
  CHECK(rule(two_writes().read(2, 0, 5'002, 5'003, 0)) == "E2");
  CHECK(rule(two_writes().read(2, 0, 500, 501, 0, "5 0 6 0")) == "none");
  CHECK(rule(two_writes()
                 .write(3, 0, 3'000, 3'001, 3, "erase")
                 .read(2, 0, 9'000, 9'001, 0, "6 0 6 0")) == "none");
  CHECK(rule(two_writes().read(2, 10, 5'002, 5'003, 1, "6 0 6 0")) == "E1");
}

TEST_CASE("chaos judge: of a strong cache whatever is older than what was known is reported") {
  const auto rules = [](const story& of) {
    const auto all = of.judge(kith::quorum::majority, copies::kept, kith::coherence::strong);
    std::vector<std::string> found;
    for (const std::string& each : all.violations()) found.push_back(each.substr(0, 2));
    return found;
  };
  using faults = std::vector<std::string>;
  CHECK(rules(two_writes().read(2, 10, 2'002, 2'003, 1)) == faults{"L1", "J1", "J2"});
  CHECK(rules(two_writes().read(2, 10, 2'001, 2'003, 1)).empty());
  CHECK(rules(two_writes().read(2, 0, 2'002, 2'003, 0)) == faults{"L2", "J1", "J2"});
  CHECK(rules(two_writes().announce(3, 0, 1'500).read(2, 0, 2'002, 2'003, 0)).empty());
  // Nobody answered the second write, but it was seen.
  const story seen =
      story{}.write(1, 10, 1'000, 1'001, 1).announce(1, 11, 1'500).read(2, 11, 1'600, 1'601, 2);
  CHECK(rules(seen).empty());
  CHECK(rules(story{seen}.read(3, 10, 1'602, 1'603, 1)) == faults{"L1", "J1", "J2"});
  CHECK(rules(story{seen}.read(3, 10, 1'601, 1'603, 1)).empty());
  const faults repeated = rules(story{seen}.write(3, 12, 1'700, 1'701, 2));
  CHECK(std::ranges::find(repeated, "L3") != repeated.end());
}

TEST_CASE("chaos judge: what a view says to be lost with all who had it may be absent") {
  const auto partition = [](std::uint32_t key) {
    return std::to_string(index_of(kith::partition_of(kith::key_hash<std::uint32_t>(key))));
  };
  const story absent = two_writes().read(2, 0, 5'002, 5'003, 0, "6 0 6 0");
  const auto judged = [](const story& of) {
    return of.judge(kith::quorum::majority, copies::kept, kith::coherence::strong);
  };
  CHECK_FALSE(judged(absent).violations().empty());
  CHECK_FALSE(
      judged(story{absent}.add(3, "view 6 0 7 " + partition(2) + '\n')).violations().empty());
  const chaos::judge lost = judged(story{absent}.add(3, "view 6 0 7 " + partition(1) + '\n'));
  CHECK(lost.violations().empty());
  CHECK(lost.counted().lost == 1);
  // Before, or later.
  for (const std::string view : {"view 5 0 7 ", "view 7 0 7 "}) {
    CHECK_FALSE(judged(story{absent}.add(3, view + partition(1) + '\n')).violations().empty());
  }
}

TEST_CASE("chaos judge: an absence that only an erase without an answer explains is counted") {
  const auto excused = [](const story& of) { return of.judge().counted().excused; };
  const story unanswered = two_writes().announce(3, 0, 1'500);
  CHECK(excused(story{unanswered}.read(2, 0, 5'002, 5'003, 0).read(2, 0, 5'004, 5'005, 0)) == 2);
  // Where nothing has to be found there is nothing to excuse, nor where an erase was answered.
  CHECK(excused(story{unanswered}.read(2, 0, 1'600, 1'601, 0)) == 0);
  CHECK(excused(
            story{unanswered}.write(3, 0, 3'000, 3'001, 3, "erase").read(2, 0, 9'000, 9'001, 0)) ==
        0);
  CHECK(excused(two_writes().read(2, 0, 5'002, 5'003, 0)) == 0);
  // It is too old to land between.
  const story late = story{}.announce(3, 0, 1'000).write(1, 10, 31'000, 31'001, 1);
  CHECK(story{late}.read(2, 0, 40'000, 40'001, 0).rule() == "E2");
}

TEST_CASE("chaos judge: a run in which too little was asked does not pass") {
  const story whole = two_writes()
                          .read(2, 11, 2'100, 2'101, 2)
                          .add(2, "hits 7\n")
                          .add(1, "owned 1 11 5 0 2 1\n")
                          .add(2, "near 1 11 5 0 2 1\n");
  CHECK(whole.missing().empty());
  using faults = std::vector<std::string>;
  CHECK(story{whole}.add(3, "view 5 0 7\n").missing() == faults{"C2: member 3 told no last reads"});
  const auto last = [](story of) {
    return of.add(1, "owned 1 11 5 0 2 1\n").add(2, "near 1 11 5 0 2 1\n");
  };
  CHECK(last(two_writes().add(2, "hits 7\n")).missing() == faults{"C2: no value was read"});
  CHECK(last(two_writes().add(2, "hits 7\n").read(2, 0, 500, 501, 0)).missing() ==
        faults{"C2: no value was read"});
  CHECK(last(two_writes().read(2, 11, 2'100, 2'101, 2)).missing() ==
        faults{"C2: no near cache answered"});
  CHECK(story{}.missing().size() == 3);
}

TEST_CASE("chaos judge: a version that goes back within a process and an epoch is reported") {
  CHECK(two_writes().read(2, 11, 2'100, 2'101, 2).read(2, 10, 2'102, 2'103, 1).rule() == "E3");
  CHECK(two_writes().read(2, 11, 2'100, 2'101, 2).read(2, 10, 2'101, 2'103, 1).rule() == "none");
  CHECK(two_writes().read(2, 11, 2'100, 2'101, 2).read(3, 10, 2'102, 2'103, 1).rule() == "none");
  CHECK(two_writes().read(1, 10, 2'100, 2'103, 1).rule() == "E3");
}

TEST_CASE("chaos judge: a value that nobody wrote is reported and one that may be passes") {
  CHECK(two_writes().read(2, 12, 2'100, 2'101, 3).rule() == "V1");
  CHECK(two_writes().read(2, 10, 2'100, 2'101, 2).rule() == "V1");
  CHECK(two_writes().announce(3, 12, 2'050).read(2, 12, 2'100, 2'101, 3).rule() == "none");
  CHECK(two_writes().announce(3, 12, 2'150).read(2, 12, 2'100, 2'101, 3).rule() == "V1");
}

TEST_CASE("chaos judge: members that disagree when all has healed are reported") {
  const story agree = two_writes().add(1, "owned 1 11 5 0 2 1\n").add(2, "near 1 11 5 0 2 1\n");
  CHECK(agree.rule() == "none");
  CHECK(story{agree}.add(3, "near 1 10 5 0 1 1\n").rule() == "C1");
  CHECK(story{agree}.add(3, "near 1 0 0 0 0 0\n").rule() == "C1");
  CHECK(story{agree}.add(1, "view 5 0 7\n").add(2, "view 5 0 8\n").rule() == "I1");
}

TEST_CASE("chaos judge: the line that a kill tore is not read and any other that is none is told") {
  CHECK(two_writes().add(1, "put 1 12 30").rule() == "none");
  CHECK(two_writes().add(1, "put 1 12 30\n").judged().front().find("nobody can read") !=
        std::string::npos);
}
