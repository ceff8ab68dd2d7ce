// A host's connections: dials, sessions, which of two connections to one peer stays, and frames to
// the machines that they are for (host.hpp).
#pragma once

#include <kith/sim/host.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>

#include <cstring>
#include <utility>
#include <vector>

namespace kith::sim {

inline wire::session_config host::session_config(wire::session_role role) {
  wire::session_config config;
  config.role = role;
  config.self = control().self();
  config.cluster_hash = stable_hash(as_bytes(options_.cluster));
  config.config_hash = node::lane_count;
  config.sid = ++next_sid_;
  return config;
}

inline void host::dial(const endpoint& where, const member_id& peer) {
  const std::optional<host_index> to = options_.find(where);
  if (!to || *to == index_) {
    const auto why = to ? cluster::dial_failure::self : cluster::dial_failure::refused;
    time_.after(duration{1000}, [this, life = life_, where, why, peer] {
      if (life != life_) return;
      when_awake([this, where, why, peer] {
        if (!peer.nobody()) drop_waiting(peer);
        node::control::outbox out;
        control().on_dial_failed(now(), where, why, out);
        run(out);
      });
    });
    return;
  }
  dials_[network_.dial(index_, *to)] = {where, peer};
}

inline void host::on_dialled(std::uint64_t dial, dial_result result, std::uint64_t id) {
  const auto found = dials_.find(dial);
  if (found == dials_.end()) {
    // The dial of an earlier life or identity.
    if (result == dial_result::connected) network_.close(id, index_);
    return;
  }
  const pending_dial asked = found->second;
  dials_.erase(found);
  if (result == dial_result::connected) {
    connections_[id] = std::make_shared<connection>(
        connection{wire::session{session_config(wire::session_role::dialler)}, asked.where,
                   asked.peer});
    return flush(id);
  }
  when_awake([this, asked, result] {
    if (!asked.peer.nobody()) drop_waiting(asked.peer);
    const auto why = result == dial_result::refused ? cluster::dial_failure::refused
                                                    : cluster::dial_failure::unreachable;
    node::control::outbox out;
    control().on_dial_failed(now(), asked.where, why, out);
    run(out);
  });
}

inline void host::on_accept(std::uint64_t id) {
  if (node_ == nullptr) return;
  connections_[id] = std::make_shared<connection>(
      connection{wire::session{session_config(wire::session_role::listener)}, std::nullopt});
}

inline void host::on_bytes(std::uint64_t id, byte_view received) {
  if (node_ == nullptr) return;
  if (paused_) {
    return waiting_inputs_.push_back(
        [this, id, kept = to_bytes(received)] { read_bytes(id, kept); });
  }
  read_bytes(id, received);
  after_input();
}

inline void host::read_bytes(std::uint64_t id, byte_view received) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  found->second->session.on_bytes(received);
  flush(id);
  if (found->second->session.is_open() && !found->second->announced) opened(id);
  take_frames(id);
}

inline void host::on_lost(std::uint64_t id, loss_kind) {
  when_awake([this, id] { close(id); });
}

inline void host::flush(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found != connections_.end() && found->second->session.has_output()) {
    network_.send(id, index_, found->second->session.take_output());
  }
}

/// Ends a connection that is ours to end, or that ended.
inline void host::close(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const std::shared_ptr<connection> ended = found->second;
  const connection& over = *ended;
  connections_.erase(found);
  network_.close(id, index_);
  const auto link = links_.find(over.session.peer());
  if (link != links_.end() && link->second == id) {
    const member_id peer = link->first;
    links_.erase(link);
    lost_link(peer);
    return promote(peer);
  }
  if (over.announced || !over.dialled) return;
  // A dial that did not get through its handshake.
  if (!over.wanted.nobody()) drop_waiting(over.wanted);
  node::control::outbox out;
  const bool own = over.session.refusal() == wire::verdict_status::own_identity;
  const bool other = over.session.refusal() == wire::verdict_status::wrong_cluster;
  control().on_dial_failed(now(), *over.dialled,
                           own     ? cluster::dial_failure::self
                           : other ? cluster::dial_failure::wrong_cluster
                                   : cluster::dial_failure::unreachable,
                           out);
  run(out);
}

/// Where the winner of two connections ends first, its end may be known here and the other one be
/// the peer's link: it has to be this side's too. But a session that ended here does not begin
/// again: what is under way in it would be taken for answers to what comes.
inline void host::promote(const member_id& peer) {
  if (node_ == nullptr || links_.contains(peer)) return;
  std::uint64_t best = 0;
  std::vector<std::uint64_t> over;
  for (const auto& [id, c] : connections_) {
    if (!c->announced || c->draining || c->session.peer() != peer) continue;
    if (c->was_link) {
      over.push_back(id);
    } else if (best == 0 || wins(*c, *connections_.at(best))) {
      best = id;
    }
  }
  for (const std::uint64_t id : over) close(id);
  if (best == 0) return;
  if (connections_.at(best)->dialled) drain_others(peer, best);
  take_as_link(best);
}

inline void host::lost_link(const member_id& peer) {
  tell_lanes_of_session(peer, 0);
  node::control::outbox out;
  control().on_link_down(now(), peer, cluster::loss::reset, out);
  run(out);
}

/// Packets for a peer that cannot be reached are lost; whoever waits for an answer asks again.
inline void host::drop_waiting(const member_id& peer) {
  const auto found = waiting_packets_.find(peer);
  if (found == waiting_packets_.end()) return;
  counters_.dropped_packets += found->second.size();
  waiting_packets_.erase(found);
  if (!links_.contains(peer)) tell_lanes_of_session(peer, 0);
}

/// Of two connections to one peer: the one that the member of the lower id dialled, on both sides.
/// If one side dialled both: the one that its listener numbered later; the order of opening may
/// differ between the two.
inline bool host::wins(const connection& one, const connection& other) {
  const bool mine_first = control().self() < one.session.peer();
  const bool one_preferred = one.dialled.has_value() == mine_first;
  const bool other_preferred = other.dialled.has_value() == mine_first;
  if (one_preferred != other_preferred) return one_preferred;
  return one.session.sid() > other.session.sid();
}

inline void host::opened(std::uint64_t id) {
  const std::shared_ptr<connection> shared = connections_.at(id);
  connection& c = *shared;
  c.announced = true;
  ++counters_.sessions;
  const member_id peer = c.session.peer();
  // Another member listens there now: what waited has no way.
  if (!c.wanted.nobody() && c.wanted != peer) drop_waiting(c.wanted);
  const auto link = links_.find(peer);
  if (link != links_.end()) {
    ++counters_.duplicate_sessions;
    const std::uint64_t older = link->second;
    const bool older_wins = wins(*connections_.at(older), c);
    const std::uint64_t winner = older_wins ? older : id;
    if (connections_.at(winner)->dialled) drain_others(peer, winner);
    if (older_wins) {
      // Every dial has an answer, also one that was not needed.
      if (!c.dialled) return;
      node::control::outbox out;
      control().on_link_up(now(), peer, c.dialled, out);
      return run(out);
    }
  }
  take_as_link(id);
}

/// A dialler opens its connection after the listener did: when the winner's dialler has it open,
/// both have. Only then are the losers closed, and by that side; closed earlier, the end of one
/// could arrive before the winner's beginning, and the peer would see a lost link. What the peer
/// sent on a loser before it changed over is still read.
///
/// All losers: of three connections, two may have met a third one first on either side, and never
/// each other.
inline void host::drain_others(const member_id& peer, std::uint64_t winner) {
  for (const auto& [id, c] : connections_) {
    if (id == winner || !c->announced || c->draining || c->session.peer() != peer) continue;
    c->draining = true;
    time_.after(options_.drain_time, [this, life = life_, loser = id] {
      if (life == life_ && connections_.erase(loser) > 0) network_.close(loser, index_);
    });
  }
}

inline void host::take_as_link(std::uint64_t id) {
  const std::shared_ptr<connection> shared = connections_.at(id);
  connection& c = *shared;
  c.was_link = true;
  const member_id peer = c.session.peer();
  links_[peer] = id;
  tell_lanes_of_session(peer, c.session.sid());
  node::control::outbox out;
  control().on_link_up(now(), peer, c.dialled, out);
  run(out);
  const auto waiting = waiting_packets_.find(peer);
  if (waiting == waiting_packets_.end()) return;
  const std::deque<wire::packet> packets = std::move(waiting->second);
  waiting_packets_.erase(waiting);
  for (const wire::packet& packet : packets) send(peer, packet);
}

inline void host::tell_lanes_of_session(const member_id& peer, std::uint32_t sid) {
  for (const auto& lane : node_->lanes) {
    node::lane::outbox out;
    lane->on_session(now(), peer, sid, out);
    run(*lane, out);
  }
}

inline void host::send(const member_id& to, const wire::packet& packet) {
  if (const auto link = links_.find(to); link != links_.end()) {
    connections_.at(link->second)->session.send(packet);
    return flush(link->second);
  }
  if (to == control().self()) ++counters_.to_itself;
  const auto known = view_ == nullptr ? std::nullopt : view_->find(to);
  if (packet.sid != 0 || !known || to == control().self()) {
    ++counters_.dropped_packets;
    return;
  }
  std::deque<wire::packet>& waiting = waiting_packets_[to];
  const bool dialling = !waiting.empty();
  if (waiting.size() >= options_.waiting_packets_max) {
    ++counters_.dropped_packets;
    return;
  }
  waiting.push_back(packet);
  if (!dialling) dial(view_->members[*known].address, to);
}

inline void host::carry(cluster::close&& one) {
  const auto link = links_.find(one.peer);
  if (link != links_.end()) close(link->second);
}

inline void host::take_frames(std::uint64_t id) {
  wire::message_frame frame;
  for (;;) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || node_ == nullptr) return;
    // Held: handling the frame may close the connection.
    const std::shared_ptr<connection> held = found->second;
    connection& c = *held;
    if (!c.session.next(frame)) break;
    if (!take_frame(c, frame)) {
      ++counters_.malformed;
      return close(id);
    }
  }
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second->session.failed()) return;
  switch (found->second->session.error()) {
    case wire::frame_error::handshake_refused: break;
    case wire::frame_error::bad_handshake_checksum: ++counters_.damaged_handshakes; break;
    default: ++counters_.malformed;
  }
  close(id);
}

inline bool host::take_frame(connection& from, const wire::message_frame& frame) {
  ++counters_.frames;
  const member_id peer = from.session.peer();
  control().on_contact(now(), peer);
  switch (wire::plane_of(frame.code)) {
    case wire::plane::control: {
      node::control::outbox out;
      const bool fine = control().on_message(now(), peer, frame, out) == wire::decode_error::none;
      run(out);
      return fine;
    }
    case wire::plane::lane: break;
    case wire::plane::unknown: return (frame.flags & wire::flag::skippable) != 0;
  }
  if (frame.code == static_cast<std::uint8_t>(wire::opcode::batch)) {
    return take_batch(from, frame);
  }
  node::lane& in = lane(frame.partition);
  node::lane::outbox out;
  const node::verdict said = in.on_message(now(), peer, from.session.sid(), frame, out);
  run(in, out);
  if (said == node::verdict::violation) ++counters_.violations;
  return said == node::verdict::fine;
}

inline bool host::take_batch(connection& from, const wire::message_frame& frame) {
  wire::batch all;
  if (wire::decode(frame.payload, all) != wire::decode_error::none) return false;
  begin_batch();
  const bool fine = take_items(from, all);
  end_batch();
  return fine;
}

inline bool host::take_items(connection& from, const wire::batch& all) {
  for (const wire::batch_item& item : all.items) {
    const auto code = static_cast<std::uint8_t>(item.kind);
    if (wire::plane_of(code) != wire::plane::lane || item.kind == wire::opcode::batch) return false;
    if (!take_frame(from, {code, 0, item.rid, item.partition, 0, item.payload})) return false;
  }
  return true;
}

}  // namespace kith::sim
