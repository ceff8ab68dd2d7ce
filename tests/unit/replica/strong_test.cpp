// Writes of strong caches at their owner: hidden until nobody can have an older value, and owners
// that may not serve yet or any more. Rules S1 to S8 of docs/coherence.md.
#include "copies_fixture.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace kith;
using namespace kith::replica;
using wire::get_status;
using wire::mutate_status;

namespace {

constexpr duration granted = as_granted(3s);

/// An owner of a strong cache without copies, of which anna keeps near entries.
struct strong_owner : owner {
  explicit strong_owner(const replica_options& options = options_of_home()) : owner{options} {
    machine.on_caches(std::vector<cache_copies>{{books, 0, 0, store_kind::none, true}});
    machine.on_stable(first_epoch.view);
    hold_fence();
  }
  void hold_fence(duration length = 60s) { machine.set_standing(now, now + length); }
  void pass(duration time) {
    now += time;
    hold_fence();
    machine.on_timeout(now, out);
  }
  /// Anna keeps what the key has now.
  void keep_near(std::string_view value) {
    put(bert, value);
    near_get(anna);
    REQUIRE(one<wire::get_reply>(anna).cacheable);
    clear();
  }
  /// Whether the next digest brings anna a lease.
  bool leases() {
    clear();
    beat(anna, anna_sid, now);
    pass(options_of_home().digest_gap);
    return one<wire::digest>(anna).leases;
  }
  /// A writer was told that its write is done.
  bool written() const { return !sent<wire::mutate_reply>(bert).empty(); }
};

/// Members of which one owns a strong cache with one copy.
struct strong_team : copying {
  strong_team()
      : copying{options_of_home(), books_settings(), {{books, 1, 0, store_kind::none, true}}} {
    install(row_with({anna}));
    stable();
    deliver();
    clear();
  }
  void stable() {
    for (const auto& [who, machine] : members) {
      machine->on_stable(view_number{views});
      machine->set_standing(now, now + 60s);
    }
  }
};

}  // namespace

TEST_CASE("strong: a write that nobody has to hear of is done at once") {
  strong_owner o;
  o.put(bert, "one");
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::applied);
  CHECK(o.value() == "one");
  CHECK(o.counted().writes_hidden == 0);
}

TEST_CASE("strong: a write is hidden until who may have an older value has dropped it (S3)") {
  strong_owner o;
  o.keep_near("one");
  o.put(bert, "two");
  CHECK_FALSE(o.written());
  CHECK(o.sent<wire::invalidate>(anna).size() == 1);
  CHECK(o.value() == "one");
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK(o.written());
  CHECK(o.value() == "two");
  CHECK(o.counted().writes_hidden == 1);
}

TEST_CASE("strong: the value before a hidden write may be seen and not kept (S2)") {
  strong_owner o;
  o.keep_near("one");
  const version before = version{first_epoch, sequence{1}};
  o.put(bert, "two");
  o.clear();
  o.near_get(anna);
  const auto old = o.one<wire::get_reply>(anna);
  CHECK(old.status == get_status::hit);
  CHECK(as_text(old.value) == "one");
  CHECK(old.version == before);
  CHECK_FALSE(old.cacheable);
  CHECK(o.counted().old_values_answered == 1);
}

TEST_CASE("strong: before a hidden first write there was nothing") {
  strong_owner o;
  o.near_get(anna);
  o.put(bert, "one");
  CHECK_FALSE(o.written());
  CHECK(o.value().empty());
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK(o.value() == "one");
}

TEST_CASE("strong: a lost connection is no acknowledgement, a lapsed lease is one (S4)") {
  strong_owner o;
  o.keep_near("one");
  o.put(bert, "two");
  o.machine.on_session(o.now, anna, 0, o.out);
  o.pass(granted - 1ms);
  CHECK_FALSE(o.written());
  CHECK(o.machine.next_timeout() <= o.now + 1ms);
  o.pass(1ms);
  CHECK(o.written());
  CHECK(o.counted().leases_waited_for == 1);
}

TEST_CASE("strong: who was removed is waited for as long as its lease lasts (S4)") {
  strong_owner o;
  o.keep_near("one");
  const std::vector<member_id> left{self, bert};
  o.machine.on_view(o.now, view_number{6}, left, o.out);
  o.machine.on_stable(view_number{6});
  o.put(bert, "two");
  CHECK_FALSE(o.written());
  o.pass(granted);
  CHECK(o.written());
}

TEST_CASE("strong: who says before it leaves that it keeps nothing is not waited for") {
  strong_owner o;
  o.keep_near("one");
  CHECK(o.subscribe(anna, anna_sid, {}));
  const std::vector<member_id> left{self, bert};
  o.machine.on_view(o.now, view_number{6}, left, o.out);
  o.machine.on_stable(view_number{6});
  o.put(bert, "two");
  CHECK(o.written());
}

TEST_CASE("strong: a member whose lease had to lapse gets none for a while (S7)") {
  strong_owner o;
  o.keep_near("one");
  o.put(bert, "two");
  o.pass(granted);
  REQUIRE(o.counted().paroles == 1);
  o.clear();
  o.near_get(anna);
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  CHECK_FALSE(o.leases());
  // So it holds nobody up meanwhile.
  o.clear();
  o.put(bert, "three");
  CHECK(o.written());
  o.pass(options_of_home().parole);
  CHECK(o.leases());
}

TEST_CASE("strong: a digest renews the lease, and a shorter one takes nothing back (S1)") {
  strong_owner o;
  o.keep_near("one");
  o.pass(2s);
  CHECK(o.leases());
  o.clear();
  o.put(bert, "two");
  o.pass(granted - 1ms);
  CHECK_FALSE(o.written());
  o.pass(1ms);
  CHECK(o.written());
}

TEST_CASE("strong: digests renew no lease of who shows no sign of life (S1)") {
  strong_owner o;
  o.keep_near("one");
  CHECK(o.leases());
  o.put(bert, "two");
  const auto digests = o.counted().digests_sent;
  for (duration gone{}; gone < granted; gone += 500ms) o.pass(500ms);
  CHECK(o.counted().digests_sent > digests);
  CHECK(o.written());
}

TEST_CASE(
    "strong: who beats and does not acknowledge holds a write up no longer than others (S7)") {
  strong_owner o;
  o.keep_near("one");
  o.put(bert, "two");
  const duration most = options_of_home().lease_patience + granted + 200ms;
  for (duration gone{}; gone < most; gone += 200ms) {
    o.pass(200ms);
    o.beat(anna, anna_sid, o.now);
  }
  CHECK(o.written());
  CHECK(o.counted().paroles == 1);
}

TEST_CASE(
    "strong: what a copy has of caches that are not its position's is of no use to an owner") {
  copying t{one_by_one(), books_settings(), {{books, 1, 0, store_kind::none, true}, {films, 2, 0}}};
  const auto settle = [&] {
    for (const auto& [who, machine] : t.members) {
      machine->on_stable(view_number{t.views});
      machine->set_standing(t.now, t.now + 60s);
    }
  };
  t.install(row_with({bert, anna}));
  settle();
  t.deliver();
  const std::vector<std::string> keys{key, key_of(home, 1), key_of(home, 2), key_of(home, 3)};
  for (const std::string& each : keys) t.put("one", each);
  t.put("film", key, films);
  t.deliver();
  t.crash(bert);
  // Anna is to take the first place, and is told of books as well; nobody waits for that.
  row widened = row_with({member_id{}, anna});
  widened.wanted = {anna, member_id{}};
  t.install(widened);
  settle();
  std::string first;
  while (first.empty() && !t.under_way.empty()) {
    t.deliver(1);
    for (const std::string& each : keys) first = t.copied(anna, each).empty() ? first : each;
  }
  REQUIRE_FALSE(first.empty());
  CHECK(t.answered(t.put("two", first)));
  t.crash(self);
  t.install(row_after(anna, third_epoch, {}));
  settle();
  CHECK(t.value(first).empty());
  CHECK(t.value(key, films) == "film");
}

TEST_CASE("strong: writes of a key are shown one after the other, in the order of their coming") {
  strong_owner o;
  o.keep_near("one");
  o.put(bert, "two");
  o.near_get(anna, key_of(home, 3));
  o.put(bert, "three");
  CHECK(o.counted().writes_queued == 1);
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK(o.value() == "two");
  CHECK(o.sent<wire::mutate_reply>(bert).size() == 1);
  CHECK(o.ack(anna, anna_sid, 2));
  CHECK(o.value() == "three");
  CHECK(o.sent<wire::mutate_reply>(bert).size() == 2);
}

TEST_CASE("strong: so many writes are hidden at a time and no more begin") {
  replica_options options = options_of_home();
  options.hidden_writes = 1;
  strong_owner o{options};
  o.keep_near("one");
  o.put(bert, "two");
  o.clear();
  o.put(bert, "other", key_of(home, 3));
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::retry);
  CHECK(o.counted().writes_held_back == 1);
}

TEST_CASE("strong: a condition is judged by what is done, not by what is hidden") {
  strong_owner o;
  o.keep_near("one");
  o.put(bert, "two");
  o.clear();
  o.mutate(bert, {.kind = wire::mutation::compare_and_put,
                  .value = as_bytes(std::string_view{"three"}),
                  .expected = {first_epoch, sequence{1}}});
  CHECK(o.sent<wire::mutate_reply>(bert).empty());
  CHECK(o.ack(anna, anna_sid, 1));
  const auto replies = o.sent<wire::mutate_reply>(bert);
  REQUIRE(replies.size() == 2);
  CHECK(replies[1].status == mutate_status::refused);
  CHECK(o.value() == "two");
}

TEST_CASE("strong: a hidden clear has the cache's reads and writes asked again") {
  strong_owner o;
  o.keep_near("one");
  o.mutate(bert, {.kind = wire::mutation::clear});
  CHECK_FALSE(o.written());
  o.clear();
  o.get(bert, {});
  CHECK(o.one<wire::get_reply>(bert).status == get_status::retry);
  o.clear();
  o.put(bert, "two");
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::retry);
  o.clear();
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK(o.written());
  CHECK(o.value().empty());
}

TEST_CASE("strong: beyond its fence an owner serves nothing and shows nothing (S5)") {
  strong_owner o;
  o.keep_near("one");
  o.put(bert, "two");
  o.now += 1s;
  o.machine.set_standing(o.now, o.now);
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK_FALSE(o.written());
  o.clear();
  o.get(bert, {});
  CHECK(o.one<wire::get_reply>(bert).status == get_status::retry);
  CHECK(o.counted().fenced == 1);
  o.clear();
  o.pass(options_of_home().fence_retry);
  CHECK(o.written());
}

TEST_CASE("strong: a key that is written and hardly read is not kept near (S7)") {
  strong_owner o;
  o.near_get(anna);
  for (std::uint32_t i = 1; i <= written_keys::writes_least; ++i) {
    o.put(bert, "some");
    CHECK(o.ack(anna, anna_sid, i));
  }
  o.clear();
  o.near_get(anna);
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  CHECK(o.counted().leases_written_off == 1);
  o.pass(written_keys::bypassed_for);
  o.clear();
  o.near_get(anna);
  CHECK(o.one<wire::get_reply>(anna).cacheable);
}

TEST_CASE("strong: a write waits for its copy, and is hidden meanwhile (S3)") {
  strong_team t;
  const auto rid = t.put("one");
  CHECK(t.value().empty());
  CHECK_FALSE(t.answered(rid));
  t.deliver();
  CHECK(t.answered(rid));
  CHECK(t.value() == "one");
}

TEST_CASE("strong: a new owner serves when its view is stable (S6)") {
  strong_team t;
  t.put("one");
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, third_epoch, {}));
  t.members.at(anna)->set_standing(t.now, t.now + 60s);
  CHECK(t.get().status == get_status::retry);
  CHECK(t.counted(anna).unsettled == 1);
  t.stable();
  CHECK(t.value() == "one");
}

TEST_CASE("strong: a new owner serves when its own successors have what it began with (S6)") {
  strong_team t;
  t.put("one");
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {bert}));
  t.stable();
  CHECK(t.get().status == get_status::retry);
  t.deliver();
  CHECK(t.value() == "one");
}

TEST_CASE("strong: what was hidden at an owner that is no more is asked at the next one") {
  strong_team t;
  const auto rid = t.put("one");
  t.deliver(1);  // the copy has it, its owner does not know
  t.install(row_after(anna, second_epoch, {}));
  t.stable();
  CHECK_FALSE(t.answered(rid));
  CHECK(t.value() == "one");
  const auto again = t.mutate({.operation = 1, .value = as_bytes(std::string_view{"one"})});
  CHECK(t.answered(again));
  CHECK(t.counted(anna).mutations == 0);
}
