// Hostile bytes against the decoder of every kind of message, and of the records that open a
// connection. What is refused is refused without a fault; what is read encodes to the same bytes
// again; and whatever the bytes claim, reading them takes little more memory than they do.
//
//   kind     the opcode; 0 to 3: hello, challenge, proof, verdict
//   the bytes of the message
#include <fuzz/all_messages.hpp>
#include <fuzz/fail.hpp>
#include <support/allocations.hpp>

#include <kith/wire/decode.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/handshake.hpp>
#include <kith/wire/opcode.hpp>

#include <cstddef>
#include <cstdint>

using namespace kith;
using namespace kith::wire;

namespace {

template <class Message>
void read(byte_view source) {
  decode_error error{};
  Message message;
  const std::size_t held = test::peak_of([&] { error = decode(source, message); });
  fuzz::expect(held <= decode_memory(source.size()), "a message that takes too much memory");
  if (error != decode_error::none) return;
  fuzz::expect(equal(encoded(message), source), "a message with two encodings");
  Message unread;
  test::without_blocks_of(1, [&] { error = decode(source, unread); });
  fuzz::expect(held == 0 || error == decode_error::no_memory, "a message read without memory");
}

template <class Record>
void read_record(byte_view source) {
  const auto told = from_record<Record>(source);
  if (told) fuzz::expect(equal(to_record(*told), source), "a record with two encodings");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const byte_view source{reinterpret_cast<const std::byte*>(data + 1), size - 1};
  switch (data[0]) {
    case 0: read_record<hello>(source); return 0;
    case 1: read_record<challenge>(source); return 0;
    case 2: read_record<proof>(source); return 0;
    case 3: read_record<verdict>(source); return 0;
    default: break;
  }
  bool known = false;
  fuzz::with_each_message([&]<class Message>(const Message&, const char*) {
    if (data[0] != static_cast<std::uint8_t>(Message::code)) return;
    known = true;
    read<Message>(source);
  });
  fuzz::expect(known == (plane_of(data[0]) != plane::unknown),
               "a kind that all_messages.hpp lacks");
  return 0;
}
