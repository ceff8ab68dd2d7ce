// Hostile bytes as the snapshot of a near cache: it wants no more than the bounds of the format, it
// is refused or read to its end, and what was read to its end has one encoding.
#include <fuzz/fail.hpp>

#include <kith/core/bytes.hpp>
#include <kith/near/snapshot.hpp>

#include <cstddef>
#include <cstdint>

using namespace kith;
using namespace kith::near;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const byte_view source{reinterpret_cast<const std::byte*>(data), size};
  snapshot::reader in;
  snapshot::writer out;
  bytes again;
  const auto append = [&](const bytes& more) {
    again.insert(again.end(), more.begin(), more.end());
  };
  std::size_t at = 0;
  std::uint64_t entries = 0;
  while (in.wanted() > 0) {
    const std::size_t wanted = in.wanted();
    fuzz::expect(wanted <= snapshot::entry_bytes_max, "a piece above its bound");
    if (wanted > size - at) return 0;
    switch (in.take(source.subspan(at, wanted))) {
      case snapshot::reader::piece::none: break;
      case snapshot::reader::piece::header: append(out.begin(in.header())); break;
      case snapshot::reader::piece::entry:
        fuzz::expect(!in.entry().key.empty(), "an entry without a key");
        append(out.append(in.entry()));
        ++entries;
    }
    at += wanted;
  }
  if (in.failure() != snapshot::fault::none) return 0;
  append(out.end());
  fuzz::expect(in.entries() == entries, "a wrong count");
  fuzz::expect(equal(again, source.first(at)), "a snapshot with two encodings");
  return 0;
}
