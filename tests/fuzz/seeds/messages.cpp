// Seeds of messages_fuzz: each kind empty and full, and what a hostile peer would make of them.
#include "corpus.hpp"
#include "filled.hpp"

#include <fuzz/all_messages.hpp>

#include <kith/wire/encode.hpp>
#include <kith/wire/handshake.hpp>
#include <kith/wire/limits.hpp>

using namespace kith;
using namespace kith::wire;

namespace fuzz {

namespace {

constexpr std::string_view target = "messages";

bytes of_kind(opcode code, byte_view payload) { return joined({static_cast<int>(code)}, payload); }

template <class Message>
bytes told(const Message& message) {
  return of_kind(Message::code, encoded(message));
}

template <class Record>
bytes record_of(int kind, const Record& value) {
  const auto written = to_record(value);
  return joined({kind}, {written.data(), written.size()});
}

void add_kinds(corpus& to) {
  with_each_message([&]<class Message>(const Message& empty, const char* name) {
    to.add(target, std::string{"empty-"} + name, told(empty));
    to.add(target, std::string{"full-"} + name, told(filled<Message>()));
  });
  to.add(target, "full-hello", record_of(0, hello{1, 1, 0, 7, {1, 2, 3}, {}}));
  to.add(target, "full-challenge", record_of(1, challenge{1, {1, 2, 3}, {}}));
  to.add(target, "full-proof", record_of(2, proof{{}, 9}));
  to.add(target, "full-verdict", record_of(3, verdict{{}, 9, 4, verdict_status::busy}));
}

/// Rows 8 to 11: lengths and counts that lie, and values that are not written as they should be.
void add_lies(corpus& to) {
  // A get: epoch, branch, cache, then the key's length.
  to.add(target, "08-key-longer-than-the-message", of_kind(opcode::get, listed({1, 0, 1, 100, 1})));
  to.add(target, "08-length-near-2-to-the-64",
         of_kind(opcode::get, listed({1, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})));
  to.add(target, "08-more-items-than-bytes", of_kind(opcode::batch, listed({255, 31, 1, 1})));
  to.add(target, "09-padded-varint", of_kind(opcode::ping, listed({0x81, 0, 0})));
  to.add(target, "09-varint-of-eleven-bytes",
         of_kind(opcode::ping, listed({128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1, 0})));
  to.add(target, "09-varint-over-64-bits",
         of_kind(opcode::ping, listed({255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0})));
  bytes more = told(ping{});
  more.push_back(std::byte{0});
  to.add(target, "10-trailing-byte", more);
  const bytes inner = encoded(batch{{{opcode::batch, 0, {}, {}}}});
  to.add(target, "11-batch-in-a-batch", told(batch{{{opcode::batch, 0, {}, inner}}}));
}

/// Rows 19 to 29: what is well written and still cannot be.
void add_impossible(corpus& to) {
  to.add(target, "19-partition-out-of-range",
         of_kind(opcode::subscribe, listed({1, 128, 8, 1, 0, 5})));
  to.add(target, "19-member-index-over-16-bits",
         of_kind(opcode::reinforce, listed({1, 0, 128, 128, 4})));
  mutate change = filled<mutate>();
  change.ttl = duration{INT64_MAX};
  to.add(target, "21-longest-ttl", told(change));
  change.expected.seq = sequence{UINT64_MAX};
  to.add(target, "21-last-sequence", told(change));
  get read = filled<get>();
  read.key = {};
  to.add(target, "22-empty-key", told(read));
  const bytes long_key(limits::key_bytes + 1);
  read.key = long_key;
  to.add(target, "22-key-over-its-cap", told(read));
  // A view's key and a count of a million.
  to.add(target, "24-million-members", of_kind(opcode::full_view, listed({1, 0, 192, 132, 61})));
  bytes crowd = listed({1, 0, 0, 0, 128, 8});  // no members, no rows, 1024 caches
  for (int i = 0; i < 64; ++i) crowd.insert(crowd.end(), 40, std::byte{0});
  to.add(target, "24-caches-of-nothing", of_kind(opcode::full_view, crowd));
  get_reply failed = filled<get_reply>();
  failed.status = get_status::load_failed;
  const bytes words = to_bytes("\x1b[31mall\r\nlog lines\x7f\xff");
  failed.value = words;
  to.add(target, "29-words-with-control-characters", told(failed));
  heartbeat_ack absurd = filled<heartbeat_ack>();
  absurd.echo = absurd.sent_at = time_point{duration{INT64_MIN}};
  absurd.fence = duration{INT64_MAX};
  to.add(target, "32-clock-of-another-age", told(absurd));
}

}  // namespace

void add_messages(corpus& to) {
  add_kinds(to);
  add_lies(to);
  add_impossible(to);
}

}  // namespace fuzz
