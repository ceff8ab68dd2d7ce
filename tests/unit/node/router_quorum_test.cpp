// Calls of a member that is cut off from the majority.
#include <kith/node/router.hpp>

#include "router_fixture.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace kith;
using namespace kith::test;
using namespace std::chrono_literals;

namespace {

struct cut_off_caller : router_caller {
  cut_off_caller() : router_caller{partition_id{3}} { own(self, 1); }

  /// What became of it; nothing while it waits for its owner.
  std::vector<error_code> ask(node::call_kind kind, wire::mutation how = wire::mutation::put,
                              std::optional<duration> max_age = {}) {
    node::call what = call(kind);
    what.mutation = how;
    what.max_age = max_age;
    out.clear();
    machine.submit(now, std::move(what), out);
    return ended();
  }
  std::vector<error_code> ended() const {
    std::vector<error_code> found;
    for (const node::complete& one : all_of<node::complete>(out)) {
      found.push_back(one.result.error);
    }
    return found;
  }
  void lose() {
    out.clear();
    machine.on_quorum(now, true, out);
  }
  using errors = std::vector<error_code>;
  const errors refused{make_error_code(errc::no_quorum)};
};

}  // namespace

TEST_CASE("router: cut off, a call fails at once where its cache does not go on") {
  cut_off_caller caller;
  caller.lose();
  CHECK(caller.ask(node::call_kind::get) == caller.refused);
  CHECK(caller.ask(node::call_kind::mutate) == caller.refused);
  CHECK(caller.ask(node::call_kind::count) == caller.refused);
  CHECK(caller.machine.counters().no_quorum == 3);
  CHECK(caller.binding->writes_failed == 1);
}

TEST_CASE("router: cut off, a cache that serves stale is read and not written") {
  cut_off_caller caller;
  caller.binding->reads_cut_off = true;
  caller.lose();
  CHECK(caller.ask(node::call_kind::get).empty());
  CHECK(all_of<node::ask_here>(caller.out).size() == 1);
  CHECK(caller.ask(node::call_kind::get, {}, 3s) == caller.refused);
  CHECK(caller.ask(node::call_kind::mutate) == caller.refused);
  CHECK(caller.ask(node::call_kind::mutate, wire::mutation::fill).empty());
}

TEST_CASE("router: cut off, a cache that goes on is read and written, by what is owned here") {
  cut_off_caller caller;
  caller.binding->reads_cut_off = caller.binding->writes_cut_off = true;
  caller.lose();
  CHECK(caller.ask(node::call_kind::get).empty());
  CHECK(caller.ask(node::call_kind::mutate).empty());
  CHECK(all_of<node::ask_here>(caller.out).size() == 1);
  caller.own(other, 2);
  CHECK(caller.ask(node::call_kind::get) == caller.refused);
  CHECK(caller.ask(node::call_kind::mutate) == caller.refused);
}

TEST_CASE("router: what waits when the majority is lost ends, a write that was asked as unknown") {
  cut_off_caller caller;
  caller.own(other, 2);
  REQUIRE(caller.ask(node::call_kind::get).empty());
  REQUIRE(caller.ask(node::call_kind::mutate).empty());
  caller.lose();
  const cut_off_caller::errors told{make_error_code(errc::no_quorum),
                                    make_error_code(errc::timed_out)};
  CHECK(caller.ended() == told);
  CHECK(caller.machine.pending() == 0);
}

TEST_CASE("router: with the majority back calls are asked again") {
  cut_off_caller caller;
  caller.lose();
  caller.machine.on_quorum(caller.now, false, caller.out);
  CHECK(caller.ask(node::call_kind::mutate).empty());
}
