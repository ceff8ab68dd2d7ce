// What the answers to writes, and their absence, do to what this member keeps of the keys.
#include "router_fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <variant>
#include <vector>

using namespace kith;
using namespace kith::test;
using namespace std::chrono_literals;

namespace {

/// A router over the near side of a lane that keeps version 1 of one key.
struct near_writer : near_caller {
  near_writer() {
    reader.fill(reader.key, 1);
    REQUIRE(reader.hit(reader.key));
  }

  /// Returns the request's number.
  std::uint64_t write(wire::mutation kind) {
    node::call what = call(node::call_kind::mutate);
    what.mutation = kind;
    if (kind == wire::mutation::clear) {
      what.key_hash = 0;
      what.key.clear();
    }
    out.clear();
    machine.submit(reader.now, std::move(what), out);
    const auto sent = all<wire::send>();
    return sent.empty() ? 0 : sent.front().message.rid;
  }
  void answer(std::uint64_t rid, wire::mutate_status status, version at) {
    wire::mutate_reply reply;
    reply.status = status;
    reply.epoch = reader.term;
    reply.version = at;
    machine.on_mutate_reply(reader.now, near_reader::owner, rid, reply, out);
  }
};

}  // namespace

TEST_CASE("router: an applied write drops what is kept of its key") {
  near_writer w;
  w.answer(w.write(wire::mutation::put), wire::mutate_status::applied, w.reader.at(2));
  CHECK_FALSE(w.reader.hit(w.reader.key));
}

TEST_CASE("router: a refused write drops what is older than the version that refused it") {
  near_writer w;
  w.answer(w.write(wire::mutation::compare_and_put), wire::mutate_status::refused, w.reader.at(1));
  CHECK(w.reader.hit(w.reader.key));
  w.answer(w.write(wire::mutation::compare_and_put), wire::mutate_status::refused, w.reader.at(5));
  CHECK_FALSE(w.reader.hit(w.reader.key));
}

TEST_CASE("router: a write without an answer drops what is kept of its key") {
  for (const auto kind : {wire::mutation::put, wire::mutation::clear}) {
    near_writer w;
    static_cast<void>(w.write(kind));
    while (w.machine.pending() > 0) {
      w.reader.now = w.machine.next_timeout();
      w.machine.on_timeout(w.reader.now, w.out);
    }
    CHECK_FALSE(w.reader.hit(w.reader.key));
    CHECK(w.machine.counters().timed_out == 1);
  }
}

TEST_CASE("router: a write whose answer is forgotten drops what is kept of its key") {
  near_writer w;
  w.answer(w.write(wire::mutation::put), wire::mutate_status::stale_operation, {});
  CHECK_FALSE(w.reader.hit(w.reader.key));
}

TEST_CASE("router: calls of a moved partition go to the new owner, once a view") {
  near_writer w;
  const std::uint64_t first = w.write(wire::mutation::put);
  w.out.clear();
  const epoch next{view_number{w.reader.term.view.value() + 1}, 0};
  w.machine.on_ownership(w.reader.key.partition, near_reader::stranger, next);
  CHECK(w.out.empty());
  w.machine.retry_moved(w.reader.now, w.out);
  REQUIRE(w.out.size() == 1);
  const auto& sent = std::get<wire::send>(w.out[0]);
  CHECK(sent.to == near_reader::stranger);
  CHECK(sent.message.rid != first);
  w.machine.retry_moved(w.reader.now, w.out);
  CHECK(w.out.size() == 1);
}

TEST_CASE("router: what an owner says of a token ends the read") {
  near_writer w;
  node::call what;
  what.cache = w.binding;
  what.partition = w.reader.key.partition;
  what.key_hash = w.reader.key.hash;
  what.key = to_bytes(w.reader.key.text);
  what.near = true;
  what.after = w.reader.at(7);
  what.deadline = w.reader.now + 1s;
  wire::get_reply reply;
  reply.epoch = w.reader.term;
  errc told{};
  SUBCASE("lost") {
    reply.status = wire::get_status::lost_write;
    told = errc::lost_write;
  }
  SUBCASE("never written") {
    reply.status = wire::get_status::unknown_version;
    told = errc::invalid_argument;
  }
  w.machine.submit(w.reader.now, std::move(what), w.out);
  REQUIRE(w.out.size() == 1);
  const auto& sent = std::get<wire::send>(w.out[0]).message;
  wire::get asked;
  REQUIRE(wire::decode(sent.payload, asked) == wire::decode_error::none);
  CHECK(asked.after == w.reader.at(7));
  w.machine.on_get_reply(w.reader.now, near_reader::owner, sent.rid, reply, w.out);
  CHECK(std::get<node::complete>(w.out.back()).result.error == told);
}

namespace {

/// A call about a value that its caller has from before, as it leaves.
struct validation : near_writer {
  explicit validation(std::optional<wire::known_value> known) {
    machine.on_ownership(reader.distant.partition, near_reader::owner, reader.term);
    submit(known);
    REQUIRE(out.size() == 1);
    const auto& sent = std::get<wire::send>(out[0]).message;
    rid = sent.rid;
    REQUIRE(wire::decode(sent.payload, asked) == wire::decode_error::none);
    out.clear();
  }
  void submit(std::optional<wire::known_value> known) {
    node::call what;
    what.cache = binding;
    what.partition = reader.distant.partition;
    what.key_hash = reader.distant.hash;
    what.key = to_bytes(reader.distant.text);
    what.near = true;
    what.known = known;
    if (known && known->read) what.recalled = cell;
    what.deadline = reader.now + 1s;
    machine.submit(reader.now, std::move(what), out);
  }
  bool answer(version at) {
    wire::get_reply reply = reader.value(at.seq.value(), at.seq.value());
    reply.status = wire::get_status::not_modified;
    reply.version = at;
    return machine.on_get_reply(reader.now, near_reader::owner, rid, reply, out);
  }
  near::counted_cell cell = reader.draft(reader.distant, 3);
  wire::get asked;
  std::uint64_t rid = 0;
};

}  // namespace

TEST_CASE("router: a value from before is asked about and may be installed if it is still so") {
  const wire::known_value known{{{view_number{4}, 0}, sequence{3}}, 17};
  validation v{known};
  CHECK(v.asked.known == known);
  CHECK(v.asked.near);
  CHECK(v.answer(known.version));
  REQUIRE(v.out.size() == 1);
  const node::outcome& said = std::get<node::complete>(v.out[0]).result;
  CHECK(said.yes);
  CHECK(said.not_modified);
  CHECK(said.value.empty());
  CHECK(said.fill == v.rid);
  CHECK(v.machine.read_times().count() == 0);
}

TEST_CASE("router: a read of what is still the entry's is answered with the cell that it had") {
  const wire::known_value known{{{view_number{4}, 0}, sequence{3}}, 17, true};
  validation v{known};
  CHECK(v.asked.known == known);
  // Who reads the key beside it follows.
  v.submit(std::nullopt);
  CHECK(v.out.empty());
  CHECK(v.answer(known.version));
  const node::outcome& said = std::get<node::complete>(v.out[0]).result;
  CHECK(said.yes);
  CHECK(said.recalled.get() == v.cell.get());
  CHECK(said.fill == v.rid);
  CHECK(v.machine.read_times().count() == 1);
}

TEST_CASE("router: a read that has to be asked again still names what it has") {
  const wire::known_value known{{{view_number{4}, 0}, sequence{3}}, 17, true};
  validation v{known};
  wire::get_reply busy;
  busy.status = wire::get_status::retry;
  busy.epoch = v.reader.term;
  CHECK(v.machine.on_get_reply(v.reader.now, near_reader::owner, v.rid, busy, v.out));
  v.out.clear();
  v.reader.now += 900ms;
  v.machine.on_timeout(v.reader.now, v.out);
  REQUIRE(v.out.size() == 1);
  const auto& sent = std::get<wire::send>(v.out[0]).message;
  v.rid = sent.rid;
  REQUIRE(wire::decode(sent.payload, v.asked) == wire::decode_error::none);
  CHECK(v.asked.known == known);
  v.out.clear();
  CHECK(v.answer(known.version));
  CHECK(std::get<node::complete>(v.out[0]).result.recalled.get() == v.cell.get());
}

TEST_CASE("router: not modified to who knows nothing breaks the protocol") {
  const version three{{view_number{4}, 0}, sequence{3}};
  validation none{std::nullopt};
  CHECK_FALSE(none.answer(three));
  CHECK(none.out.empty());
  CHECK(none.machine.pending() == 1);
  validation older{wire::known_value{{{view_number{4}, 0}, sequence{2}}, 17}};
  CHECK_FALSE(older.answer(three));
  CHECK(older.machine.pending() == 1);
}

TEST_CASE("router: who reads a key beside a validation asks for itself") {
  validation v{wire::known_value{{{view_number{4}, 0}, sequence{3}}, 17}};
  v.submit(std::nullopt);
  CHECK(v.out.size() == 1);
  v.submit(std::nullopt);  // and is followed as ever
  CHECK(v.out.size() == 1);
}
