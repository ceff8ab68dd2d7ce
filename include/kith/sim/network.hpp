// Simulated TCP: connections between hosts, each a pair of byte pipes. Bytes of one pipe arrive in
// order, cut or glued as the seed decides; pipes know no order among each other. A cut link holds
// bytes and ends back and gives them when it heals, as retransmission does; a reset loses what is
// in flight; bytes to a closed end are answered with a reset.
// A lossy machine loses four of five chunks that come or go, which here, as behind TCP, is a delay:
// retransmission after 200 ms, twice that, and so on up to 5 s.
//
// The network knows hosts by index and nothing of what they send.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/damage.hpp>
#include <kith/sim/replay.hpp>
#include <kith/sim/scheduler.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace kith::sim {

using host_index = std::uint32_t;

struct network_options {
  duration delay_least = std::chrono::microseconds{50};
  /// Each chunk waits this much more on average, with a long tail.
  duration delay_mean = std::chrono::microseconds{150};
  /// Of a thousand directed links: on how many every eighth chunk is late by 10 ms, and by twice
  /// as much half as often, up to 5 s.
  std::uint32_t heavy_links_per_mille = 0;
  /// How long a dial waits for an answer from behind a cut.
  duration dial_timeout = std::chrono::seconds{1};
  /// Of a million chunks: how many are cut in two places, and how many sends end in a reset.
  std::uint32_t split_per_million = 0;
  std::uint32_t reset_per_million = 0;
};

enum class dial_result : std::uint8_t { connected, refused, unreachable };
enum class loss_kind : std::uint8_t { closed, reset };

class network;

/// One end of a connection, as its host holds it. Callbacks run as events, never from within a
/// call; none runs after close().
class endpoint_events {
 public:
  virtual void on_bytes(std::uint64_t connection, byte_view received) = 0;
  virtual void on_lost(std::uint64_t connection, loss_kind how) = 0;
  /// A peer connected. Not called for dialled connections.
  virtual void on_accept(std::uint64_t connection) = 0;
  virtual void on_dialled(std::uint64_t dial, dial_result result, std::uint64_t connection) = 0;

 protected:
  ~endpoint_events() = default;
};

/// What the network did, so that a run can show that its faults happened.
struct network_counters {
  std::uint64_t bytes = 0;
  std::uint64_t chunks = 0;
  std::uint64_t splits = 0;
  std::uint64_t resets = 0;
  std::uint64_t held_chunks = 0;
  std::uint64_t held_ends = 0;
  std::uint64_t slow_chunks = 0;
  std::uint64_t lost_chunks = 0;
  std::uint64_t damaged_chunks = 0;
  std::uint64_t replayed_chunks = 0;
  std::uint64_t tail_chunks = 0;
  std::uint64_t dials = 0;
  std::uint64_t refused = 0;
  std::uint64_t unreachable = 0;
};

class network {
 public:
  network(scheduler& time, std::uint64_t seed, network_options options)
      : time_{time},
        random_{seed},
        losses_{seed ^ 0x6C6F737300000001u},
        tails_{seed ^ 0x7461696C00000001u},
        heavy_{seed ^ 0x6865617679000001u},
        options_{options} {}

  /// Adds a host that is down. Indices grow by one.
  host_index add_host(endpoint_events* events);

  /// Starts listening; a host that is down refuses (its machine lives, nobody listens).
  void up(host_index host) { hosts_[host].listening = true; }
  /// The process ends: its connections are reset (`abrupt`) or, when the machine itself dies,
  /// simply never answer again.
  void down(host_index host, bool silently);
  /// A silent machine is back: what was sent to it is answered with a reset.
  void reboot(host_index host);

  /// Connects `from` to `to`; on_dialled tells the result under the number that this returns.
  std::uint64_t dial(host_index from, host_index to);
  void send(std::uint64_t connection, host_index from, bytes chunk);
  void close(std::uint64_t connection, host_index from);
  /// Breaks the connection under both ends.
  void reset(std::uint64_t connection);

  /// While cut, nothing from `from` reaches `to`; what is sent waits.
  void cut(host_index from, host_index to) { link(from, to).cuts += 1; }
  void uncut(host_index from, host_index to);
  // These add up where they overlap: the end of one is not the end of another.
  /// Every chunk to `host` takes this much longer for each kilobyte: a reader that cannot keep up.
  /// What has gathered by the end of `length` is read then.
  void slow_reader(host_index host, duration per_kilobyte, duration length);
  /// Adds to the delay of every chunk from `from` to `to`. The same, negative, takes it back.
  void clog(host_index from, host_index to, duration more) { link(from, to).clog += more; }
  /// Most of what comes to `host` and goes from it is lost, until this was ended (`is` is false) as
  /// often as begun.
  void lossy(host_index host, bool is) { hosts_[host].losses += is ? 1 : -1; }

  /// `how` strikes the next chunk from `from` to `to`.
  void harm(host_index from, host_index to, const damage& how) { link(from, to).harm = how; }
  /// The next chunk from `from` to `to` that is sent before `until` is sent again on a later
  /// connection: the one that it was on is reset.
  void replay_one(host_index from, host_index to, time_point until) {
    link(from, to).again = {until};
  }
  /// How many chunks were sent to the host that cannot be what their sender said on the connection.
  [[nodiscard]] std::uint64_t damaged_at(host_index host) const { return hosts_[host].damaged; }

  [[nodiscard]] const network_counters& counters() const { return counters_; }
  network_options& options() { return options_; }
  /// Decides about resets within chunks: `told` gets what was drawn, which is how many bytes arrive
  /// before the reset, if there is one, and returns what shall be. Empty: as drawn.
  void on_draw_of_reset(std::function<std::optional<std::uint64_t>(
                            host_index from, host_index to, std::optional<std::uint64_t> kept)>
                            told) {
    decide_reset_ = std::move(told);
  }
  /// The connections of a host that stand, oldest first.
  [[nodiscard]] std::vector<std::uint64_t> connections_of(host_index host) const;
  /// How many of them hold something back, in either direction.
  [[nodiscard]] std::size_t held_at(host_index host) const;

 private:
  struct machine {
    endpoint_events* events = nullptr;
    bool listening = false;
    bool silent = false;
    int losses = 0;
    duration drain{};
    /// When the last slow reader of the host ends.
    time_point drained_at{};
    std::uint64_t damaged = 0;  // what was sent here is not what the sender's end said
    std::set<std::uint64_t> connections{};  // with an end here that the network still knows
  };
  struct link_state {
    int cuts = 0;
    duration clog{};
    damage harm{};
    replay again{};
    std::vector<std::uint64_t> held;  // connections of which something waits for the cut to end
  };
  struct pipe {
    time_point last_arrival{};
    std::uint64_t sent = 0;
    /// Its first chunk was lost and will be sent again.
    bool backs_off = false;
    // What waits for a cut or a back-off to end: chunks, and behind them the news that this end is
    // closed.
    std::vector<bytes> held;
    std::optional<loss_kind> held_end;
    /// A reset struck within a chunk: what follows must not arrive behind the hole.
    bool broken = false;
    [[nodiscard]] bool waits() const {
      return backs_off || !held.empty() || held_end.has_value();
    }
  };
  struct connection {
    host_index ends[2] = {0, 0};
    bool open[2] = {true, true};
    pipe pipes[2];  // [i]: from ends[i] to the other
  };

  struct mixed {
    std::size_t operator()(std::uint64_t key) const {
      return static_cast<std::size_t>(splitmix64(key));
    }
  };

  link_state& link(host_index from, host_index to) {
    return links_[std::uint64_t{from} << 32 | to];
  }
  [[nodiscard]] connection& known(std::uint64_t id) {
    const auto found = connections_.find(id);
    KITH_ASSERT(found != connections_.end());
    return found->second;
  }
  [[nodiscard]] duration draw_delay();
  /// What a link of a heavy tail adds; zero on all others.
  [[nodiscard]] duration draw_tail(host_index from, host_index to);
  [[nodiscard]] bool loses(host_index from, host_index to);
  /// How many bytes of a chunk of `size` arrive before a reset, where one strikes within it.
  [[nodiscard]] std::optional<std::size_t> draw_reset(host_index from, host_index to,
                                                      std::size_t size);
  void replay_into(std::uint64_t id, host_index from, host_index to, bytes& chunk);
  void send_again(std::uint64_t id, int side, duration after);
  void release(std::uint64_t id, int side);
  void transmit(std::uint64_t id, int side, bytes chunk);
  void deliver(std::uint64_t id, int side, const bytes& chunk);
  /// The other end learns that `side` is closed: a FIN behind all chunks, or an RST.
  void tell_end(std::uint64_t id, int side, loss_kind how);
  void lose(std::uint64_t id, int side, loss_kind how, duration delay);
  [[nodiscard]] int side_of(const connection& c, host_index host) const {
    return c.ends[0] == host ? 0 : 1;
  }

  scheduler& time_;
  random_source random_;
  random_source losses_;
  random_source tails_;
  /// Which links are heavy is a hash with this.
  std::uint64_t heavy_;
  network_options options_;
  std::vector<machine> hosts_;
  // Never walked: their order depends on the hash.
  hash_map<std::uint64_t, link_state, mixed> links_;
  hash_map<std::uint64_t, connection, mixed> connections_;
  std::function<std::optional<std::uint64_t>(host_index, host_index, std::optional<std::uint64_t>)>
      decide_reset_;
  std::uint64_t next_ = 0;
  network_counters counters_;
};

// --- implementation ---

inline host_index network::add_host(endpoint_events* events) {
  hosts_.push_back({events});
  return static_cast<host_index>(hosts_.size() - 1);
}

inline duration network::draw_delay() {
  // A geometric number of means, halving each time: exponential-like, in integers.
  const auto mean = static_cast<std::uint64_t>(options_.delay_mean.count());
  duration delay = options_.delay_least + duration{random_.below(mean + 1)};
  while (random_.below(4) == 0) delay += duration{random_.below(2 * mean + 1)};
  return delay;
}

inline duration network::draw_tail(host_index from, host_index to) {
  if (options_.heavy_links_per_mille == 0) return {};
  std::uint64_t way = heavy_ ^ (std::uint64_t{from} << 32 | to);
  if (splitmix64(way) % 1000 >= options_.heavy_links_per_mille) return {};
  if (tails_.below(8) != 0) return {};
  ++counters_.tail_chunks;
  duration late = std::chrono::milliseconds{10};
  while (late < std::chrono::seconds{5} && tails_.below(2) == 0) late *= 2;
  return std::min<duration>(late, std::chrono::seconds{5});
}

inline std::vector<std::uint64_t> network::connections_of(host_index host) const {
  const std::set<std::uint64_t>& all = hosts_[host].connections;
  return {all.begin(), all.end()};
}

inline std::size_t network::held_at(host_index host) const {
  std::size_t held = 0;
  for (const std::uint64_t id : hosts_[host].connections) {
    const connection& c = connections_.find(id)->second;
    held += c.pipes[0].waits() || c.pipes[1].waits() ? 1 : 0;
  }
  return held;
}

inline void network::down(host_index host, bool silently) {
  hosts_[host].listening = false;
  hosts_[host].silent = silently;
  for (const std::uint64_t id : connections_of(host)) {
    connection& c = known(id);
    const int side = side_of(c, host);
    c.open[side] = false;
    if (!silently) tell_end(id, side, loss_kind::reset);
  }
}

inline void network::reboot(host_index host) {
  hosts_[host].silent = false;
  for (const std::uint64_t id : connections_of(host)) {
    const int side = side_of(known(id), host);
    if (!known(id).open[side]) tell_end(id, side, loss_kind::reset);
  }
}

inline std::uint64_t network::dial(host_index from, host_index to) {
  KITH_ASSERT(from < hosts_.size() && to < hosts_.size());
  const std::uint64_t id = ++next_;
  ++counters_.dials;
  const bool cut = link(from, to).cuts > 0 || link(to, from).cuts > 0 || hosts_[to].silent;
  if (cut || loses(from, to)) {
    ++counters_.unreachable;
    time_.after(options_.dial_timeout, [this, from, id] {
      hosts_[from].events->on_dialled(id, dial_result::unreachable, 0);
    });
    return id;
  }
  const duration there = draw_delay();
  const duration back = draw_delay();
  time_.after(there + back, [this, from, to, id] {
    if (!hosts_[to].listening) {
      ++counters_.refused;
      hosts_[from].events->on_dialled(id, dial_result::refused, 0);
      return;
    }
    connection& made = connections_[id];
    made.ends[0] = from;
    made.ends[1] = to;
    hosts_[from].connections.insert(id);
    hosts_[to].connections.insert(id);
    hosts_[from].events->on_dialled(id, dial_result::connected, id);
    if (connections_.contains(id)) hosts_[to].events->on_accept(id);
  });
  return id;
}

inline void network::send(std::uint64_t id, host_index from, bytes chunk) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const int side = side_of(found->second, from);
  if (!found->second.open[side] || found->second.pipes[side].broken || chunk.empty()) return;
  counters_.bytes += chunk.size();
  const host_index to = found->second.ends[1 - side];
  if (const auto kept = draw_reset(from, to, chunk.size())) {
    chunk.resize(*kept);
    found->second.pipes[side].broken = true;
    if (!chunk.empty()) transmit(id, side, std::move(chunk));
    time_.after(draw_delay(), [this, id] { reset(id); });
    return;
  }
  if (link(from, to).harm.strike(time_.now(), chunk)) {
    ++hosts_[to].damaged;
    ++counters_.damaged_chunks;
  }
  const bool in_frames = found->second.pipes[side].sent >= replay::begins_behind;
  found->second.pipes[side].sent += chunk.size();
  if (in_frames) replay_into(id, from, to, chunk);
  if (chunk.size() > 1 && random_.one_in_million(options_.split_per_million)) {
    ++counters_.splits;
    const auto at = static_cast<std::ptrdiff_t>(1 + random_.below(chunk.size() - 1));
    transmit(id, side, bytes{chunk.begin(), chunk.begin() + at});
    chunk.erase(chunk.begin(), chunk.begin() + at);
  }
  transmit(id, side, std::move(chunk));
}

inline void network::transmit(std::uint64_t id, int side, bytes chunk) {
  connection& c = known(id);
  const host_index from = c.ends[side];
  const host_index to = c.ends[1 - side];
  pipe& way = c.pipes[side];
  link_state& road = link(from, to);
  if (road.cuts > 0 || way.waits()) {
    ++counters_.held_chunks;
    if (!way.waits()) road.held.push_back(id);
    way.held.push_back(std::move(chunk));
    return;
  }
  if (loses(from, to)) {
    way.backs_off = true;
    way.held.push_back(std::move(chunk));
    return send_again(id, side, std::chrono::milliseconds{200});
  }
  ++counters_.chunks;
  duration delay = draw_delay() + draw_tail(from, to) + road.clog;
  if (hosts_[to].drain > duration{}) {
    ++counters_.slow_chunks;
    const duration slow = hosts_[to].drain * static_cast<std::int64_t>(1 + chunk.size() / 1024);
    delay = std::max(delay, std::min(delay + slow, hosts_[to].drained_at - time_.now()));
  }
  // Strictly later than what was sent before: events of one instant have no order.
  way.last_arrival = std::max(way.last_arrival + duration{1}, time_.now() + delay);
  time_.at(way.last_arrival,
           [this, id, side, chunk = std::move(chunk)] { deliver(id, side, chunk); });
}

inline void network::deliver(std::uint64_t id, int side, const bytes& chunk) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const host_index to = found->second.ends[1 - side];
  if (hosts_[to].silent) return;
  // Nobody reads here any more: the answer is an RST, so that no sender waits for ever.
  if (!found->second.open[1 - side]) return tell_end(id, 1 - side, loss_kind::reset);
  time_.note(stable_hash(chunk));
  hosts_[to].events->on_bytes(id, chunk);
}

inline void network::release(std::uint64_t id, int side) {
  pipe& way = known(id).pipes[side];
  const std::optional<loss_kind> end = std::exchange(way.held_end, std::nullopt);
  for (bytes& chunk : std::exchange(way.held, {})) transmit(id, side, std::move(chunk));
  if (end) tell_end(id, side, *end);
}

inline void network::send_again(std::uint64_t id, int side, duration after) {
  time_.after(after, [this, id, side, after] {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    connection& c = found->second;
    link_state& road = link(c.ends[side], c.ends[1 - side]);
    if (loses(c.ends[side], c.ends[1 - side])) {
      return send_again(id, side, std::min<duration>(2 * after, std::chrono::seconds{5}));
    }
    c.pipes[side].backs_off = false;
    if (road.cuts == 0) return release(id, side);
    road.held.push_back(id);
  });
}

inline void network::close(std::uint64_t id, host_index from) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const int side = side_of(found->second, from);
  if (!found->second.open[side]) return;
  found->second.open[side] = false;
  tell_end(id, side, loss_kind::closed);
}

inline void network::tell_end(std::uint64_t id, int side, loss_kind how) {
  connection& c = known(id);
  pipe& way = c.pipes[side];
  link_state& road = link(c.ends[side], c.ends[1 - side]);
  if (road.cuts > 0 || way.waits()) {
    // TCP repeats a FIN until it arrives, and answers what the other end repeats with an RST.
    ++counters_.held_ends;
    if (!way.waits()) road.held.push_back(id);
    way.held_end = how;
    return;
  }
  time_point when = time_.now() + draw_delay();
  if (how == loss_kind::closed) when = std::max(when, way.last_arrival + duration{1});
  lose(id, 1 - side, how, when - time_.now());
}

inline void network::reset(std::uint64_t id) {
  if (!connections_.contains(id)) return;
  ++counters_.resets;
  lose(id, 0, loss_kind::reset, duration{});
  lose(id, 1, loss_kind::reset, duration{});
}

inline void network::lose(std::uint64_t id, int side, loss_kind how, duration delay) {
  time_.after(delay, [this, id, side, how] {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    connection& c = found->second;
    const host_index host = c.ends[side];
    const bool was_open = std::exchange(c.open[side], false);
    const bool over = !c.open[0] && !c.open[1];
    if (over) {
      for (const host_index end : c.ends) hosts_[end].connections.erase(id);
      connections_.erase(found);
    }
    if (was_open) hosts_[host].events->on_lost(id, how);
  });
}

}  // namespace kith::sim

#include <kith/sim/network_faults.hpp>
