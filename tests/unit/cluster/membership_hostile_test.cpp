// What a broken or hostile peer sends: refused or ignored, never obeyed, never the end of a
// process.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace harness;

namespace {

struct target {
  world w;
  std::size_t coordinator = 0;
  std::size_t follower = 0;

  explicit target(quorum_mode mode, std::uint64_t seed = 1) : w{options_of(mode, seed)} {
    for (int i = 0; i < 4; ++i) w.add();
    REQUIRE(w.run_until(10s, [&] { return w.one_view(w.living()); }));
    w.run_for(3s);
    while (w.machine(coordinator).role() != member_role::coordinator) ++coordinator;
    follower = coordinator == 0 ? 1 : 0;
  }
  static world_options options_of(quorum_mode mode, std::uint64_t seed) {
    world_options options;
    options.quorum = mode;
    options.expect = 4;
    options.seed = seed;
    return options;
  }

  outbox effects;

  /// Gives node `to` a message as from `from`, and keeps what it did without carrying it out.
  template <class Message>
  wire::decode_error give(std::size_t to, const member_id& from, const Message& message) {
    const bytes payload = wire::encoded(message);
    return give_bytes(to, from, Message::code, payload);
  }
  wire::decode_error give_bytes(std::size_t to, const member_id& from, wire::opcode code,
                                byte_view payload) {
    wire::message_frame frame;
    frame.code = static_cast<std::uint8_t>(code);
    frame.payload = payload;
    wire::decode_error error{};
    w.act(to, [&](membership& m, time_point t, outbox& out) {
      error = m.on_message(t, from, frame, effects);
      static_cast<void>(out);
    });
    return error;
  }
  [[nodiscard]] bool sent(wire::opcode code) const {
    return std::ranges::any_of(effects, [&](const effect& e) {
      const auto* s = std::get_if<send>(&e);
      return s != nullptr && s->packet.code == code;
    });
  }
  [[nodiscard]] view_key key() { return w.machine(0).current()->key; }
  [[nodiscard]] member_id id(std::size_t i) { return w.machine(i).self(); }
  [[nodiscard]] membership_counters counted(std::size_t i) { return w.machine(i).counters(); }
};

constexpr member_id stranger{77, 77, 1};

}  // namespace

TEST_CASE("membership: random bytes of every kind close the link or change nothing") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    target t{mode};
    random_source random{99};
    for (int round = 0; round < 20000; ++round) {
      bytes payload(random.below(60));
      for (std::byte& b : payload) {
        b = static_cast<std::byte>(random.below(3) == 0 ? random.below(256) : random.below(4));
      }
      const auto code = static_cast<wire::opcode>(random.between(0x0F, 0x2B));
      const member_id from = random.below(2) == 0 ? stranger : t.id(random.below(4));
      static_cast<void>(t.give_bytes(random.below(4), from, code, payload));
    }
    CHECK(t.w.run_until(60s, [&] { return t.w.one_view(t.w.living()); }));
  }
}

TEST_CASE("membership: an alert about nobody closes the link, one by a stranger is ignored") {
  target t{quorum_mode::majority};
  const wire::alert bad{t.key(), {{4, wire::alert_kind::down}}};
  CHECK(t.give(t.coordinator, t.id(t.follower), bad) == wire::decode_error::out_of_range);
  const wire::alert alien{t.key(), {{0, wire::alert_kind::down}}};
  CHECK(t.give(t.coordinator, stranger, alien) == wire::decode_error::none);
  CHECK(t.counted(t.coordinator).alerts_ignored == 1);
}

TEST_CASE("membership: one member's alerts about all others remove nobody") {
  target t{quorum_mode::none};
  wire::alert flood{t.key(), {}};
  for (std::uint16_t i = 0; i < 4; ++i) flood.items.push_back({i, wire::alert_kind::refused});
  for (int i = 0; i < 50; ++i) {
    CHECK(t.give(t.coordinator, t.id(t.follower), flood) == wire::decode_error::none);
  }
  t.w.run_for(10s);
  CHECK(t.w.machine(t.coordinator).current()->size() == 4);
}

TEST_CASE("membership: a ballot of another, or one that uses up all ballots, closes the link") {
  target t{quorum_mode::majority};
  const std::uint16_t rank = *t.w.machine(0).current()->find(t.id(t.follower));
  const member_id from = t.id(t.follower);
  const std::size_t to = t.coordinator;
  const auto other = static_cast<std::uint16_t>(rank == 1 ? 2 : 1);
  CHECK(t.give(to, from, wire::prepare{t.key(), {1, other}}) == wire::decode_error::out_of_range);
  CHECK(t.give(to, from, wire::prepare{t.key(), {0, 0}}) == wire::decode_error::out_of_range);
  CHECK(t.give(to, from, wire::prepare{t.key(), {0xFFFFFFFF, rank}}) ==
        wire::decode_error::out_of_range);
}

TEST_CASE("membership: a coordinator with authority promises nobody") {
  target t{quorum_mode::majority};
  const std::uint16_t rank = *t.w.machine(0).current()->find(t.id(t.follower));
  CHECK(t.give(t.coordinator, t.id(t.follower), wire::prepare{t.key(), {1, rank}}) ==
        wire::decode_error::none);
  CHECK(t.sent(wire::opcode::nack));
  CHECK_FALSE(t.sent(wire::opcode::promise));
  CHECK(t.counted(t.coordinator).nack_by_authority == 1);
}

TEST_CASE("membership: a view far ahead is asked for, not believed") {
  target t{quorum_mode::majority};
  view_key far = t.key();
  far.number = view_number{far.number.value() + 1000};
  for (int i = 0; i < 100; ++i) {
    CHECK(t.give(t.follower, t.id(t.coordinator), wire::ping{far}) == wire::decode_error::none);
  }
  CHECK(t.sent(wire::opcode::pull_view));
  CHECK(t.counted(t.follower).pull_view == 1);
  CHECK(t.w.machine(t.follower).current()->key == t.key());
}

TEST_CASE("membership: a full view that nobody asked for is ignored, a false one closes the link") {
  target t{quorum_mode::majority};
  wire::full_view forged{*t.w.machine(0).current(), 0, {}, false};
  forged.body.key.number = view_number{900};
  CHECK(t.give(t.follower, t.id(t.coordinator), forged) == wire::decode_error::none);
  CHECK(t.w.machine(t.follower).current()->key == t.key());
  static_cast<void>(t.give(t.follower, t.id(t.coordinator), wire::ping{forged.body.key}));
  CHECK(t.give(t.follower, t.id(t.coordinator), forged) == wire::decode_error::out_of_range);
  CHECK(t.w.machine(t.follower).current()->key == t.key());
}

TEST_CASE("membership: a decision with a false hash, or by a stranger, installs nothing") {
  target t{quorum_mode::majority};
  const view& now = *t.w.machine(0).current();
  change_plan plan{now.key, {}, {}, {}};
  plan.next.number = now.key.number.next();
  const auto change = make_change(now, plan).first;
  const auto commit_of = [&](std::uint64_t hash) {
    return wire::commit{now.key, {}, hash, {}, {}, change};
  };
  CHECK(t.give(t.follower, t.id(t.coordinator), commit_of(change.hash + 1)) ==
        wire::decode_error::out_of_range);
  CHECK(t.give(t.follower, stranger, commit_of(change.hash)) == wire::decode_error::none);
  CHECK(t.w.machine(t.follower).current()->key == now.key);
}

TEST_CASE("membership: an echo of nothing that was sent moves no fence and no authority") {
  target t{quorum_mode::majority};
  const time_point future = time_point{duration{100h}};
  CHECK(t.give(t.follower, t.id(t.coordinator),
               wire::heartbeat_ack{t.key(), future, future, 1h, true}) == wire::decode_error::none);
  CHECK(t.counted(t.follower).echoes_refused == 1);
  CHECK(t.w.machine(t.follower).fence({}) < future);
  CHECK(t.give(t.coordinator, t.id(t.follower), wire::heartbeat{t.key(), {}, future, future}) ==
        wire::decode_error::none);
  CHECK(t.counted(t.coordinator).echoes_refused == 1);
}

TEST_CASE("membership: who asks to join as another loses its link") {
  target t{quorum_mode::none};
  wire::join request{{{5, 5, 1}, {"127.0.0.1", 5900}, 1, {}}, {}};
  CHECK(t.give(t.coordinator, stranger, request) == wire::decode_error::none);
  CHECK(std::ranges::any_of(t.effects, [](const effect& e) {
    const auto* c = std::get_if<cluster::close>(&e);
    return c != nullptr && c->peer == stranger;
  }));
}

TEST_CASE("membership: joins wait in a bounded queue") {
  target t{quorum_mode::none};
  for (std::uint64_t i = 0; i < joins_waiting_max + 10; ++i) {
    const member_id id{1000 + i, 1, 1};
    wire::join request{{id, {"10.0.0.1", static_cast<std::uint16_t>(1 + i)}, 1, {}}, {}};
    // Into one member without letting it act in between: no time passes.
    static_cast<void>(t.give(t.coordinator, id, request));
  }
  CHECK(t.counted(t.coordinator).joins_refused == 10);
}

TEST_CASE("membership: a kick for another view, or by who may not, changes nothing") {
  target t{quorum_mode::none};
  view_key old = t.key();
  old.number = view_number{old.number.value() - 1};
  view_key next = t.key();
  next.number = next.number.next();
  const member_id before = t.id(t.follower);
  using enum wire::kick_reason;
  static_cast<void>(t.give(t.follower, t.id(t.coordinator), wire::kick{removed, next, old, {}}));
  static_cast<void>(t.give(t.follower, stranger, wire::kick{removed, next, t.key(), {}}));
  static_cast<void>(t.give(t.follower, stranger, wire::kick{dissolved, next, t.key(), {}}));
  // Nor one of another line, or of a past view, by its own coordinator.
  view_key foreign = next;
  foreign.branch += 1;
  for (const view_key& ended : {old, foreign}) {
    const wire::kick kick{dissolved, next, ended, {}};
    static_cast<void>(t.give(t.follower, t.id(t.coordinator), kick));
  }
  CHECK(t.id(t.follower) == before);
}

// The change that led there is on its way still, or was lost with its connection; nobody will send
// another kick.
TEST_CASE("membership: what its coordinator dissolved ends for a member that lags behind it") {
  target t{quorum_mode::none};
  view_key next = t.key();
  next.number = next.number.next();
  const member_id before = t.id(t.follower);
  const wire::kick over{wire::kick_reason::dissolved, {view_number{9}, 9}, next, {}};
  static_cast<void>(t.give(t.follower, stranger, over));
  CHECK(t.id(t.follower) == before);
  // Nor does it count what its coordinator said in an earlier life.
  member_id earlier = t.id(t.coordinator);
  REQUIRE(earlier.incarnation > 0);
  --earlier.incarnation;
  static_cast<void>(t.give(t.follower, earlier, over));
  CHECK(t.id(t.follower) == before);
  SUBCASE("said at once") {
    static_cast<void>(t.give(t.follower, t.id(t.coordinator), over));
  }
  SUBCASE("said in its next life") {
    member_id later = t.id(t.coordinator);
    ++later.incarnation;
    static_cast<void>(t.give(t.follower, later, over));
  }
  CHECK(t.id(t.follower) != before);
}

namespace {

/// A later view of another cluster, with the epochs that it began with, which lists `member`.
wire::full_view foreign_view(target& t, std::size_t member) {
  const view& mine = *t.w.machine(member).current();
  const view_number later{mine.key.number.value() + 5};
  member_record alien = mine.members[*mine.find(t.id(member))];
  alien.id = stranger;
  wire::view_body body =
      make_first_view({later, 9}, {alien, mine.members[*mine.find(t.id(member))]});
  for (partition_row& row : body.rows) row.epoch = {view_number{}, 9};
  const view other = *make_view(body);
  return {other, other.hash, {}, true};
}

/// What answers a pull that a data frame of the stranger's had started.
void learn_of(target& t, std::size_t member, const wire::full_view& other) {
  t.w.act(member, [&](membership& m, time_point now, outbox&) {
    m.on_newer_view(now, stranger, t.effects);
  });
  CHECK(t.give(member, stranger, other) == wire::decode_error::none);
}

}  // namespace

TEST_CASE("membership: who coordinates installs no view of a cluster that admitted it too late") {
  target t{quorum_mode::none};
  const view_key before = t.key();
  learn_of(t, t.coordinator, foreign_view(t, t.coordinator));
  CHECK(t.w.machine(t.coordinator).current()->key == before);
  CHECK(t.counted(t.coordinator).foreign_views == 1);
}

TEST_CASE("membership: another cluster's view makes a follower start over, once it is free to") {
  target t{quorum_mode::none};
  const member_id was = t.id(t.follower);
  const view_key before = t.key();
  const wire::full_view other = foreign_view(t, t.follower);
  learn_of(t, t.follower, other);
  CHECK(t.w.machine(t.follower).current()->key == before);
  CHECK(t.id(t.follower) == was);

  t.w.run_for(1s);  // a pull is not repeated at once
  t.w.act(t.follower, [&](membership& m, time_point now, outbox& out) {
    m.on_link_down(now, t.id(t.coordinator), loss::reset, out);
  });
  learn_of(t, t.follower, other);
  CHECK(t.id(t.follower).incarnation == was.incarnation + 1);
}
