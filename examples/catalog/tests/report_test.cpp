#include "report.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>

using catalog::stats;

namespace {

// The cells of the line of `text` that begins with `title`, without their blanks.
std::string row(const std::string& text, const std::string& title) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  " + title)) continue;
    std::istringstream words{line.substr(2 + title.size())};
    std::string cells;
    for (std::string word; words >> word;) cells += (cells.empty() ? "" : " ") + word;
    return cells;
  }
  return "no such line";
}

}  // namespace

TEST_CASE("report: numbers are written for people") {
  CHECK(catalog::with_commas(0) == "0");
  CHECK(catalog::with_commas(999) == "999");
  CHECK(catalog::with_commas(1000) == "1,000");
  CHECK(catalog::with_commas(1234567) == "1,234,567");
  CHECK(catalog::in_ms(0) == "0.00");
  CHECK(catalog::in_ms(1234) == "1.23");
  CHECK(catalog::in_ms(12345) == "12.3");
  CHECK(catalog::in_ms(1234567) == "1,234");
  CHECK(catalog::percent(1, 8) == "12.5 %");
  CHECK(catalog::percent(0, 0) == "-");
}

TEST_CASE("report: the table sums what the replicas counted since the start") {
  stats before, first, second;
  before.near = 100;
  before.selects = 10;
  first = before;
  first.near = 400;
  first.database = 50;
  first.selects = 60;
  second.owner = 250;
  second.absent = 50;
  second.selects = 80;
  second.staleness_max_ms = 3000;
  second.oldest_near_ms = 12;

  std::ostringstream text;
  catalog::print_table(text, {}, {{before, first}, {stats{}, second}});
  CHECK(row(text.str(), "near cache") == "300 0 300 46.1 %");
  CHECK(row(text.str(), "owner") == "0 250 250 38.4 %");
  CHECK(row(text.str(), "database") == "50 0 50 7.6 %");
  CHECK(row(text.str(), "no such package") == "0 50 50 7.6 %");
  CHECK(row(text.str(), "SELECTs sent") == "50 80 130");
  CHECK(text.str().find("80.0 %: 130 SELECTs for 650 reads") != std::string::npos);
  CHECK(text.str().find("at most 12 ms behind its owner; the cache promises 3,000 ms") !=
        std::string::npos);
}

TEST_CASE("report: answers that lack a lost write are counted") {
  const auto lost = [](const catalog::load_result& clients) {
    std::ostringstream text;
    catalog::print_table(text, clients, {});
    return row(text.str(), "writes lost").substr(0, 9);
  };
  catalog::load_result clients;
  CHECK(lost(clients) == "0 answers");
  clients.all.lost_writes_seen = 2;
  CHECK(lost(clients) == "2 answers");
}

TEST_CASE("report: a replica that does not answer in the end is named") {
  std::ostringstream text;
  catalog::print_table(text, {}, {{stats{}, std::nullopt}});
  CHECK(text.str().starts_with("replica 1 does not answer"));
}
