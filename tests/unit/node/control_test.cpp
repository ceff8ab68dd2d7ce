// Openings of caches as one member's control sees them: one agreement a name.
#include <kith/cluster/membership_options.hpp>
#include <kith/core/random.hpp>
#include <kith/node/control.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace kith;

namespace {

/// A member that founds its cluster alone.
struct alone {
  alone() : machine{options(), random_source{1}} { machine.start(now, out); }

  static cluster::membership_options options() {
    cluster::membership_options made;
    made.self.id = {1, 1, 1};
    made.self.address = {"10.0.0.1", 5801};
    return made;
  }

  /// What the opening is told and how often the lanes are.
  struct told {
    std::vector<node::open_answered> answers;
    std::vector<std::string> in_lanes;
  };

  told open(const node::open_request& request) {
    out.clear();
    machine.open(now, request, out);
    // A cache that the view does not know comes with the next view.
    for (int i = 0; i < 3 && told_now().answers.empty(); ++i) {
      now = machine.next_timeout();
      machine.on_timeout(now, out);
    }
    return told_now();
  }

  told told_now() const {
    told all;
    for (const node::control_effect& effect : out) {
      if (const auto* answer = std::get_if<node::open_answered>(&effect)) {
        all.answers.push_back(*answer);
      }
      if (const auto* lanes = std::get_if<node::open_in_lanes>(&effect)) {
        all.in_lanes.push_back(lanes->settings.name);
      }
    }
    return all;
  }

  time_point now{std::chrono::seconds{1}};
  node::control::outbox out;
  node::control machine;
};

node::open_request request(std::string schema) {
  node::open_request made;
  made.agreed = {"words", {{"schema", std::move(schema)}}};
  made.binding = std::make_shared<node::cache_binding>();
  made.max_bytes = 1024;
  return made;
}

}  // namespace

TEST_CASE("control: an opening binds the handles and tells the lanes once") {
  alone member;
  const node::open_request first = request("1");
  const alone::told told = member.open(first);
  REQUIRE(told.answers.size() == 1);
  CHECK_FALSE(told.answers[0].failure);
  CHECK(told.in_lanes == std::vector<std::string>{"words"});
  CHECK(first.binding->current_id() != cache_id{});

  const alone::told again = member.open(first);
  REQUIRE(again.answers.size() == 1);
  CHECK_FALSE(again.answers[0].failure);
  CHECK(again.in_lanes.empty());
}

TEST_CASE("control: lanes are told of a share of bytes that changed, where the cache is open") {
  alone member;
  const node::open_request first = request("1");
  node::control::outbox out;
  member.machine.set_cache_bytes("words", 16'000, out);
  CHECK(out.empty());
  static_cast<void>(member.open(first));
  member.machine.set_cache_bytes("words", 16'000, out);
  REQUIRE(out.size() == 1);
  const auto& told = std::get<node::resize_in_lanes>(out[0]);
  CHECK(told.cache == first.binding->current_id());
  CHECK(told.max_bytes == 1'000);
  out.clear();
  member.machine.set_cache_bytes("sentences", 16'000, out);
  CHECK(out.empty());
}

TEST_CASE("control: what differs from the agreement is named and changes nothing") {
  alone member;
  const node::open_request first = request("1");
  static_cast<void>(member.open(first));
  const cache_id id = first.binding->current_id();

  const alone::told told = member.open(request("2"));
  REQUIRE(told.answers.size() == 1);
  CHECK(told.answers[0].failure == errc::config_mismatch);
  CHECK(told.answers[0].field == "schema");
  CHECK(first.binding->current_id() == id);
  CHECK_FALSE(member.open(first).answers[0].failure);
}

TEST_CASE("control: handles whose first opening was given up are bound by the next") {
  alone member;
  static_cast<void>(member.open(request("1")));
  const node::open_request second = request("1");
  const alone::told told = member.open(second);
  REQUIRE(told.answers.size() == 1);
  CHECK_FALSE(told.answers[0].failure);
  CHECK(told.in_lanes == std::vector<std::string>{"words"});
  CHECK(second.binding->current_id() != cache_id{});
}
