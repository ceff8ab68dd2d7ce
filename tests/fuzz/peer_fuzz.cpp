// A peer of the cluster that says anything, in any order: views, invalidations, answers, requests.
// The member may be misled, but no invariant of its machines breaks, no timer runs wild, and each
// call of its own users is told exactly once, by its deadline.
//
//   settings   1: quorum = majority
//   then steps: what (0: a call of its own, 1: time, 2: a session ends and begins; else a message)
//   and what it needs (see `step`)
#include <fuzz/script.hpp>
#include <fuzz/victim.hpp>

#include <cstddef>
#include <cstdint>

namespace {

using namespace fuzz;

void message(script& in, victim& at) {
  wire::message_frame frame;
  frame.code = in.byte();
  const auto who = static_cast<speaker>(in.choice(4));
  const auto by = static_cast<session_of>(in.choice(3));
  if (by == session_of::present) frame.sid = at.sid(who);
  if (by == session_of::another) frame.sid = at.sid(who) + 1;
  frame.partition = victim::partition(in.byte());
  frame.rid = at.rid(in.byte());
  const std::size_t size = in.word();
  frame.payload = in.raw(size);
  at.tell(who, frame);
}

void step(script& in, victim& at) {
  constexpr node::call_kind kinds[] = {node::call_kind::get, node::call_kind::mutate,
                                       node::call_kind::count};
  switch (in.choice(8)) {
    case 0: {
      const std::uint8_t kind = in.byte();
      at.call(kinds[kind % 3], (kind & 0x80) != 0, in.byte());
      break;
    }
    case 1: at.wait(in.byte() * 20ms); break;
    case 2: at.session(static_cast<speaker>(in.choice(4)), in.flag()); break;
    default: message(in, at); break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  script in{data, size};
  victim at{in.flag()};
  constexpr int steps_max = 200;
  for (int i = 0; i < steps_max && !in.over(); ++i) step(in, at);
  at.finish();
  return 0;
}
