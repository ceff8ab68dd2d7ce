// One connection between two members, without its socket: the handshake, then frames. The driver
// feeds received bytes, sends what `take_output` gives, and closes when `failed` says so.
//
// States: a dialler goes hello_sent -> proof_sent -> open, a listener waiting -> challenged ->
// open. The identity of the peer is set once, by this connection's own handshake.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/decode_budget.hpp>
#include <kith/wire/frame.hpp>
#include <kith/wire/handshake.hpp>
#include <kith/wire/packet.hpp>
#include <kith/wire/splitter.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace kith::wire {

enum class session_role : std::uint8_t { dialler, listener };

struct session_config {
  session_role role = session_role::dialler;
  member_id self;
  std::uint64_t cluster_hash = 0;
  std::uint64_t config_hash = 0;
  nonce fresh{};
  /// The listener numbers the session; never 0.
  std::uint32_t sid = 1;
  /// A listener that is full says so and closes.
  bool busy = false;
  std::uint8_t oldest = oldest_version;
  std::uint8_t newest = newest_version;
  /// Of all connections of the member; absent: nothing is counted.
  std::shared_ptr<decode_budget> memory = nullptr;
};

class session {
 public:
  explicit session(const session_config& config);

  /// Takes received bytes, in order. Afterwards ask opened(), failed(), next() and take_output().
  void on_bytes(byte_view received, time_point now = {});

  /// Frames `packet` whole onto the output. Requires is_open(). A packet of another session is
  /// dropped: its machine has not yet heard that the session ended.
  void send(const packet& packet);
  /// For who frames packets elsewhere. Requires is_open().
  [[nodiscard]] frame_cutter cutter() const { return frame_cutter{version_, own_sum_}; }

  /// The next whole message, if there is one. Its payload is valid until the next call.
  [[nodiscard]] bool next(message_frame& frame);

  /// Bytes to write; the session forgets them.
  [[nodiscard]] bytes take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] bool has_output() const { return !output_.empty(); }

  [[nodiscard]] bool is_open() const {
    return state_ == state::open && error_ == frame_error::none;
  }
  [[nodiscard]] bool failed() const { return error_ != frame_error::none; }
  [[nodiscard]] frame_error error() const { return error_; }
  /// Why the handshake was refused, by either side.
  [[nodiscard]] verdict_status refusal() const { return refusal_; }

  /// Valid from the peer's first record on.
  [[nodiscard]] const member_id& peer() const { return peer_; }
  [[nodiscard]] std::uint32_t sid() const { return sid_; }
  [[nodiscard]] std::uint8_t version() const { return version_; }
  /// Frames of another session that were passed over.
  [[nodiscard]] std::uint64_t stale_frames() const { return stale_frames_; }
  [[nodiscard]] std::size_t waiting_bytes() const {
    return handshake_.size() + (frames_ ? frames_->waiting_bytes() : 0);
  }
  /// See splitter; 0 before the session is open.
  [[nodiscard]] std::size_t partial_bytes() const { return frames_ ? frames_->partial_bytes() : 0; }
  [[nodiscard]] std::uint64_t frames() const { return frames_ ? frames_->frames() : 0; }
  [[nodiscard]] std::optional<time_point> oldest_unfinished() const {
    return frames_ ? frames_->oldest_unfinished() : std::nullopt;
  }

 private:
  enum class state : std::uint8_t { waiting, challenged, hello_sent, proof_sent, open };

  [[nodiscard]] std::size_t expected_record() const;
  void on_record(byte_view record);
  void on_hello(byte_view record);
  void on_challenge(byte_view record);
  void on_proof(byte_view record);
  void on_verdict(byte_view record);
  void open();
  void refuse(verdict_status why) {
    refusal_ = why;
    error_ = frame_error::handshake_refused;
  }
  void hear(byte_view record) { said_.insert(said_.end(), record.begin(), record.end()); }
  template <class Record>
  void put(const Record& value) {
    const auto encoded = to_record(value);
    output_.insert(output_.end(), encoded.begin(), encoded.end());
    hear(encoded);
  }
  template <class Record>
  void put_with_code(Record value) {
    value.code = code_behind(said_, value);
    own_sum_ = sum_of(value.code);
    put(value);
  }
  /// Says so where the records are not those that the peer sent and received.
  template <class Record>
  [[nodiscard]] bool has_right_code(const Record& told) {
    peer_sum_ = sum_of(told.code);
    if (told.code == code_behind(said_, told)) return true;
    error_ = frame_error::bad_handshake_checksum;
    return false;
  }

  session_config config_;
  state state_ = state::waiting;
  frame_error error_ = frame_error::none;
  verdict_status refusal_ = verdict_status::welcome;
  verdict_status pending_refusal_ = verdict_status::welcome;
  member_id peer_;
  std::uint32_t sid_ = 0;
  std::uint8_t version_ = newest_version;
  std::uint64_t stale_frames_ = 0;
  bytes handshake_;
  /// The records of the handshake so far, of both sides.
  bytes said_;
  /// The checksums of this side's last record and of the peer's. Frames' checksums go on from them,
  /// so that no frame is one of another connection, or of the other side.
  std::uint32_t own_sum_ = 0;
  std::uint32_t peer_sum_ = 0;
  bytes output_;
  std::optional<splitter> frames_;
  std::optional<frame_cutter> cutter_;
};

// --- implementation ---

inline session::session(const session_config& config) : config_{config}, sid_{config.sid} {
  if (config_.role == session_role::listener) return;
  put(hello{config_.oldest, config_.newest, 0, config_.cluster_hash, config_.self, config_.fresh});
  state_ = state::hello_sent;
}

inline std::size_t session::expected_record() const {
  switch (state_) {
    case state::waiting: return hello::size;
    case state::challenged: return proof::size;
    case state::hello_sent: return challenge::size;
    case state::proof_sent: return verdict::size;
    case state::open: break;
  }
  return 0;
}

inline void session::on_bytes(byte_view received, time_point now) {
  while (!failed() && state_ != state::open && !received.empty()) {
    const std::size_t wanted = expected_record() - handshake_.size();
    const std::size_t taken = std::min(wanted, received.size());
    handshake_.insert(handshake_.end(), received.begin(),
                      received.begin() + static_cast<std::ptrdiff_t>(taken));
    received = received.subspan(taken);
    // A stranger (HTTP, TLS, a port scan) is known by its first bytes.
    if (state_ == state::waiting && handshake_.size() >= 4 &&
        std::memcmp(handshake_.data(), hello_magic.data(), 4) != 0) {
      error_ = frame_error::bad_magic;
      return;
    }
    if (taken < wanted) return;
    const bytes whole = std::exchange(handshake_, {});
    on_record(whole);
  }
  if (state_ == state::open && !failed()) frames_->feed(received, now);
}

inline void session::on_record(byte_view record) {
  switch (state_) {
    case state::waiting: on_hello(record); break;
    case state::challenged: on_proof(record); break;
    case state::hello_sent: on_challenge(record); break;
    case state::proof_sent: on_verdict(record); break;
    case state::open: break;
  }
}

inline void session::on_hello(byte_view record) {
  const auto told = from_record<hello>(record);
  if (!told) {
    error_ = frame_error::bad_magic;
    return;
  }
  const std::uint8_t common = std::min(told->newest, config_.newest);
  if (common < told->oldest || common < config_.oldest) {
    error_ = frame_error::bad_version;
    return;
  }
  version_ = common;
  peer_ = told->self;
  if (peer_.same_object(config_.self)) {
    pending_refusal_ = verdict_status::own_identity;
  } else if (told->key != 0) {
    pending_refusal_ = verdict_status::unknown_key;
  } else if (told->cluster_hash != config_.cluster_hash) {
    pending_refusal_ = verdict_status::wrong_cluster;
  } else if (config_.busy) {
    pending_refusal_ = verdict_status::busy;
  }
  hear(record);
  put(challenge{version_, config_.self, config_.fresh});
  state_ = state::challenged;
}

inline void session::on_challenge(byte_view record) {
  const auto told = from_record<challenge>(record);
  if (!told) {
    error_ = frame_error::bad_magic;
    return;
  }
  if (told->version < config_.oldest || told->version > config_.newest) {
    error_ = frame_error::bad_version;
    return;
  }
  version_ = told->version;
  peer_ = told->self;
  hear(record);
  put_with_code(proof{{}, config_.config_hash});
  state_ = state::proof_sent;
}

inline void session::on_proof(byte_view record) {
  const auto told = from_record<proof>(record);
  if (!told || !is_checksum(told->code)) {
    pending_refusal_ = verdict_status::wrong_proof;
  } else if (!has_right_code(*told)) {
    return;
  } else if (pending_refusal_ == verdict_status::welcome &&
             told->config_hash != config_.config_hash) {
    pending_refusal_ = verdict_status::wrong_config;
  }
  hear(record);
  put_with_code(verdict{{}, config_.config_hash, sid_, pending_refusal_});
  if (pending_refusal_ != verdict_status::welcome) return refuse(pending_refusal_);
  open();
}

inline void session::on_verdict(byte_view record) {
  const auto told = from_record<verdict>(record);
  if (!told) {
    error_ = frame_error::bad_magic;
    return;
  }
  if (!has_right_code(*told)) return;
  if (told->status != verdict_status::welcome) return refuse(told->status);
  if (peer_.same_object(config_.self)) return refuse(verdict_status::own_identity);
  if (told->sid == 0) {
    error_ = frame_error::unknown_session;
    return;
  }
  sid_ = told->sid;
  open();
}

inline void session::open() {
  state_ = state::open;
  said_ = {};
  frames_.emplace(version_, config_.memory, peer_sum_);
  cutter_.emplace(version_, own_sum_);
}

inline void session::send(const packet& packet) {
  KITH_ASSERT(is_open());
  if (packet.sid != 0 && packet.sid != sid_) return;
  const std::uint32_t number = frame_cutter::needs_fragments(packet) ? cutter_->next_fragment() : 0;
  std::size_t offset = 0;
  do {
    offset = cutter_->cut(packet, offset, number, output_);
  } while (offset < packet.payload.size());
}

inline bool session::next(message_frame& frame) {
  if (!frames_ || failed()) return false;
  while (frames_->next(frame)) {
    if (frame.sid == 0 || frame.sid == sid_) return true;
    ++stale_frames_;
  }
  error_ = frames_->error();
  return false;
}

}  // namespace kith::wire
