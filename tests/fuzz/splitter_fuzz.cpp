// The bytes of a connection, cut anywhere: what comes of them is the same as in one piece, and
// costs no more memory than arrived. Either frames, or a connection from its first byte on, as a
// listener sees it.
//
//   settings   1: a listener's connection, not bare frames; 2: checksums are mended first, so that
//              what is behind them is reached; 4 and 8: the budget for unfinished messages
//   seed       two bytes: where it is cut
//   the bytes of the connection
#include <fuzz/fail.hpp>
#include <fuzz/script.hpp>

#include <kith/core/random.hpp>
#include <kith/wire/decode_budget.hpp>
#include <kith/wire/handshake.hpp>
#include <kith/wire/session.hpp>
#include <kith/wire/splitter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

using namespace kith;
using namespace kith::wire;

namespace {

constexpr member_id listener_id{1, 1, 1};

struct settings {
  bool listener = false;
  bool mended = false;
  std::size_t budget = 0;
};

struct message {
  message_frame head;
  bytes payload;
};

struct outcome {
  std::vector<message> messages;
  frame_error error = frame_error::none;
  bytes answer;
  std::uint64_t stale = 0;
};

bool same(const message& a, const message& b) {
  return a.head.code == b.head.code && a.head.flags == b.head.flags && a.head.rid == b.head.rid &&
         a.head.partition == b.head.partition && a.head.sid == b.head.sid && a.payload == b.payload;
}

/// Writes the right checksums into what looks like frames, one behind the other.
void mend(bytes& stream, std::size_t at, std::uint32_t said) {
  while (stream.size() - at >= header_bytes) {
    std::byte* const header = stream.data() + at;
    const std::uint16_t sum = header_checksum(header);
    std::memcpy(header + 6, &sum, sizeof sum);
    std::uint32_t length = 0;
    std::memcpy(&length, header + 8, sizeof length);
    at += header_bytes;
    if (length < checksum_bytes || length > stream.size() - at) return;
    const std::uint32_t body = crc32c({stream.data() + at, length - checksum_bytes}, said);
    std::memcpy(stream.data() + at + length - checksum_bytes, &body, sizeof body);
    at += length;
  }
}

/// Writes the right code into the proof behind a hello. Returns what frames' checksums begin with.
std::uint32_t mend_proof(bytes& stream) {
  if (stream.size() < hello::size + proof::size) return 0;
  const auto told = from_record<proof>(byte_view{stream}.subspan(hello::size, proof::size));
  if (!told) return 0;
  bytes said = to_bytes(byte_view{stream}.first(hello::size));
  const auto answer = to_record(challenge{newest_version, listener_id, {}});
  said.insert(said.end(), answer.begin(), answer.end());
  const mac code = code_behind(said, *told);
  std::memcpy(stream.data() + hello::size, code.data(), code.size());
  return sum_of(code);
}

/// Takes what came whole out of `from`, and what it says of itself.
template <class Source>
void drain(Source& from, outcome& into) {
  message_frame frame;
  while (from.next(frame)) into.messages.push_back({frame, to_bytes(frame.payload)});
  into.error = from.error();
}

struct bare {
  splitter in;
  explicit bare(std::shared_ptr<decode_budget> memory) : in{newest_version, std::move(memory)} {}
  void take(byte_view received, outcome& into) {
    in.feed(received);
    drain(in, into);
  }
  [[nodiscard]] std::size_t held() const { return in.waiting_bytes(); }
};

struct accepted_connection {
  session in;
  explicit accepted_connection(std::shared_ptr<decode_budget> memory) : in{config(memory)} {}
  static session_config config(const std::shared_ptr<decode_budget>& memory) {
    session_config of;
    of.role = session_role::listener;
    of.self = listener_id;
    of.memory = memory;
    return of;
  }
  void take(byte_view received, outcome& into) {
    in.on_bytes(received);
    const bytes said = in.take_output();
    into.answer.insert(into.answer.end(), said.begin(), said.end());
    if (in.is_open()) drain(in, into);
    into.error = in.error();
    into.stale = in.stale_frames();
    fuzz::expect(into.answer.size() <= limits::handshake_bytes_out, "a stranger got a long answer");
  }
  [[nodiscard]] std::size_t held() const { return in.waiting_bytes(); }
};

/// Feeds all of `stream`, in pieces if `random` is given, until the connection would be closed.
template <class End>
outcome run(byte_view stream, std::size_t budget, random_source* random) {
  const auto memory = budget == 0 ? nullptr : std::make_shared<decode_budget>(budget);
  outcome result;
  {
    End end{memory};
    std::size_t fed = 0;
    while (fed < stream.size() && result.error == frame_error::none) {
      const std::size_t left = stream.size() - fed;
      const std::size_t most = random == nullptr ? left : random->below(2) == 0 ? 3 : 5000;
      const std::size_t step = random == nullptr ? left : std::min(left, 1 + random->below(most));
      end.take(stream.subspan(fed, step), result);
      fed += step;
      fuzz::expect(end.held() <= fed, "more waits than arrived");
    }
  }
  fuzz::expect(memory == nullptr || memory->used() == 0, "a budget that is not given back");
  return result;
}

template <class End>
void compare(byte_view stream, std::size_t budget, std::uint64_t seed) {
  random_source random{seed};
  const outcome whole = run<End>(stream, budget, nullptr);
  const outcome cut = run<End>(stream, budget, &random);
  fuzz::expect(whole.error == cut.error, "another error than in one piece");
  fuzz::expect(whole.answer == cut.answer, "another answer than in one piece");
  fuzz::expect(whole.stale == cut.stale, "other frames were passed over than in one piece");
  fuzz::expect(whole.messages.size() == cut.messages.size(), "not the same number of messages");
  for (std::size_t i = 0; i < whole.messages.size(); ++i) {
    fuzz::expect(same(whole.messages[i], cut.messages[i]), "another message than in one piece");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in{data, size};
  const std::uint8_t chosen = in.byte();
  constexpr std::array<std::size_t, 4> budgets{0, 64, 4096, std::size_t{1} << 20};
  const settings of{(chosen & 1) != 0, (chosen & 2) != 0, budgets[chosen >> 2 & 3]};
  const std::uint64_t seed = in.word();
  bytes stream = to_bytes(in.rest());
  constexpr std::size_t handshake = hello::size + proof::size;
  const std::size_t frames_at = of.listener ? std::min(handshake, stream.size()) : 0;
  if (of.mended) {
    const std::uint32_t said = of.listener ? mend_proof(stream) : 0;
    mend(stream, frames_at, said);
  }
  of.listener ? compare<accepted_connection>(stream, of.budget, seed)
              : compare<bare>(stream, of.budget, seed);
  return 0;
}
