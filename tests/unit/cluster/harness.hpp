// A small world for membership: N members in one thread on virtual time, bytes between them, seeded
// delays, cuts, resets, crashes and pauses. It plays the driver, and after every event it checks
//
//   I12  two views of one key are equal (with a quorum: of one number)
//   I13  the numbers of a member's views only grow
//   I15  at most one coordinator has authority, and no two members may act as owner of a partition
//
// A cut stalls a connection as TCP does: what was sent arrives when the cut heals, unless the
// connection is reset before.
#pragma once

#include "harness_members.hpp"

#include <kith/cluster/membership.hpp>
#include <kith/wire/decode.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace harness {

using namespace kith;
using namespace kith::cluster;
using namespace std::chrono_literals;

class world : public observed_members {
 public:
  using observed_members::observed_members;

  [[nodiscard]] std::uint64_t sent(wire::opcode code) const {
    const auto at = sent_.find(code);
    return at == sent_.end() ? 0 : at->second;
  }
  [[nodiscard]] std::uint64_t sent_total() const { return sent_total_; }
  /// Adds a member that listens on the next port and starts it.
  std::size_t add() {
    const std::size_t i = nodes_.size();
    nodes_.push_back(std::make_unique<node>());
    nodes_[i]->address = {"127.0.0.1", static_cast<std::uint16_t>(options_.first_port + i)};
    nodes_[i]->offset = duration{static_cast<duration::rep>(random_.below(1'000'000'000'000))};
    nodes_[i]->rate =
        1 + (static_cast<double>(random_.below(2001)) / 1000 - 1) * options_.drift / 1000;
    start(i);
    return i;
  }

  /// A process at the address of node `i`: a new member.
  void start(std::size_t i) {
    node& n = *nodes_[i];
    membership_options options;
    options.self = {{random_.next(), random_.next() | 1, 1}, n.address, 1, {}};
    options.quorum = options_.quorum;
    options.bootstrap_expect = options_.expect;
    options.timers = options_.timers;
    options.extent = options_.extent;
    for (std::uint16_t p = 0; p < options_.ports; ++p) {
      options.candidates.push_back(
          {"127.0.0.1", static_cast<std::uint16_t>(options_.first_port + p)});
    }
    n.alive = true;
    n.left = false;
    ++n.life;
    n.last_number = 0;
    n.paused_until = {};
    retired_.add(n.machine ? n.machine->counters() : membership_counters{});
    n.machine = std::make_unique<membership>(std::move(options), random_.fork());
    act(i, [](membership& m, time_point t, outbox& out) { m.start(t, out); });
  }

  void crash(std::size_t i) {
    trace(i, "crash");
    node& n = *nodes_[i];
    n.alive = false;
    ++n.life;
    n.timer_at = never;
    for (const auto& [id, l] : links_of(i)) drop(id, l, i);
  }

  void pause(std::size_t i, duration span) {
    trace(i, "pause for ms " + std::to_string(span.count() / 1'000'000));
    nodes_[i]->paused_until = now_ + span;
  }

  void leave(std::size_t i) {
    act(i, [](membership& m, time_point t, outbox& out) { m.leave(t, out); });
  }

  void drain(std::size_t i) {
    act(i, [](membership& m, time_point t, outbox& out) { m.drain(t, out); });
  }

  void cut(std::size_t a, std::size_t b) { cuts_.insert(pair_of(a, b)); }
  void cut_groups(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
    for (std::size_t x : a)
      for (std::size_t y : b) cut(x, y);
  }
  [[nodiscard]] bool healthy() const {
    return cuts_.empty() &&
           std::ranges::none_of(nodes_, [this](const auto& n) { return n->paused_until > now_; });
  }
  void heal() {
    cuts_.clear();
    for (auto& [id, l] : links_) flush(id, l);
  }
  void reset_links(std::size_t i) {
    for (const auto& [id, l] : links_of(i)) drop(id, l, nodes_.size());
  }

  template <class Call>
  void act(std::size_t i, Call call) {
    outbox out;
    call(*nodes_[i]->machine, local(i), out);
    perform(i, out);
  }

  void run_for(duration span) {
    run_until(now_ + span, [] { return false; });
  }
  /// True when the condition became true.
  bool run_until(time_point end, const std::function<bool()>& done) {
    while (!events_.empty() && events_.top().when <= end) {
      if (done()) return true;
      event next = events_.top();
      events_.pop();
      now_ = std::max(now_, next.when);
      next.run();
      ++steps_;
    }
    now_ = std::max(now_, end);
    return done();
  }
  bool run_until(duration limit, const std::function<bool()>& done) {
    return run_until(now_ + limit, done);
  }

 private:
  struct event {
    time_point when;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  struct message {
    std::size_t from;
    member_id sender;
    member_id receiver;
    wire::packet packet;
  };
  /// A connection, with the identities that its handshake established.
  struct link {
    std::size_t node[2];
    member_id id[2];
    time_point arrives[2]{};
    std::vector<message> stalled;
  };
  using pair = std::pair<std::size_t, std::size_t>;

  static pair pair_of(std::size_t a, std::size_t b) { return {std::min(a, b), std::max(a, b)}; }
  [[nodiscard]] bool is_cut(std::size_t a, std::size_t b) const {
    return cuts_.contains(pair_of(a, b));
  }
  void schedule(time_point when, std::function<void()> run) {
    events_.push({std::max(when, now_), ++order_, std::move(run)});
  }
  duration delay() {
    const auto range =
        static_cast<std::uint64_t>((options_.delay_max - options_.delay_min).count());
    return options_.delay_min + duration{static_cast<duration::rep>(random_.below(range + 1))};
  }
  /// Runs `call` on node i when it is awake, if it is still the same process.
  void at_node(std::size_t i, time_point when, std::function<void()> call) {
    const std::uint64_t life = nodes_[i]->life;
    schedule(when, [this, i, life, call = std::move(call)] {
      node& n = *nodes_[i];
      if (!n.alive || n.life != life) return;
      if (now_ < n.paused_until) return at_node(i, n.paused_until, call);
      call();
    });
  }

  std::vector<std::pair<std::uint64_t, link>> links_of(std::size_t i) const {
    std::vector<std::pair<std::uint64_t, link>> found;
    for (const auto& [id, l] : links_) {
      if (l.node[0] == i || l.node[1] == i) found.emplace_back(id, l);
    }
    return found;
  }
  std::uint64_t find_link(std::size_t from, const member_id& to) const {
    const auto at = by_peer_.find({from, to});
    return at == by_peer_.end() ? 0 : at->second;
  }

  /// Ends a connection; both ends but `silent` hear of it.
  void drop(std::uint64_t id, const link& l, std::size_t silent) {
    if (links_.erase(id) == 0) return;
    for (const int end : {0, 1}) {
      const std::size_t i = l.node[end];
      const member_id peer = l.id[1 - end];
      by_peer_.erase({i, peer});
      if (i == silent || !nodes_[i]->alive) continue;
      at_node(i, now_ + delay(), [this, i, peer] {
        if (find_link(i, peer) != 0) return;
        act(i, [&](membership& m, time_point t, outbox& out) {
          m.on_link_down(t, peer, loss::reset, out);
        });
      });
    }
  }

  void dial_address(std::size_t i, const endpoint& where) {
    const std::uint64_t life = nodes_[i]->life;
    const auto fail = [this, i, where](duration after, dial_failure why) {
      at_node(i, now_ + after, [this, i, where, why] {
        act(i, [&](membership& m, time_point t, outbox& out) {
          m.on_dial_failed(t, where, why, out);
        });
      });
    };
    const std::size_t target = static_cast<std::size_t>(where.port - options_.first_port);
    if (target >= nodes_.size()) return fail(delay(), dial_failure::refused);
    if (target == i) return fail(delay(), dial_failure::self);
    if (is_cut(i, target)) return fail(1s, dial_failure::unreachable);
    schedule(now_ + delay(), [this, i, target, where, life, fail] {
      if (!nodes_[i]->alive || nodes_[i]->life != life) return;
      if (!nodes_[target]->alive) return fail(delay(), dial_failure::refused);
      // The kernel of a stopped process accepts; then the handshake's deadline passes.
      if (now_ < nodes_[target]->paused_until) return fail(5s, dial_failure::unreachable);
      if (is_cut(i, target)) return fail(1s, dial_failure::unreachable);
      connect(i, target, where);
    });
  }

  void connect(std::size_t i, std::size_t target, const endpoint& where) {
    const member_id mine = machine(i).self();
    const member_id theirs = machine(target).self();
    if (find_link(i, theirs) == 0) {
      const std::uint64_t id = ++link_ids_;
      links_[id] = {{i, target}, {mine, theirs}, {now_, now_}, {}};
      by_peer_[{i, theirs}] = id;
      by_peer_[{target, mine}] = id;
      at_node(target, now_, [this, target, mine] {
        act(target, [&](membership& m, time_point t, outbox& out) {
          m.on_link_up(t, mine, std::nullopt, out);
        });
      });
    }
    at_node(i, now_ + delay(), [this, i, theirs, where] {
      if (find_link(i, theirs) == 0) return;
      act(i,
          [&](membership& m, time_point t, outbox& out) { m.on_link_up(t, theirs, where, out); });
      auto waiting = std::move(nodes_waiting_[{i, theirs}]);
      nodes_waiting_.erase({i, theirs});
      for (wire::packet& packet : waiting) transmit(i, theirs, std::move(packet));
    });
  }

  void transmit(std::size_t from, const member_id& to, wire::packet packet) {
    const std::uint64_t id = find_link(from, to);
    if (id == 0) {
      const auto& v = machine(from).current();
      const auto index = v ? v->find(to) : std::nullopt;
      if (!index) return;
      auto& waiting = nodes_waiting_[{from, to}];
      if (waiting.size() > 64) waiting.clear();
      waiting.push_back(std::move(packet));
      if (waiting.size() == 1 || random_.below(4) == 0) {
        dial_address(from, v->members[*index].address);
      }
      return;
    }
    ++sent_[packet.code];
    ++sent_total_;
    link& l = links_.at(id);
    const int end = l.node[0] == from ? 0 : 1;
    if (options_.resets > 0 && random_.one_in_million(options_.resets)) {
      return drop(id, link{l}, nodes_.size());
    }
    message m{from, l.id[end], l.id[1 - end], std::move(packet)};
    if (is_cut(l.node[0], l.node[1])) {
      if (l.stalled.empty()) {
        schedule(now_ + 2s + duration{static_cast<duration::rep>(random_.below(8'000'000'000))},
                 [this, id] {
                   const auto at = links_.find(id);
                   if (at != links_.end() && !at->second.stalled.empty()) {
                     drop(id, link{at->second}, nodes_.size());
                   }
                 });
      }
      l.stalled.push_back(std::move(m));
      return;
    }
    deliver(id, l, std::move(m));
  }

  void flush(std::uint64_t id, link& l) {
    auto stalled = std::move(l.stalled);
    l.stalled.clear();
    for (message& m : stalled) deliver(id, l, std::move(m));
  }

  void deliver(std::uint64_t id, link& l, message m) {
    const int end = l.node[0] == m.from ? 0 : 1;
    const std::size_t to = l.node[1 - end];
    l.arrives[end] = std::max(l.arrives[end] + 1ns, now_ + delay());
    auto shared = std::make_shared<message>(std::move(m));
    at_node(to, l.arrives[end], [this, id, to, shared] { receive(id, to, *shared); });
  }

  void receive(std::uint64_t id, std::size_t to, const message& m) {
    if (!links_.contains(id) && !closed_.contains(id)) return;
    if (machine(to).self() != m.receiver) return;
    wire::message_frame frame;
    frame.code = static_cast<std::uint8_t>(m.packet.code);
    frame.payload = m.packet.payload;
    wire::decode_error error{};
    act(to, [&](membership& machine, time_point t, outbox& out) {
      error = machine.on_message(t, m.sender, frame, out);
    });
    if (error != wire::decode_error::none) {
      violations_.push_back("refused message " + std::to_string(frame.code) + ": " +
                            std::string{wire::to_string(error)});
    }
  }

  /// The echo in a commit makes its receiver fresh: only who has authority may say so.
  void check_commit(std::size_t i, const wire::packet& packet,
                    const std::set<std::uint64_t>& passed) {
    wire::commit said;
    if (wire::decode(packet.payload, said) != wire::decode_error::none) {
      violations_.push_back("a commit that nobody can read");
    }
    const membership& from = machine(i);
    if (options_.quorum != quorum_mode::majority || said.echo == time_point{}) return;
    if (passed.contains(said.hash)) return;
    if (from.role() == member_role::coordinator && from.fence(local(i)) <= local(i)) {
      violations_.push_back("I15: a coordinator without authority confirms its view");
    }
  }

  /// Views that were installed and left again in one turn of a member: what it said in between
  /// cannot be judged by what it is now.
  static std::set<std::uint64_t> passed_views(const outbox& out) {
    std::set<std::uint64_t> passed;
    const view* last = nullptr;
    for (const effect& e : out) {
      const auto* v = std::get_if<view_installed>(&e);
      if (v == nullptr) continue;
      if (last != nullptr) passed.insert(last->hash);
      last = v->installed.get();
    }
    return passed;
  }

  void perform(std::size_t i, outbox& out) {
    const std::set<std::uint64_t> passed = passed_views(out);
    for (effect& e : out) {
      if (auto* v = std::get_if<view_installed>(&e)) trace(i, "installs " + names(*v->installed));
      if (std::holds_alternative<identity_changed>(e)) trace(i, "starts over");
      if (std::holds_alternative<left>(e)) trace(i, "left");
      if (std::holds_alternative<cluster::view_stable>(e)) trace(i, "stable");
      if (auto* l = std::get_if<cluster::log>(&e)) trace(i, l->record.event);
      if (auto* s = std::get_if<send>(&e); s && s->packet.code == wire::opcode::alert) {
        trace(i, "sends alert of " + std::to_string(s->packet.payload.size()) + " bytes to " +
                     to_string(s->to));
      }
      if (auto* s = std::get_if<send>(&e); s && s->packet.code == wire::opcode::kick) {
        trace(i, "sends kick to " + to_string(s->to));
      }
      if (auto* s = std::get_if<send>(&e); s && s->packet.code == wire::opcode::commit) {
        check_commit(i, s->packet, passed);
      }
      if (auto* s = std::get_if<send>(&e)) transmit(i, s->to, std::move(s->packet));
      if (auto* d = std::get_if<dial>(&e)) dial_address(i, d->where);
      if (auto* c = std::get_if<cluster::close>(&e)) {
        const std::uint64_t id = find_link(i, c->peer);
        if (id != 0) drop(id, link{links_.at(id)}, i);
      }
      if (auto* v = std::get_if<view_installed>(&e)) check_view(i, *v->installed);
      if (auto* c = std::get_if<cache_opened>(&e)) nodes_[i]->caches.push_back(*c);
      if (std::holds_alternative<drained>(e)) ++nodes_[i]->drained;
      if (auto* c = std::get_if<identity_changed>(&e)) {
        nodes_[i]->identities.push_back(c->self);
        for (const auto& [id, l] : links_of(i)) {
          closed_.insert(id);
          drop(id, l, i);
        }
        std::erase_if(nodes_waiting_, [&](const auto& entry) { return entry.first.first == i; });
      }
      if (std::holds_alternative<left>(e)) {
        nodes_[i]->left = true;
        // What was sent before it is still delivered.
        const std::uint64_t life = nodes_[i]->life;
        schedule(now_ + options_.delay_max * 2, [this, i, life] {
          if (nodes_[i]->life == life) crash(i);
        });
      }
    }
    arm(i);
    if (options_.check) check_fences();
  }

  void arm(std::size_t i) {
    node& n = *nodes_[i];
    const time_point next = n.machine->next_timeout();
    if (next == never) {
      n.timer_at = never;
      return;
    }
    const time_point when = std::max(now_, global(i, next));
    if (when == now_ && ++spins_ > 20000) {
      if (violations_.empty()) violations_.push_back("a timer that never ends");
      return;
    }
    if (when != now_) spins_ = 0;
    if (n.timer_at == when) return;
    n.timer_at = when;
    at_node(i, when, [this, i, when] {
      if (nodes_[i]->timer_at != when) return;
      nodes_[i]->timer_at = never;
      act(i, [](membership& m, time_point t, outbox& out) { m.on_timeout(t, out); });
    });
  }

  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t spins_ = 0;
  std::priority_queue<event> events_;
  std::uint64_t link_ids_ = 0;
  std::map<std::uint64_t, link> links_;
  std::map<std::pair<std::size_t, member_id>, std::uint64_t> by_peer_;
  std::map<std::pair<std::size_t, member_id>, std::vector<wire::packet>> nodes_waiting_;
  std::set<pair> cuts_;
  /// Closed in order by an end that changed its identity: what it had sent still arrives.
  std::set<std::uint64_t> closed_;
  std::map<wire::opcode, std::uint64_t> sent_;
  std::uint64_t sent_total_ = 0;
};

}  // namespace harness
