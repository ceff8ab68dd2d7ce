// What checkers hold an owner to: what it began with, by the views that led to it.
#include <kith/cluster/membership_table.hpp>
#include <kith/sim/terms.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

using namespace kith;

namespace {

constexpr partition_id watched_partition{0};
constexpr partition_id unwatched_partition{1};

/// A line of views, in which one partition has the rows of a test.
struct line_of_views {
  wire::view_body body;
  sim::terms terms;
  std::vector<epoch> epochs;

  line_of_views() {
    body.key = {view_number{1}, 9};
    for (std::uint64_t i = 1; i <= 4; ++i) body.members.push_back({{i, i, 1}, {}, 1, {}});
    body.rows.resize(partition_count, {0, {view_number{1}, 9}, {}, false});
    epochs.push_back(body.rows[0].epoch);
  }
  static cluster::view made(const wire::view_body& of) {
    const auto view = cluster::make_view(of);
    REQUIRE(view.has_value());
    return *view;
  }
  void hold(std::vector<std::uint16_t> backups) { body.rows[0].backups = std::move(backups); }
  /// The next owner, by its index now, goes on with what it has; the last one may be gone then.
  void pass_to(std::uint16_t next, bool last_goes) {
    const cluster::view before = made(body);
    body.key.number = body.key.number.next();
    const std::uint16_t last = body.rows[0].owner;
    body.rows[0] = {next, {body.key.number, body.key.branch}, {}, true};
    if (last_goes) {
      body.members.erase(body.members.begin() + last);
      if (next > last) --body.rows[0].owner;
      for (std::size_t p = 1; p < body.rows.size(); ++p) body.rows[p].owner = 0;
    }
    terms.follow(before, made(body));
    epochs.push_back(body.rows[0].epoch);
  }
  [[nodiscard]] bool kept(std::size_t from, std::size_t to, std::size_t copies) const {
    return terms.kept(watched_partition, epochs[from], epochs[to], copies);
  }
};

}  // namespace

TEST_CASE("terms: an owner has what it did itself, and nothing of owners that passed nothing on") {
  line_of_views line;
  const epoch later{view_number{2}, 9};
  CHECK(line.kept(0, 0, 0));
  CHECK_FALSE(line.terms.kept(watched_partition, line.epochs[0], later, 3));
  CHECK_FALSE(line.terms.kept(watched_partition, later, line.epochs[0], 3));
  CHECK(line.terms.root(watched_partition, later) == later);
}

TEST_CASE("terms: a copy keeps what was answered of the caches that waited for it") {
  line_of_views line;
  line.hold({2, 1});
  line.pass_to(1, true);
  CHECK(line.terms.passages() == 1);
  CHECK(line.kept(0, 1, 2));
  CHECK_FALSE(line.kept(0, 1, 1));
  CHECK(line.terms.inherited(watched_partition, line.epochs[0], line.epochs[1]));
  CHECK_FALSE(line.terms.inherited(unwatched_partition, line.epochs[0], line.epochs[1]));
  CHECK(line.terms.root(watched_partition, line.epochs[1]) == line.epochs[0]);
  CHECK(line.terms.kept_root(watched_partition, line.epochs[1], 1) == line.epochs[1]);
  CHECK(line.terms.kept_root(watched_partition, line.epochs[1], 2) == line.epochs[0]);
}

TEST_CASE("terms: an owner that goes on as a member handed over all caches") {
  line_of_views line;
  line.pass_to(3, false);
  CHECK(line.kept(0, 1, 0));
}

TEST_CASE("terms: what a chain of owners kept is what each of them kept") {
  line_of_views line;
  line.hold({1});
  line.pass_to(1, true);
  line.hold({2, 1});
  line.pass_to(1, true);
  CHECK(line.kept(0, 1, 1));
  CHECK_FALSE(line.kept(1, 2, 1));
  CHECK_FALSE(line.kept(0, 2, 1));
  CHECK(line.kept(0, 2, 2));
  CHECK(line.terms.root(watched_partition, line.epochs[2]) == line.epochs[0]);
}
