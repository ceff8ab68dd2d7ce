#include "csv.hpp"

#include "utf8.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using records = std::vector<std::vector<std::string>>;

records rows_of(const std::string& text) {
  std::istringstream from{text};
  catalog::csv_reader reader{from};
  records all;
  while (auto record = reader.next()) all.push_back(std::move(*record));
  return all;
}

std::vector<catalog::package> packages(const std::string& text) {
  std::istringstream from{text};
  std::vector<catalog::package> found;
  catalog::read_packages(from, [&](catalog::package&& one) { found.push_back(std::move(one)); });
  return found;
}

}  // namespace

TEST_CASE("csv: quotes hold commas and line breaks and doubled quotes") {
  CHECK(rows_of("a,\"b,c\",d\n\"1\n2\",\"say \"\"hi\"\"\",\"\"\n") ==
        records{{"a", "b,c", "d"}, {"1\n2", "say \"hi\"", ""}});
}

TEST_CASE("csv: lines end with or without a carriage return, and the last one need not end") {
  CHECK(rows_of("a,b\r\n\"c\",d\r\n,\"e\"") == records{{"a", "b"}, {"c", "d"}, {"", "e"}});
  CHECK(rows_of("a,\n") == records{{"a", ""}});
  CHECK(rows_of("").empty());
}

TEST_CASE("csv: what is wrong is refused with its line") {
  CHECK_THROWS_WITH_AS(rows_of("a\nb,\"c\nd"), "CSV, line 3: a quote stays open",
                       std::runtime_error);
  CHECK_THROWS_WITH_AS(rows_of("a\n\"b\"c\n"), "CSV, line 2: text behind a closing quote",
                       std::runtime_error);
  CHECK_THROWS_WITH_AS(rows_of("\xFF\n"), "CSV, line 1: the bytes are no UTF-8",
                       std::runtime_error);
}

TEST_CASE("csv: packages are read by the names of the columns") {
  const auto found = packages("size,colour,version,name\n12,red,1.0,tea\n\n,,2,\"a,b\"\n");
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "tea");
  CHECK(found[0].version == "1.0");
  CHECK(found[0].size == 12);
  CHECK(found[0].section.empty());
  CHECK(found[1].name == "a,b");
  CHECK(found[1].size == 0);
}

TEST_CASE("csv: packages that cannot be read are refused") {
  CHECK_THROWS_AS(packages(""), std::runtime_error);
  CHECK_THROWS_AS(packages("name,size\ntea,1\n"), std::runtime_error);
  CHECK_THROWS_WITH_AS(packages("name,version\ntea\n"),
                       "CSV, line 2: 1 fields, the first line has 2", std::runtime_error);
  CHECK_THROWS_WITH_AS(packages("name,version,size\ntea,1,2x\n"), "CSV, line 2: '2x' is no size",
                       std::runtime_error);
  CHECK_THROWS_AS(packages("name,version,size\ntea,1,-2\n"), std::runtime_error);
  CHECK_THROWS_AS(packages("name,version\n,1\n"), std::runtime_error);
}

TEST_CASE("utf8: only the shortest forms of real characters pass") {
  for (const char* good : {"", "tea", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x8D\xB5",
                           "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    CHECK_MESSAGE(catalog::is_utf8(good), good);
  }
  for (const char* bad : {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                          "\xE2\x82", "\xE2\x28\xA1"}) {
    CHECK_FALSE(catalog::is_utf8(bad));
  }
}
