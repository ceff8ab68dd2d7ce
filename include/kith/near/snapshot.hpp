// The form in which a near cache is kept while its process is not there: keys, versions and values,
// the hottest first. What it holds is a guess about owners, who are asked before any of it is
// served; so it has to be whole and of the right cache, and it may be old.
//
//   KithNear, the format's number (4 bytes), frames
//   a frame: its length (4 bytes, not 0), its bytes: first the header, then an entry each
//   the end: a length of 0, the number of entries (8 bytes), the digest (8 bytes)
//
// Little-endian, as everything. Header and entries are in the wire's encoding: one value has one.
// The digest is over all frames in their order. Whoever reads believes no length before it was
// compared with its bound, and nothing at all before the digest.
//
// Neither of the two touches a stream: the writer gives bytes, the reader says how many it wants.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/reader.hpp>
#include <kith/wire/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kith::near {

namespace snapshot {

inline constexpr std::string_view magic = "KithNear";
/// Of this build; it reads no other.
inline constexpr std::uint32_t format = 1;
inline constexpr std::size_t header_bytes_max = 1024;
/// A key, a value, and what says where they begin.
inline constexpr std::size_t entry_bytes_max =
    wire::limits::key_bytes + wire::limits::value_bytes + 64;
/// Of the whole, so that a stream without an end has one.
inline constexpr std::uint64_t bytes_max = std::uint64_t{1} << 40;

/// Whose near cache it was. `cluster` is the hash of the cluster's name, as in a handshake.
struct header {
  std::uint64_t cluster = 0;
  std::string cache;
  std::uint32_t schema = 0;
  std::string key_codec;
  std::string value_codec;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    using wire::capped;
    visit(wire::fixed(self.cluster), capped(self.cache, wire::limits::name_bytes), self.schema,
          capped(self.key_codec, wire::limits::text_bytes),
          capped(self.value_codec, wire::limits::text_bytes));
  }
};

struct entry {
  byte_view key;
  kith::version version;
  /// It was read since the near cache's policy last judged it.
  bool read = false;
  byte_view value;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(wire::capped(self.key, wire::limits::key_bytes), self.version, self.read,
          wire::capped(self.value, wire::limits::value_bytes));
  }
};

/// Why bytes are no snapshot that this build reads.
enum class fault : std::uint8_t {
  none,
  not_a_snapshot,
  other_format,
  bad_header,
  bad_entry,
  too_long,
  wrong_count,
  wrong_digest,
};

[[nodiscard]] constexpr std::string_view to_string(fault why) {
  switch (why) {
    case fault::none: return "none";
    case fault::not_a_snapshot: return "the magic is not KithNear";
    case fault::other_format: return "the format's number is not this build's";
    case fault::bad_header: return "the header is none";
    case fault::bad_entry: return "an entry is none";
    case fault::too_long: return "a length is above its bound";
    case fault::wrong_count: return "the number of entries is wrong";
    case fault::wrong_digest: return "the digest is wrong";
  }
  return "unknown";
}

/// The bytes of a snapshot, piece by piece: begin, append for each entry, end.
class writer {
 public:
  [[nodiscard]] bytes begin(const header& whose) {
    bytes out = to_bytes(magic);
    wire::writer{out}.put_fixed(format);
    frame(wire::encoded(whose), out);
    return out;
  }
  [[nodiscard]] bytes append(const entry& one) {
    bytes out;
    frame(wire::encoded(one), out);
    ++entries_;
    return out;
  }
  [[nodiscard]] bytes end() const {
    bytes out;
    wire::writer to{out};
    to.put_fixed(std::uint32_t{0});
    to.put_fixed(entries_);
    to.put_fixed(digest_);
    return out;
  }

 private:
  void frame(const bytes& payload, bytes& out) {
    wire::writer to{out};
    to.put_fixed(static_cast<std::uint32_t>(payload.size()));
    to.put_raw(payload);
    digest_ = stable_hash_combine(digest_, stable_hash(payload));
  }

  std::uint64_t entries_ = 0;
  std::uint64_t digest_ = 0;
};

/// Reads what a writer wrote: gets `wanted()` bytes at a time, until it wants none. Then either
/// failure() says why, or all of it was good: nothing may be believed before.
class reader {
 public:
  /// What the last take() brought.
  enum class piece : std::uint8_t { none, header, entry };

  [[nodiscard]] std::size_t wanted() const { return wanted_; }
  [[nodiscard]] fault failure() const { return failure_; }

  /// Requires exactly wanted() bytes. An entry views them.
  piece take(byte_view next);

  [[nodiscard]] const snapshot::header& header() const { return header_; }
  [[nodiscard]] const snapshot::entry& entry() const { return entry_; }
  [[nodiscard]] std::uint64_t entries() const { return entries_; }

 private:
  enum class state : std::uint8_t { start, length, header, entry, end, over };

  piece expect(state next, std::size_t size) {
    state_ = next;
    wanted_ = size;
    return piece::none;
  }
  piece fail(fault why) {
    failure_ = why;
    return expect(state::over, 0);
  }
  piece take_magic(byte_view next);
  piece take_length(byte_view next);
  piece take_frame(byte_view next);
  piece take_end(byte_view next);

  static constexpr std::size_t length_bytes = 4;
  static constexpr std::size_t end_bytes = 16;

  state state_ = state::start;
  std::size_t wanted_ = magic.size() + sizeof format;
  fault failure_ = fault::none;
  bool begun_ = false;
  std::uint64_t taken_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t digest_ = 0;
  snapshot::header header_;
  snapshot::entry entry_;
};

// --- implementation ---

inline reader::piece reader::take(byte_view next) {
  KITH_ASSERT(wanted_ > 0 && next.size() == wanted_);
  taken_ += next.size();
  if (taken_ > bytes_max) return fail(fault::too_long);
  switch (state_) {
    case state::start: return take_magic(next);
    case state::length: return take_length(next);
    case state::header:
    case state::entry: return take_frame(next);
    case state::end: return take_end(next);
    case state::over: break;
  }
  return piece::none;
}

inline reader::piece reader::take_magic(byte_view next) {
  if (as_text(next.first(magic.size())) != magic) return fail(fault::not_a_snapshot);
  if (wire::reader{next.subspan(magic.size())}.take_fixed<std::uint32_t>() != format) {
    return fail(fault::other_format);
  }
  return expect(state::length, length_bytes);
}

inline reader::piece reader::take_length(byte_view next) {
  const auto length = wire::reader{next}.take_fixed<std::uint32_t>();
  if (length == 0 && begun_) return expect(state::end, end_bytes);
  if (length == 0) return fail(fault::bad_header);
  if (length > (begun_ ? entry_bytes_max : header_bytes_max)) return fail(fault::too_long);
  return expect(begun_ ? state::entry : state::header, length);
}

inline reader::piece reader::take_frame(byte_view next) {
  const bool is_header = state_ == state::header;
  const wire::decode_error why =
      is_header ? wire::decode(next, header_) : wire::decode(next, entry_);
  if (why != wire::decode_error::none || (!is_header && entry_.key.empty())) {
    return fail(is_header ? fault::bad_header : fault::bad_entry);
  }
  digest_ = stable_hash_combine(digest_, stable_hash(next));
  begun_ = true;
  expect(state::length, length_bytes);
  if (is_header) return piece::header;
  ++entries_;
  return piece::entry;
}

inline reader::piece reader::take_end(byte_view next) {
  wire::reader in{next};
  if (in.take_fixed<std::uint64_t>() != entries_) return fail(fault::wrong_count);
  if (in.take_fixed<std::uint64_t>() != digest_) return fail(fault::wrong_digest);
  return expect(state::over, 0);
}

}  // namespace snapshot

}  // namespace kith::near
