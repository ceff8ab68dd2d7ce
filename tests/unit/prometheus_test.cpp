// The text is what the exposition format 0.0.4 allows, by a parser that allows nothing else, and by
// promtool where it is installed.
#include <kith/handle/cache_stats.hpp>
#include <kith/member_stats.hpp>
#include <kith/prometheus.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using labels = std::map<std::string, std::string>;

struct sample {
  std::string name;
  labels with;
  double value = 0;
};
struct family {
  std::string help;
  std::string type;
  std::vector<sample> samples;
};

/// Reads one page; throws std::runtime_error with the line that is wrong.
class parser {
 public:
  explicit parser(const std::string& page) {
    if (page.empty() || page.back() != '\n') fail("the last line has no end");
    std::istringstream lines{page};
    while (std::getline(lines, line_)) take_line();
    for (const auto& [name, one] : families) {
      if (one.type.empty() || one.samples.empty()) fail(name + " has no type or no sample");
      if (one.type == "histogram") check_histogram(name, one);
    }
  }

  std::map<std::string, family> families;

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error{what + ": " + line_};
  }

  void take_line() {
    at_ = 0;
    if (take("# HELP ")) {
      current_ = take_name();
      if (families.contains(current_)) fail("a family twice");
      expect(' ');
      families[current_].help = unescaped(line_.substr(at_), "\\n");
      return;
    }
    if (take("# TYPE ")) {
      if (take_name() != current_) fail("a type without help");
      expect(' ');
      const std::string type = line_.substr(at_);
      if (type != "counter" && type != "gauge" && type != "histogram") fail("an unknown type");
      if (!families[current_].type.empty()) fail("a second type");
      families[current_].type = type;
      return;
    }
    take_sample();
  }

  void take_sample() {
    sample one;
    one.name = take_name();
    if (at_ < line_.size() && line_[at_] == '{') take_labels(one.with);
    expect(' ');
    const std::string number = line_.substr(at_);
    std::size_t used = 0;
    one.value = std::stod(number, &used);
    if (used != number.size() || one.value < 0) fail("a bad number");
    family& of = families[current_];
    const std::string suffix =
        one.name.starts_with(current_) ? one.name.substr(current_.size()) : "?";
    const bool part = suffix == "_bucket" || suffix == "_sum" || suffix == "_count";
    if (!(of.type == "histogram" ? part : suffix.empty())) fail("a sample of another family");
    if (of.type == "counter" && !current_.ends_with("_total")) fail("a counter without _total");
    if (!seen_.insert({one.name, one.with}).second) fail("a sample twice");
    of.samples.push_back(std::move(one));
  }

  void take_labels(labels& to) {
    do {
      ++at_;
      const std::string name = take_name();
      expect('=');
      expect('"');
      std::string raw;
      while (at_ < line_.size() && line_[at_] != '"') {
        if (line_[at_] == '\\') raw += line_[at_++];
        if (at_ < line_.size()) raw += line_[at_++];
      }
      expect('"');
      if (!to.emplace(name, unescaped(raw, "\\n\"")).second) fail("a label twice");
    } while (at_ < line_.size() && line_[at_] == ',');
    expect('}');
  }

  void check_histogram(const std::string& name, const family& of) {
    line_ = name;
    std::map<labels, double> below, last_le, counts;
    for (const sample& one : of.samples) {
      labels rest = one.with;
      rest.erase("le");
      if (one.name.ends_with("_count")) counts[rest] = one.value;
      if (!one.name.ends_with("_bucket")) continue;
      if (!one.with.contains("le")) fail("a bucket without le");
      const double le = std::stod(one.with.at("le"));
      if (last_le.contains(rest) && le <= last_le[rest]) fail("buckets out of order");
      if (below.contains(rest) && one.value < below[rest]) fail("buckets are not cumulative");
      last_le[rest] = le;
      below[rest] = one.value;
    }
    for (const auto& [rest, le] : last_le) {
      if (le <= 1e300) fail("no +Inf bucket");
      if (!counts.contains(rest) || counts[rest] != below[rest]) fail("+Inf is not the count");
    }
    if (counts.size() != last_le.size()) fail("a count without buckets");
  }

  bool take(std::string_view text) {
    if (line_.compare(at_, text.size(), text) != 0) return false;
    at_ += text.size();
    return true;
  }
  void expect(char c) {
    if (at_ >= line_.size() || line_[at_] != c) fail(std::string{"expected "} + c);
    ++at_;
  }
  std::string take_name() {
    const std::size_t begin = at_;
    while (at_ < line_.size() &&
           (std::isalnum(static_cast<unsigned char>(line_[at_])) != 0 || line_[at_] == '_')) {
      ++at_;
    }
    if (begin == at_ || std::isdigit(static_cast<unsigned char>(line_[begin])) != 0) {
      fail("no name");
    }
    return line_.substr(begin, at_ - begin);
  }
  /// `allowed`: what may follow a backslash.
  std::string unescaped(const std::string& text, std::string_view allowed) const {
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        shown += text[i];
        continue;
      }
      if (++i == text.size() || allowed.find(text[i]) == std::string_view::npos) fail("an escape");
      shown += text[i] == 'n' ? '\n' : text[i];
    }
    return shown;
  }

  std::string line_;
  std::size_t at_ = 0;
  std::string current_;
  std::set<std::pair<std::string, labels>> seen_;
};

constexpr std::string_view hard = "a \"quoted\" \\ name\nof two lines";

/// Two caches and two peers, with something in every histogram.
std::string whole_page() {
  kith::prometheus_text page;
  kith::member_stats member;
  member.members = 2;
  member.lanes.reader.gaps = 7;
  member.lanes.read_times.record(1'500'000);
  member.lanes.read_times.record(UINT64_MAX);
  member.peers.push_back({{"::1", 5801}, 1, 2, 3, 4, 5});
  member.peers.push_back({{"127.0.0.1", 5802}, 5, 6, 7, 8, 9});
  kith::visit_stats(member, page.visitor());
  kith::cache_stats cache;
  cache.near_hits = 3;
  cache.oldest_near_hit = std::chrono::milliseconds{1500};
  for (std::uint64_t age = 1; age < 1'000'000'000; age *= 3) cache.near_ages.record(age);
  kith::visit_stats(cache, "products", page.visitor());
  kith::visit_stats(cache, hard, page.visitor());
  return page.str();
}

}  // namespace

TEST_CASE("prometheus: a page of everything is well formed") {
  const parser read{whole_page()};
  const auto& families = read.families;
  CHECK(families.at("kith_members").samples[0].value == 2);
  CHECK(families.at("kith_members").type == "gauge");
  CHECK(families.at("kith_invalidation_gaps_total").samples[0].value == 7);
  CHECK(families.at("kith_peer_sent_bytes_total").samples.size() == 2);
  CHECK(families.at("kith_peer_sent_bytes_total").samples[0].with.at("peer") == "[::1]:5801");
  CHECK(families.at("kith_near_hit_age_max_seconds").samples[0].value == doctest::Approx(1.5));
  CHECK(families.at("kith_near_hit_age_seconds").type == "histogram");
  CHECK(families.at("kith_near_hit_age_seconds").help.ends_with("."));
  // One that is above the scale is in +Inf alone.
  const auto& reads = families.at("kith_remote_call_seconds").samples;
  double bounded = 0;
  for (const sample& one : reads) {
    if (one.with.at("op") == "read" && one.with.contains("le") && one.with.at("le") != "+Inf") {
      bounded = one.value;
    }
  }
  CHECK(bounded == 1);
}

TEST_CASE("prometheus: labels come back as they were, whatever a cache is called") {
  const parser read{whole_page()};
  CHECK(read.families.at("kith_reads_total").samples[6].with.at("cache") == hard);
}

TEST_CASE("prometheus: bytes that are no UTF-8 do not spoil the page") {
  const std::pair<std::string, std::string> names[] = {
      {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xEF\xBF\xBF \xF4\x8F\xBF\xBF",
       "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xEF\xBF\xBF \xF4\x8F\xBF\xBF"},
      {"a\xFFz", "a\\xffz"},
      {"\x80", "\\x80"},  // begins with what may only follow
      {"\xC3", "\\xc3"},  // ends too early
      {"\xE2\x82", "\\xe2\\x82"},
      {"\xC3(", "\\xc3("},
      {"\xE2\x82(", "\\xe2\\x82("},
      {"\xC0\x80", "\\xc0\\x80"},  // overlong
      {"\xE0\x9F\xBF", "\\xe0\\x9f\\xbf"},
      {"\xF0\x8F\xBF\xBF", "\\xf0\\x8f\\xbf\\xbf"},
      {"\xED\xA0\x80", "\\xed\\xa0\\x80"},           // a surrogate
      {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above the last one
      {"\xF5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
  };
  for (const auto& [name, shown] : names) {
    kith::prometheus_text page;
    kith::visit_stats(kith::cache_stats{}, name, page.visitor());
    const parser read{page.str()};
    CHECK(read.families.at("kith_near_entries").samples[0].with.at("cache") == shown);
  }
}

TEST_CASE("prometheus: buckets tell how many values were not above their bound") {
  kith::prometheus_text page;
  kith::cache_stats cache;
  cache.near_ages.record(100'000'000);
  cache.near_ages.record(900'000'000);
  kith::visit_stats(cache, "c", page.visitor());
  const parser read{page.str()};
  for (const sample& one : read.families.at("kith_near_hit_age_seconds").samples) {
    if (one.name.ends_with("_sum")) CHECK(one.value == doctest::Approx(1.0).epsilon(0.13));
    if (!one.with.contains("le")) continue;
    const double le = std::stod(one.with.at("le"));
    CHECK(one.value == (le > 1.0 ? 2 : le > 0.13 ? 1 : le < 0.1 ? 0 : one.value));
  }
}

TEST_CASE("prometheus: promtool accepts the page") {
  if (std::system("command -v promtool > /dev/null 2>&1") != 0) {
    std::puts("prometheus: promtool is not installed, its check is skipped");
    return;
  }
  const auto file = std::filesystem::temp_directory_path() /
                    ("kith-metrics-" + std::to_string(::getpid()) + ".txt");
  std::ofstream{file} << whole_page();
  const std::string check = "promtool check metrics < '" + file.string() + "'";
  CHECK(std::system(check.c_str()) == 0);
  std::filesystem::remove(file);
}
