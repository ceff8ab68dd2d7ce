// What an owner answers while its member is cut off from the majority.
#include "owner_fixture.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace kith;
using namespace kith::replica;

namespace {

/// The owner of an entry that anna put, an hour ago.
struct cut_off_owner : owner {
  explicit cut_off_owner(bool reads, bool writes) {
    cache_settings settings;
    settings.id = books;
    settings.reads_cut_off = reads;
    settings.writes_cut_off = writes;
    machine.open_cache(settings);
    put(anna, "old");
    now += 1h;
    machine.on_quorum(true);
    clear();
  }
  wire::get_status read() {
    clear();
    get(self, {});
    return effects<answer_get>().at(0).reply.status;
  }
  wire::mutate_status write() {
    clear();
    put(self, "new");
    return effects<answer_mutate>().at(0).reply.status;
  }
};

}  // namespace

TEST_CASE("cut off: an owner refuses everything that its cache does not let go on") {
  cut_off_owner owner{false, false};
  CHECK(owner.read() == wire::get_status::retry);
  CHECK(owner.write() == wire::mutate_status::retry);
}

TEST_CASE("cut off: a cache that is only read keeps what a processor of before brings out of it") {
  for (const bool writes : {false, true}) {
    CAPTURE(writes);
    cut_off_owner owner{true, writes};
    CHECK(owner.read() == wire::get_status::hit);
    owner.machine.on_quorum(false);
    owner.machine.set_standing(owner.now);
    owner.clear();
    owner.mutate(self, {.kind = wire::mutation::invoke, .processor = as_bytes("grow")});
    const auto running = owner.effects<run_processor>();
    REQUIRE(running.size() == 1);
    owner.now += 20s;
    owner.machine.on_quorum(true);
    owner.machine.on_processor_done(owner.now, running[0].ticket,
                                    processed{processor_action::set, to_bytes(as_bytes("new")), {}},
                                    owner.out);
    CHECK(owner.effects<answer_mutate>().at(0).reply.status ==
          (writes ? wire::mutate_status::applied : wire::mutate_status::retry));
    CHECK(owner.value() == (writes ? "new" : "old"));
  }
}

TEST_CASE("cut off: a cache that goes on is read and written by its own member alone") {
  cut_off_owner owner{true, true};
  CHECK(owner.write() == wire::mutate_status::applied);
  CHECK(owner.value() == "new");
  owner.clear();
  owner.get(anna, {});
  CHECK(owner.one<wire::get_reply>(anna).status == wire::get_status::retry);
  owner.put(anna, "other");
  CHECK(owner.one<wire::mutate_reply>(anna).status == wire::mutate_status::retry);
}

TEST_CASE("cut off: with the majority back an owner waits for its coordinator as ever") {
  cut_off_owner owner{true, true};
  owner.machine.on_quorum(false);
  CHECK(owner.read() == wire::get_status::retry);
}
