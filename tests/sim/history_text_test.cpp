// The text form keeps what a history says, and says where it is wrong.
#include <kith/core/random.hpp>
#include <kith/sim/history_text.hpp>

#include <support/register_brute_force.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using namespace kith;

namespace {

/// "line 2: field what" of the first error; empty where there is none.
std::string error_of(std::string_view text) {
  sim::register_histories all;
  const auto error = sim::parse_histories(text, all);
  if (!error) return "";
  return "line " + std::to_string(error->line) + ": " + error->field + " " + error->what;
}

sim::register_operation only_operation(std::string_view line) {
  sim::register_histories all;
  CHECK(error_of(line).empty());
  REQUIRE_FALSE(sim::parse_histories(line, all).has_value());
  REQUIRE(all.size() == 1);
  REQUIRE(all.begin()->second.size() == 1);
  return all.begin()->second.front();
}

}  // namespace

TEST_CASE("history_text: each action and answer reads as it is written") {
  for (const char* line : {
           "k 1 10 20 get = absent",
           "k 1 10 20 get = -5",
           "k 1 10 20 get = 5 v12",
           "k 1 10 20 put 5 = ok",
           "k 1 10 20 put 5 = ok v12",
           "k 1 10 ? put 5 = ?",
           "k 1 10 20 put_if_absent 5 = yes",
           "k 1 10 20 put_if_absent 5 = no",
           "k 1 10 20 compare_and_put v0 5 = yes v12",
           "k 1 10 20 compare_and_put v9 5 = no",
           "k 1 10 20 erase = ok v12",
           "k 1 10 ? erase = ?",
           "k 1 -10 -5 add -3 = 4",
           "k 1 10 20 add 1 = -9223372036854775808 v1",
           "k 0 1 1 inherit v7 = ok",
           "k 0 1 ? inherit v7 = ?",
       }) {
    CHECK(sim::to_text("k", only_operation(line)) == line);
  }
}

TEST_CASE("history_text: the fields mean what they are called") {
  const sim::register_operation op = only_operation("a/7 3 10 20 compare_and_put v9 5 = yes v12");
  CHECK(op.client == 3);
  CHECK(op.invoked == 10);
  CHECK(op.returned == 20);
  CHECK(op.action == sim::register_action::compare_and_put);
  CHECK(op.expected == 9);
  CHECK(op.argument == 5);
  CHECK(op.yes);
  CHECK(op.version == 12);
}

TEST_CASE("history_text: drawn histories survive the way there and back") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto history = test::drawn_history{seed, test::drawn_actions::all}.draw();
    sim::register_histories read;
    CHECK_FALSE(sim::parse_histories(sim::to_text("key", history), read).has_value());
    CHECK(read["key"] == history);
  }
}

TEST_CASE("history_text: keys are kept apart, blanks and remarks say nothing") {
  sim::register_histories all;
  CHECK_FALSE(
      sim::parse_histories("# a run\n\n  a 1 10 20\tget =  absent # nothing\nb 1 10 20 get = "
                           "absent\n \t\na 2 30 40 get = absent",
                           all)
          .has_value());
  CHECK(all.size() == 2);
  CHECK(all["a"].size() == 2);
  CHECK(error_of("").empty());
  CHECK(error_of("\n\n#").empty());
}

TEST_CASE("history_text: an error names the line and the field") {
  const std::string fine = "k 1 10 20 get = absent\n";
  CHECK(error_of(fine + "k") == "line 2: client is missing");
  CHECK(error_of(fine + "k x 10 20 get = absent") == "line 2: client is no whole number");
  CHECK(error_of("k -1 10 20 get = absent") == "line 1: client is no whole number");
  CHECK(error_of("k 1 1.5 20 get = absent") == "line 1: invoked is no whole number");
  CHECK(error_of("k 1 10 9223372036854775808 get = absent") == "line 1: returned is too large");
  CHECK(error_of("k 1 10 9 get = absent") == "line 1: returned is before it was invoked");
  CHECK(error_of("k 1 10 20") == "line 1: action is missing");
  CHECK(error_of("k 1 10 20 swap 5 = ok") == "line 1: action is not known");
  CHECK(error_of("k 1 10 20 put = ok") == "line 1: argument is no whole number");
  CHECK(error_of("k 1 10 20 compare_and_put 3 5 = no") ==
        "line 1: expected is no version, as v12 is");
  CHECK(error_of("k 1 10 20 compare_and_put v 5 = no") == "line 1: expected is no whole number");
  CHECK(error_of("k 1 10 20 get 5 = 5") == "line 1: = is missing, or there is more before it");
  CHECK(error_of("k 1 10 20 get absent") == "line 1: = is missing, or there is more before it");
  CHECK(error_of("k 1 10 20 get =") == "line 1: answer is missing");
  CHECK(error_of("k 1 10 20 inherit v0 = ok") == "line 1: expected is of no entry");
  CHECK(error_of("k 1 10 20 inherit v1 = ok v1") == "line 1: answer has more behind it");
  CHECK(error_of("k 1 10 20 put 5 = yes") == "line 1: answer is not ok");
  CHECK(error_of("k 1 10 20 put_if_absent 5 = ok") == "line 1: answer is neither yes nor no");
  CHECK(error_of("k 1 10 20 put 5 = ok v0") == "line 1: version is of no entry");
  CHECK(error_of("k 1 10 20 put 5 = ok v4611686018427387905") == "line 1: version is too large");
  CHECK(error_of("k 1 10 20 get = absent v3") == "line 1: answer has more behind it");
  CHECK(error_of("k 1 10 20 put 5 = ?") == "line 1: answer is not ok");
  CHECK(error_of("k 1 10 ? put 5 = ok") == "line 1: answer is not ?, as `returned` is");
  CHECK(error_of(fine + fine + "\r\n") == "line 3: client is missing");
}

TEST_CASE("history_text: lines before an error are kept, and none behind it") {
  sim::register_histories all;
  CHECK(sim::parse_histories("k 1 1 2 get = absent\nk\nk 1 3 4 get = absent", all).has_value());
  CHECK(all["k"].size() == 1);
}

TEST_CASE("history_text: keys are bounded") {
  const std::string line = " 1 10 20 get = absent";
  CHECK(error_of(std::string(4096, 'k') + line).empty());
  CHECK(error_of(std::string(4097, 'k') + line) == "line 1: key is too long");
}

TEST_CASE("history_text: whatever is read can be written, and read again as the same") {
  random_source random{7};
  const std::string_view words[] = {"k",
                                    "1",
                                    "10",
                                    "?",
                                    "get",
                                    "put",
                                    "erase",
                                    "add",
                                    "put_if_absent",
                                    "compare_and_put",
                                    "=",
                                    "v1",
                                    "v0",
                                    "absent",
                                    "ok",
                                    "yes",
                                    "no",
                                    "-3",
                                    "\n",
                                    "#",
                                    "v",
                                    "--",
                                    "1e5",
                                    "99999999999999999999"};
  std::size_t fine = 0;
  for (int i = 0; i < 60'000; ++i) {
    // Half of them begin as a line may, so that some are read to their end.
    std::string text = i % 2 == 0 ? "k 1 10 " : "";
    if (i % 4 == 0) text += "20 put 3 = ";
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      text += words[random.below(std::size(words))];
      text += random.below(30) == 0 ? '\0' : ' ';
    }
    sim::register_histories all;
    if (sim::parse_histories(text, all)) continue;
    for (const auto& [key, history] : all) {
      sim::register_histories again;
      INFO(text);
      CHECK_FALSE(sim::parse_histories(sim::to_text(key, history), again).has_value());
      CHECK(again[key] == history);
      ++fine;
    }
  }
  CHECK(fine > 100);
}
