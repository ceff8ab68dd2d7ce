// The eventual near cache: the state of the model, its scopes and the rules that it may leave out.
//
// One partition and one key. Member 0 owns it in view 0, member 1 holds a copy that may lag and
// owns it in view 1, member 2 is the reader: a near cache, two fills with a follower each, a remote
// write that is sent again. Owners write, read and load too. Readers do not act upon each other, so
// one is enough.
//
// Time is a tick that may pass at any moment. Only ages matter; they saturate beyond the largest
// bound, so time has no end and the states do. A member that is not scheduled is a paused one, a
// frame that is not delivered stands in a full socket. Between an owner and the reader there are
// three queues: requests, replies and the stream. An invalidation may be overtaken by a reply,
// never by a digest. A reset loses all three. The coordinator echoes a heartbeat with its view,
// received at any time or never.
//
// A version packs epoch and seq. A value also has an origin: its own version, or for a loaded value
// that which the owner held when the load began. Promises are judged by origins.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "sets.hpp"

namespace model::eventual {

enum class rule : byte {
  poison_is_kept,               // F2
  versions_are_whole,           // F2
  reply_of_own_epoch,           // F3
  refused_erases_older,         // F4
  followers_need_install,       // F5
  joins_are_young,              // F5
  joins_mind_coordinator,       // F5
  own_reply_invalidates,        // F6
  older_than_floor_asks_again,  // F7
  replies_raise_floor,          // F7
  backup_answer_poisons,        // F7
  gap_is_suspect,               // R2
  request_is_repeated,          // R2
  resume_replays,               // R2
  collapse_drops_all,           // R2
  reset_drops_fills,            // R2
  view_drops_entries,           // E1
  fresh_by_own_sending,         // freshness
  hit_minds_coordinator,        // freshness
  echo_of_own_view,             // freshness
  owner_minds_coordinator,      // freshness
  owner_no_longer_than_reader,  // freshness
  load_minds_mutations,         // loads
  load_takes_seq,               // loads
  late_waiter_asks_again,       // loads
  unstored_is_not_kept,         // loads
  retry_has_first_answer,       // retries
  end_counts_from_sending,      // ends
  hit_minds_end,                // ends
  followers_mind_end,           // ends
  count
};

struct scope {
  int writes = 2;
  int gets = 2;
  int joins = 0;
  int resets = 0;
  int drops = 0;      // frames of the stream that are lost silently
  int collapses = 0;  // of the stream
  int loads = 0;
  int backup_reads = 0;
  bool view = false;  // member 0 is removed
  int ttl = 0;        // of each put, in ticks; 0 is none, and is needed with `view`
  int staleness = 1;  // max_staleness, in ticks
  std::optional<rule> without = std::nullopt;
};

inline constexpr int replay_max = 1;  // entries of the stream that an owner can send again
inline constexpr int ticks_max = 3;
inline constexpr int writes_max = 3;
inline constexpr int sequence_max = 7;

constexpr byte version_of(int epoch, int seq) { return static_cast<byte>(epoch * 8 + seq); }

struct value {
  byte version = 0;
  byte origin = 0;
  byte absent = 1;
  byte left = 0;  // ticks to its end
  bool operator==(const value&) const = default;
};

enum class kind : byte {
  none,
  get,         // number: the fill
  mutate,      // number: the operation
  beat,        // age
  ask_again,   // number: the last that came (IREQ)
  subscribe,   // number: the last that came
  reply,       // number: the fill, second: as_of, flag: cacheable
  answer,      // number: the operation, second: its version
  invalidate,  // number: n
  collapse,    // number: n, second: version
  digest,      // number: n, flag: listens, age of what it echoes
  replay,      // number: before the first, second: the last
  resume,      // number: from, second: to
  reset,       // number: n, second: version
};

struct frame {
  kind what = kind::none;
  byte number = 0;
  byte second = 0;
  byte flag = 0;
  byte age = 0;
  value carried = {};
};

template <std::size_t Size>
struct queue {
  byte size = 0;
  std::array<frame, Size> frames = {};

  [[nodiscard]] bool full() const { return size == Size; }
  [[nodiscard]] bool holds(kind what) const {
    for (byte k = 0; k < size; ++k) {
      if (frames[k].what == what) return true;
    }
    return false;
  }
  void push(const frame& sent) { frames[size++] = sent; }
  void remove(std::size_t at) {
    for (--size; at < size; ++at) frames[at] = frames[at + 1];
    frames[size] = {};
  }
  frame pop() {
    const frame first = frames[0];
    remove(0);
    return first;
  }
};

struct link {
  byte up = 1;
  queue<4> requests = {};
  queue<3> replies = {};
  queue<4> stream = {};
};

struct load {
  byte runs = 0;
  byte origin = 0;
  byte bumped = 0;  // a mutation came after it began
  byte waits = 0;   // the reader's fill waits for it
  byte fill = 0;
  byte late = 0;  // and came after the bump
};

struct owner {
  value stored = {};
  byte seq = 0;
  byte listened = 0;
  byte n = 0;
  std::array<byte, sequence_max + 1> sent = {};   // the seq of each n
  std::array<byte, writes_max + 1> answers = {};  // the version of each operation
  load loads = {};
};

/// What a read owes to those before it, fixed when it is invoked.
struct duty {
  byte seen = 0;   // by this member
  byte fresh = 0;  // acknowledged longer ago than max_staleness
  set over = 0;    // values of epoch 0 beyond their end, by seq
};

enum class phase : byte { idle, to_send, sent };

struct fill {
  phase now = phase::idle;
  byte joinable = 0;
  byte detached = 0;  // a reset or collapse came
  byte floor = 0;
  byte poison = 0;
  byte age = 0;
  byte follower = 0;
  duty leader_owes = {};
  duty follower_owes = {};
};

enum class trust : byte { sound, gap, lost };

struct reader {
  byte n = 0;
  byte floor = 0;
  byte key_floor = 0;  // the highest invalidation of the key; only judged
  trust stream = trust::sound;
  byte target = 0;  // n that ends suspicion
  byte asked = 0;
  byte fresh = 0;  // age of the newest send that the owner echoed
  byte has_near = 0;
  value near = {};
  byte operation = 0;
  phase operating = phase::idle;
  std::array<fill, 2> fills = {};
};

/// A heartbeat of a member to the coordinator, with the echo on its way back.
struct heartbeat {
  byte under_way = 0;
  byte age = 0;
  byte view = 0;
  byte fresh = 0;
};

enum class wrong : byte { nothing, went_back, stale, beyond_end, twice, outlived, too_old, apart };

struct state {
  wrong broken = wrong::nothing;
  byte agreed = 0;   // view 1
  byte deposed = 0;  // member 0 knows
  std::array<byte, 3> views = {};
  std::array<heartbeat, 2> beats = {};  // of members 0 and 2
  value backup = {};                    // at member 1
  byte backup_seq = 0;
  value carried = {};  // what owner 1 began with
  std::array<owner, 2> owners = {};
  std::array<link, 2> links = {};  // each carries one epoch
  reader r = {};
  byte backup_asked = 0;  // a read at the backup is under way, with its reply
  value backup_reply = {};
  byte backup_as_of = 0;
  duty backup_owes = {};
  std::array<byte, ticks_max + 2> acknowledged = {};  // by age: the newest version
  std::array<byte, 3> seen = {};                      // by each member
  std::array<byte, 8> left = {};                      // of values of epoch 0 by seq
  set over = 0;
  byte writes = 0, gets = 0, joins = 0, resets = 0, drops = 0, collapses = 0, loads = 0;
  byte backup_reads = 0;
};

}  // namespace model::eventual
