// The connections of one member: who dials, who is kept, and what the machines hear of it.
//
// All decisions are made on the home thread, one after another, so the events of a peer come in
// order: a link is up before its first message is handed out, and down before the next is up, or
// replaced by a link with another session number.
//
// Two connections to one member
//   (1) Both members dialled: the connection dialled by the lower id is kept, at both ends, as soon
//       as both are open there. The other is finished: what was queued on it still arrives.
//   (2) A member that has a link and whose own further dial opens ends the new connection: it needs
//       none. So the side that accepted never needs to choose between two dials of one direction.
//   (3) The accepting side cannot know whether the dialler still has the old link. It holds the new
//       connection in reserve. It becomes the link when the old one ends, or when the old one was
//       silent for `reserve_time`: then the dialler had lost it, and will not close the new one.
//
// Identity is the connection's own: the key is the whole member id, so a connection that claims the
// uuid of a linked member with another incarnation is another peer and replaces nothing.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/net/connection.hpp>
#include <kith/net/dialer.hpp>
#include <kith/net/fifo.hpp>
#include <kith/net/io_threads.hpp>
#include <kith/net/link_events.hpp>
#include <kith/net/link_table.hpp>
#include <kith/net/listener.hpp>
#include <kith/wire/session.hpp>

#include <sys/random.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace kith::net {

class links final : public connection_events {
 public:
  /// `threads` and `events` outlive it; `threads` are stopped before it is destroyed.
  links(io_threads& threads, const link_options& options, link_events& events);

  // Any thread.

  /// Sends `packet` to `to`, dialling where there is no link. Flush `written` when no lock is held.
  link_table::pushed push(const member_id& to, wire::packet&& packet, touched& written);
  /// Calls whoever listens there. Ends in on_link_up, on_dial_found or on_dial_failed.
  void dial(const endpoint& where);
  /// Calls `member` at its known address, unless there is a link.
  void dial(const member_id& member);
  void set_address(const member_id& member, const endpoint& where) {
    table_.set_address(member, where);
  }
  [[nodiscard]] std::shared_ptr<connection> find(const member_id& member) const {
    return table_.find(member);
  }
  [[nodiscard]] const link_table& table() const { return table_; }

  // The home thread.

  /// Accepts on `where` from now on.
  void accept_from(std::shared_ptr<listener> where);
  /// The members of the view and where they listen; other peers count as unknown.
  void set_members(const std::vector<std::pair<member_id, endpoint>>& members);
  /// This member goes on under another id: every connection of the old one is closed, and nothing
  /// more is told of it.
  void restart(const member_id& self);
  /// Calls `visit(peer)` for each that sent a frame since the last time.
  template <class Visit>
  void report_contacts(Visit&& visit);
  /// Closes the link to `peer`, which broke the protocol.
  void drop(const member_id& peer, close_reason why);
  /// Finishes all connections and takes no more. `done` is called when the last one ended.
  void stop(std::function<void()> done);

  // Of the connections.
  inline void on_open(connection& which) override;
  void on_message(connection& from, const wire::message_frame& message) override {
    events_.on_message(from, message);
  }
  void on_batch_end(connection& from) override { events_.on_batch_end(from); }
  void on_room(connection& at) override { events_.on_room(at); }
  inline void on_closed(connection& which, close_reason why) override;

 private:
  /// A connection from its birth until on_closed.
  struct live {
    std::shared_ptr<connection> held;
    /// The dial that made it, until the handshake ended.
    std::optional<dial_failure> dial;
    /// Where it was dialled.
    std::optional<endpoint> dialled;
    bool in_handshake = true;
  };
  struct peer {
    std::shared_ptr<connection> link;
    std::shared_ptr<connection> reserve;
    time_point reserve_since{};
    std::uint32_t last_sid = 0;
    /// The frame that was reported as a contact.
    time_point reported{};
  };
  struct dial_request {
    member_id member;
    endpoint where;
  };

  void request(dial_request what);
  void dial_next();
  void adopt_descriptor(const dialer::tcp& protocol, int descriptor, wire::session_role role,
                        std::optional<dial_failure> dial);
  void end_handshake(live& of);
  void report(dial_failure failure);
  void admit(connection& which);
  [[nodiscard]] bool crowded(const connection& which) const;
  void choose(const std::shared_ptr<connection>& which, peer& mine);
  void make_link(std::shared_ptr<connection> which, peer& mine);
  void hold_in_reserve(const std::shared_ptr<connection>& which, peer& mine);
  void check_reserve(const std::shared_ptr<connection>& which);
  void end_superfluous(connection& which);
  void forget_connection(connection& which, close_reason why);
  [[nodiscard]] bool dialled_by_lower(const connection& which) const {
    const bool mine = which.role() == wire::session_role::dialler;
    return mine == (options_.self < which.peer());
  }
  [[nodiscard]] std::uint32_t next_sid() {
    if (++sids_ == 0) ++sids_;
    return sids_;
  }

  // Constant after construction.
  io_threads& threads_;
  link_events& events_;
  const std::shared_ptr<wire::decode_budget> memory_;

  // Any thread.
  link_table table_;

  // Of the home thread.
  link_options options_;
  std::shared_ptr<listener> listener_;
  std::map<const connection*, live> live_;
  std::map<member_id, peer> peers_;
  std::set<member_id> known_;
  fifo<dial_request> requests_;
  std::set<std::shared_ptr<dialer>> dialers_;
  std::uint32_t sids_ = 0;
  bool stopped_ = false;
  std::function<void()> on_stopped_;
};

// --- implementation ---

inline links::links(io_threads& threads, const link_options& options, link_events& events)
    : threads_{threads},
      events_{events},
      memory_{std::make_shared<wire::decode_budget>(options.decode_bytes)},
      table_{options.limits},
      options_{options} {
  // A random start, so that a member's sessions differ from those of its last life.
  (void)!::getrandom(&sids_, sizeof sids_, 0);
}

inline link_table::pushed links::push(const member_id& to, wire::packet&& packet,
                                      touched& written) {
  const link_table::pushed result = table_.push(to, std::move(packet), written);
  if (result != link_table::pushed::dial) return result;
  dial(to);
  return link_table::pushed::taken;
}

// Dialling.

inline void links::dial(const endpoint& where) {
  boost::asio::post(threads_.home(), [this, where] { request({{}, where}); });
}

inline void links::dial(const member_id& member) {
  boost::asio::post(threads_.home(), [this, member] {
    const auto found = peers_.find(member);
    if (found != peers_.end() && found->second.link) return;
    const auto where = table_.address(member);
    if (where) return request({member, *where});
    report({member, {}, dial_result::no_address});
  });
}

inline void links::request(dial_request what) {
  if (stopped_) return;
  requests_.push(std::move(what));
  dial_next();
}

inline void links::dial_next() {
  while (!requests_.empty() && dialers_.size() < options_.dials) {
    const dial_request next = requests_.pop();
    const auto call = std::make_shared<dialer>(threads_.home());
    dialers_.insert(call);
    call->begin(next.where, options_.dial_time,
                [this, call, next](dial_result result, const dialer::tcp& protocol,
                                   int descriptor) {
                  dialers_.erase(call);
                  dial_failure outcome{next.member, next.where, result};
                  if (result == dial_result::connected) {
                    adopt_descriptor(protocol, descriptor, wire::session_role::dialler,
                                     std::move(outcome));
                  } else {
                    report(std::move(outcome));
                  }
                  dial_next();
                });
  }
}

inline void links::report(dial_failure failure) {
  if (!failure.member.nobody()) table_.give_up(failure.member);
  if (!stopped_) events_.on_dial_failed(failure);
}

// Connections.

inline void links::accept_from(std::shared_ptr<listener> where) {
  listener_ = std::move(where);
  listener_->begin([this](const listener::tcp& protocol, int descriptor) {
    adopt_descriptor(protocol, descriptor, wire::session_role::listener, std::nullopt);
  });
}

inline void links::adopt_descriptor(const dialer::tcp& protocol, int descriptor,
                                    wire::session_role role, std::optional<dial_failure> dial) {
  boost::asio::io_context& context = threads_.next();
  connection::socket_type socket{context};
  if (!adopt(socket, protocol, descriptor)) {
    if (role == wire::session_role::listener) listener_->on_handshake_ended();
    if (dial) {
      dial->result = dial_result::unreachable;
      report(std::move(*dial));
    }
    return;
  }
  wire::session_config config;
  config.role = role;
  config.self = options_.self;
  config.cluster_hash = options_.cluster_hash;
  config.config_hash = options_.config_hash;
  config.sid = next_sid();
  config.memory = memory_;
  (void)!::getrandom(config.fresh.data(), config.fresh.size(), 0);
  const auto made = std::make_shared<connection>(context, std::move(socket), config,
                                                 options_.connection, *this);
  const auto dialled = dial ? std::optional{dial->where} : std::nullopt;
  live_.emplace(made.get(), live{made, std::move(dial), dialled});
  made->begin();
}

inline void links::on_open(connection& which) {
  boost::asio::post(threads_.home(),
                    [this, held = which.shared_from_this()] { admit(*held); });
}

inline void links::on_closed(connection& which, close_reason why) {
  boost::asio::post(threads_.home(), [this, held = which.shared_from_this(), why] {
    forget_connection(*held, why);
  });
}

inline void links::end_handshake(live& of) {
  if (!std::exchange(of.in_handshake, false)) return;
  if (of.held->role() == wire::session_role::listener && listener_) {
    listener_->on_handshake_ended();
  }
}

inline void links::admit(connection& which) {
  const auto found = live_.find(&which);
  if (found == live_.end()) return;
  end_handshake(found->second);
  const member_id& id = which.peer();
  std::optional<dial_failure>& dial = found->second.dial;
  if (dial && !dial->member.nobody() && dial->member != id) {
    dial->result = dial_result::other_member;
    report(*std::exchange(dial, std::nullopt));
  }
  // Where it is turned away the dial stays with it: forget_connection reports its failure, or the
  // member would count as being dialled for ever.
  if (which.closed()) return;
  if (stopped_) return which.close(close_reason::local);
  if (crowded(which)) return which.close(close_reason::busy);
  peer& mine = peers_[id];
  // Both ends number sessions, so two connections may have got one number. Neither can be told from
  // the other by the machines; the dialler tries again.
  if (which.sid() == mine.last_sid) return which.close(close_reason::duplicate);
  dial.reset();
  choose(found->second.held, mine);
}

inline bool links::crowded(const connection& which) const {
  std::size_t same = 0;
  for (const auto& [each, state] : live_) {
    if (!state.in_handshake && each->peer().same_object(which.peer())) ++same;
  }
  if (same > options_.connections_per_peer) return true;
  if (known_.contains(which.peer()) || peers_.contains(which.peer())) return false;
  std::size_t unknown = 0;
  for (const auto& [id, state] : peers_) unknown += known_.contains(id) ? 0u : 1u;
  return unknown >= options_.unknown_peers;
}

inline void links::choose(const std::shared_ptr<connection>& which, peer& mine) {
  if (!mine.link) return make_link(which, mine);
  if (dialled_by_lower(*which) && !dialled_by_lower(*mine.link)) return make_link(which, mine);
  if (which->role() == wire::session_role::dialler) return end_superfluous(*which);
  hold_in_reserve(which, mine);
}

// The other end may have begun to use it: what it sent is handed out up to its end.
inline void links::end_superfluous(connection& which) {
  which.start();
  which.finish(close_reason::duplicate);
  const auto state = live_.find(&which);
  if (state == live_.end() || !state->second.dialled) return;
  events_.on_dial_found(which.peer(), *state->second.dialled);
}

inline void links::make_link(std::shared_ptr<connection> which, peer& mine) {
  const std::shared_ptr<connection> old = std::exchange(mine.link, which);
  if (mine.reserve == which) mine.reserve.reset();
  mine.last_sid = which->sid();
  std::vector<wire::packet> waited = table_.set_link(which->peer(), which);
  const auto state = live_.find(which.get());
  events_.on_link_up(which->peer(), which->sid(),
                     state == live_.end() ? std::nullopt : state->second.dialled);
  for (wire::packet& each : waited) {
    if (which->push(std::move(each)) != connection::pushed::taken) table_.count_dropped();
  }
  which->flush();
  which->start();
  if (old) old->finish(close_reason::duplicate);
}

inline void links::hold_in_reserve(const std::shared_ptr<connection>& which, peer& mine) {
  if (mine.reserve) mine.reserve->finish(close_reason::duplicate);
  mine.reserve = which;
  mine.reserve_since = now();
  which->start();
  check_reserve(which);
}

inline void links::check_reserve(const std::shared_ptr<connection>& which) {
  const auto found = peers_.find(which->peer());
  if (stopped_ || found == peers_.end() || found->second.reserve != which) return;
  peer& mine = found->second;
  const bool silent = mine.link->last_frame() < mine.reserve_since;
  if (silent && now() - mine.reserve_since >= options_.reserve_time) return make_link(which, mine);
  const auto timer = std::make_shared<boost::asio::steady_timer>(threads_.home());
  timer->expires_after(options_.reserve_time);
  timer->async_wait([this, which, timer](const boost::system::error_code& error) {
    if (!error) check_reserve(which);
  });
}

inline void links::forget_connection(connection& which, close_reason why) {
  const auto found = live_.find(&which);
  if (found == live_.end()) return;
  const bool opened = !found->second.in_handshake;
  end_handshake(found->second);
  if (auto dial = std::exchange(found->second.dial, std::nullopt)) {
    dial->result = dial_result::not_a_peer;
    dial->verdict = which.refusal();
    dial->closed = why;
    report(std::move(*dial));
  }
  live_.erase(found);
  if (const auto entry = peers_.find(which.peer()); opened && entry != peers_.end()) {
    peer& mine = entry->second;
    if (mine.reserve.get() == &which) mine.reserve.reset();
    if (mine.link.get() == &which) {
      mine.link.reset();
      if (mine.reserve && !stopped_) {
        make_link(mine.reserve, mine);
      } else {
        table_.remove_link(which.peer());
        const member_id gone = which.peer();
        if (!known_.contains(gone)) peers_.erase(entry);
        events_.on_link_down(gone, why);
      }
    }
  }
  if (stopped_ && live_.empty() && on_stopped_) std::exchange(on_stopped_, {})();
}

// The member's own affairs.

inline void links::set_members(const std::vector<std::pair<member_id, endpoint>>& members) {
  std::set<member_id> known;
  for (const auto& [id, where] : members) {
    known.insert(id);
    if (id != options_.self) table_.set_address(id, where);
  }
  for (const member_id& id : known_) {
    if (known.contains(id)) continue;
    table_.forget(id);
    if (const auto entry = peers_.find(id); entry != peers_.end() && !entry->second.link) {
      peers_.erase(entry);
    }
  }
  known_ = std::move(known);
}

// By ids first: the visitor may change the table.
template <class Visit>
void links::report_contacts(Visit&& visit) {
  std::vector<member_id> heard;
  for (auto& [id, mine] : peers_) {
    if (!mine.link || mine.link->last_frame() <= mine.reported) continue;
    mine.reported = mine.link->last_frame();
    heard.push_back(id);
  }
  for (const member_id& id : heard) visit(id);
}

inline void links::drop(const member_id& of, close_reason why) {
  const auto found = peers_.find(of);
  if (found != peers_.end() && found->second.link) found->second.link->close(why);
}

inline void links::restart(const member_id& self) {
  options_.self = self;
  peers_.clear();
  known_.clear();
  table_.clear();
  for (const auto& [each, state] : live_) state.held->close(close_reason::local);
}

inline void links::stop(std::function<void()> done) {
  stopped_ = true;
  on_stopped_ = std::move(done);
  if (listener_) listener_->stop();
  for (const auto& each : dialers_) each->cancel();
  dialers_.clear();
  requests_.clear();
  for (const auto& [each, state] : live_) {
    if (state.in_handshake) {
      state.held->close(close_reason::local);
    } else {
      state.held->finish(close_reason::local);
    }
  }
  if (live_.empty() && on_stopped_) std::exchange(on_stopped_, {})();
}

}  // namespace kith::net
