// In which order packets leave, and what counts against which bound. No sockets.
#include <doctest/doctest.h>

#include "support.hpp"

#include <kith/net/outbox.hpp>
#include <kith/net/progress.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/splitter.hpp>

#include <vector>

using namespace net_test;
using kith::wire::opcode;

namespace {

/// The rids of the messages in `written`, in order of their completion.
std::vector<std::uint64_t> arrivals(kith::wire::splitter& receiver, kith::byte_view written) {
  std::vector<std::uint64_t> rids;
  receiver.feed(written);
  kith::wire::message_frame frame;
  while (receiver.next(frame)) rids.push_back(frame.rid);
  CHECK(receiver.error() == kith::wire::frame_error::none);
  return rids;
}

TEST_CASE("outbox: control before data, data in order, large values last") {
  kith::net::outbox box{{}};
  kith::wire::frame_cutter cutter{1};
  box.push(packet_of(opcode::mutate, 1, 1 << 20));
  box.push(packet_of(opcode::get, 2));
  box.push(packet_of(opcode::invalidate, 3));
  box.push(packet_of(opcode::heartbeat, 4));
  box.push(packet_of(opcode::get_reply, 5));
  CHECK(box.waiting_messages() == 5);
  kith::bytes written;
  CHECK(box.gather(&cutter, written));
  CHECK(box.waiting_messages() == 1);  // a part of the large one has left
  while (box.gather(&cutter, written)) {
  }
  CHECK(box.waiting_messages() == 0);
  kith::wire::splitter receiver{1};
  CHECK(arrivals(receiver, written) == std::vector<std::uint64_t>{4, 2, 3, 5, 1});
  CHECK(box.empty());
  CHECK(box.waiting_bytes() == 0);
}

TEST_CASE("outbox: what is urgent waits for one batch at most, and small ones starve nothing") {
  kith::net::outbox_limits limits;
  kith::net::outbox box{limits};
  kith::wire::frame_cutter cutter{1};
  kith::wire::splitter receiver{1};
  box.push(packet_of(opcode::mutate, 1, 4 << 20));
  std::uint64_t rid = 1;
  bool large_arrived = false;
  for (int batch = 0; batch < 200 && !large_arrived; ++batch) {
    // More small ones each time than a batch takes.
    for (int i = 0; i < 30; ++i) box.push(packet_of(opcode::get_reply, ++rid, 8000));
    box.push(packet_of(opcode::ping, 1'000'000));
    kith::bytes written;
    REQUIRE(box.gather(&cutter, written));
    CHECK(written.size() < limits.batch_bytes + 2 * kith::wire::limits::frame_bytes);
    const auto got = arrivals(receiver, written);
    CHECK(got.front() == 1'000'000);
    for (const std::uint64_t each : got) large_arrived = large_arrived || each == 1;
  }
  CHECK(large_arrived);
}

TEST_CASE("outbox: many large values stay within what a receiver puts together at a time") {
  kith::net::outbox box{{}};
  kith::wire::frame_cutter cutter{1};
  kith::wire::splitter receiver{1};
  std::size_t arrived = 0;
  for (std::uint64_t rid = 1; rid <= 40; ++rid) box.push(packet_of(opcode::mutate, rid, 300'000));
  kith::bytes written;
  while (box.gather(&cutter, written)) {
    arrived += arrivals(receiver, written).size();
    written.clear();
  }
  CHECK(arrived == 40);
}

TEST_CASE("outbox: replies count against the total, all else against the hard bound") {
  kith::net::outbox_limits limits;
  limits.soft_bytes = 100'000;
  limits.hard_bytes = 200'000;
  limits.total_bytes = 400'000;
  kith::net::outbox box{limits};
  for (int i = 0; i < 6; ++i) box.push(packet_of(opcode::get_reply, 1, 50'000));
  CHECK(box.congested());
  CHECK_FALSE(box.overflowing());
  for (int i = 0; i < 4; ++i) box.push(packet_of(opcode::get_reply, 1, 50'000));
  CHECK(box.overflowing());
  box.clear();
  CHECK_FALSE(box.congested());
  for (int i = 0; i < 5; ++i) box.push(packet_of(opcode::invalidate, 1, 50'000));
  CHECK(box.overflowing());
}

TEST_CASE("outbox: a member's own requests are held back and break nothing") {
  kith::net::outbox_limits limits;
  limits.soft_bytes = 100'000;
  limits.request_bytes = 150'000;
  limits.hard_bytes = 200'000;
  kith::net::outbox box{limits};
  kith::wire::batch many;
  const kith::bytes key(30'000);
  many.items.push_back({opcode::mutate, 1, {}, key});
  many.items.push_back({opcode::mutate, 2, {}, key});
  box.push(packet_of(opcode::mutate, 3, 50'000));
  CHECK(box.takes_request());
  CHECK(box.has_request_slack());
  box.push(kith::wire::make_packet(many));
  CHECK(box.takes_request());
  CHECK_FALSE(box.has_request_slack());
  box.push(packet_of(opcode::get, 4, 150'000));
  CHECK_FALSE(box.takes_request());
  CHECK_FALSE(box.congested());
  CHECK_FALSE(box.overflowing());
  many.items[0].kind = many.items[1].kind = opcode::get_reply;
  for (int i = 0; i < 4; ++i) box.push(kith::wire::make_packet(many));
  CHECK(box.congested());
  CHECK_FALSE(box.overflowing());
  kith::wire::frame_cutter cutter{1};
  kith::bytes written;
  while (box.gather(&cutter, written)) written.clear();
  CHECK(box.empty());
  CHECK(box.takes_request());
  CHECK(box.has_request_slack());
  CHECK(box.has_answer_slack());
}

TEST_CASE("outbox: before the session is open only the handshake leaves") {
  kith::net::outbox box{{}};
  box.push_raw(kith::as_bytes("hello"));
  box.push(packet_of(opcode::ping, 1));
  kith::bytes written;
  CHECK(box.gather(nullptr, written));
  CHECK(kith::as_text(written) == "hello");
  CHECK_FALSE(box.gather(nullptr, written));
  CHECK_FALSE(box.empty());
}

TEST_CASE("progress: silence, trickling and a frame that never ends are told apart") {
  kith::net::connection_options options;
  kith::net::progress watch;
  const kith::time_point start{1h};
  using why = kith::net::close_reason;
  watch.begin(start);
  CHECK_FALSE(watch.overdue(start + options.idle, options));
  CHECK(watch.overdue(start + options.idle + 1ns, options) == why::idle);
  SUBCASE("a byte a second is too slow after the grace") {
    watch.note(start, 1, 0, 1);
    CHECK_FALSE(watch.overdue(start + options.progress_grace, options));
    CHECK(watch.overdue(start + options.progress_grace + 1ms, options) == why::stalled);
  }
  SUBCASE("a kilobyte a second is enough, but not for ever") {
    options.idle = 1h;
    for (int i = 0; i < 31; ++i) {
      watch.note(start + i * 1s, 1024, 0, static_cast<std::size_t>(1024 * (i + 1)));
      CHECK_FALSE(watch.overdue(start + i * 1s, options));
    }
    CHECK(watch.overdue(start + 31s, options) == why::stalled);
  }
  SUBCASE("whole frames do not excuse a message that is not whole") {
    options.idle = 1h;
    for (int i = 1; i <= 60; ++i) {
      watch.note(start + i * 1s, 100, static_cast<std::uint64_t>(i), 0, start);
      CHECK_FALSE(watch.overdue(start + i * 1s, options));
    }
    CHECK(watch.overdue(start + options.message_time + 1ns, options) == why::stalled);
    watch.note(start + 61s, 100, 61, 0, std::nullopt);
    CHECK_FALSE(watch.overdue(start + 61s, options));
  }
  SUBCASE("a whole frame ends the wait") {
    watch.note(start, 100, 0, 100);
    watch.note(start + 1s, 100, 1, 0);
    CHECK_FALSE(watch.overdue(start + 14s, options));
    CHECK(watch.last_frame() == start + 1s);
  }
}

}  // namespace
