// Where log lines go, what they look like, and that a peer cannot fill the disk with them.
#include <support/patience.hpp>

#include <kith/net/log_sink.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

using namespace kith;

namespace {

/// What `write` leaves on standard error.
template <class Write>
std::string standard_error_of(Write&& write) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  std::fflush(stderr);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  write();
  std::fflush(stderr);
  ::dup2(kept, STDERR_FILENO);  // the pipe's last writing end
  ::close(kept);
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  return text;
}

log_record of(log_level level) { return {level, "link closed", {{"peer", "a.1"}, {"why", "x y"}}}; }

}  // namespace

TEST_CASE("log sink: warnings and errors are lines of key=value on standard error") {
  const net::log_sink sink{{}};
  const std::string text = standard_error_of([&] {
    sink.write(of(log_level::debug));
    sink.write(of(log_level::info));
    sink.write(of(log_level::warning));
    sink.write(of(log_level::error));
  });
  CHECK(text ==
        "kith warning event=\"link closed\" peer=a.1 why=\"x y\"\n"
        "kith error event=\"link closed\" peer=a.1 why=\"x y\"\n");
}

TEST_CASE("log sink: what a peer sent cannot begin a line or a field of its own") {
  CHECK(net::log_value("plain-1.2:3") == "plain-1.2:3");
  CHECK(net::log_value("") == "\"\"");
  CHECK(net::log_value("a=b") == "\"a=b\"");
  CHECK(net::log_value("a\nkith error \"b\\") == "\"a\\x0akith error \\x22b\\x5c\"");
  CHECK(net::log_value("\x1b[2J\xff") == "\"\\x1b[2J\\xff\"");
  CHECK(net::log_value(std::string(1 << 20, 'a')).size() <= wire::limits::text_bytes + 2);
}

TEST_CASE("log sink: a callback gets every record instead, and may throw") {
  std::vector<log_level> seen;
  const net::log_sink sink{[&](const log_record& record) {
    seen.push_back(record.level);
    throw std::runtime_error{"the user's log is broken"};
  }};
  const std::string text = standard_error_of([&] {
    sink.write(of(log_level::debug));
    sink.write(of(log_level::error));
  });
  CHECK(text.empty());
  CHECK(seen == std::vector{log_level::debug, log_level::error});
}

// The lines may fall into two seconds, or more on a slow machine: each has its own allowance.
TEST_CASE("log sink: lines about peers are limited, and those left out are counted") {
  std::uint64_t written = 0;
  net::log_sink sink{[&](const log_record& record) { written += record.event == "link closed"; }};
  constexpr std::uint64_t lines = 100000;
  const auto began = net::now();
  for (std::uint64_t i = 0; i < lines; ++i) sink.write_about_peer(of(log_level::warning));
  const auto seconds = static_cast<std::uint64_t>((net::now() - began) / std::chrono::seconds{1});
  CHECK(written >= net::peer_lines_a_second);
  CHECK(written <= net::peer_lines_a_second * (seconds + 2));
  CHECK(written + sink.left_out() == lines);
}

// Goal: each line that is missing in the log is told of once, also when none comes after it.
TEST_CASE("log sink: the log says how many lines were left out") {
  std::uint64_t written = 0, told = 0;
  net::log_sink sink{[&](const log_record& record) {
    if (record.event == "link closed") {
      ++written;
      return;
    }
    CHECK(record.event == "lines left out");
    CHECK(record.level == log_level::warning);
    REQUIRE(record.fields.size() == 1);
    CHECK(record.fields[0].first == "lines");
    told += std::stoull(record.fields[0].second);
  }};
  constexpr std::uint64_t lines = 1000;
  for (std::uint64_t i = 0; i < lines; ++i) sink.write_about_peer(of(log_level::warning));
  CHECK(wait_until([&] {
    sink.tick();
    return told == sink.left_out();
  }));
  CHECK(written + told == lines);

  // At the end, in whatever second.
  for (std::uint64_t i = 0; i < lines; ++i) sink.write_about_peer(of(log_level::warning));
  sink.tell_left_out();
  CHECK(written + told == 2 * lines);
  sink.tell_left_out();
  sink.tick();
  CHECK(written + told == 2 * lines);
}

// A tick within the second of the lines would tell of them in many small parts.
TEST_CASE("log sink: what was left out is told of once a second at most") {
  std::uint64_t tellings = 0;
  net::log_sink sink{[&](const log_record& record) { tellings += record.event != "link closed"; }};
  const auto began = net::now();
  for (int i = 0; i < 10000; ++i) {
    sink.write_about_peer(of(log_level::warning));
    sink.tick();
  }
  const auto seconds = static_cast<std::uint64_t>((net::now() - began) / std::chrono::seconds{1});
  CHECK(tellings <= seconds + 1);
}
