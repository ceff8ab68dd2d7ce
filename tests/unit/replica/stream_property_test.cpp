// Random histories of one stream against a reader that follows the rules of the protocol, with lost
// messages, lost sessions, slow acknowledgements, loss of interest and a small log. Whenever the
// reader has reason to believe that it missed nothing, its entry must be the owner's.
#include "owner_fixture.hpp"

#include <kith/core/random.hpp>

#include <map>
#include <optional>

using namespace kith;
using namespace kith::replica;

namespace {

struct history {
  owner o;
  random_source chance;
  /// The reader: what it keeps of the key, and where its stream stands.
  std::optional<sequence> entry;
  std::uint64_t contiguous = 0;
  bool suspect = false;
  bool connected = true;
  std::uint32_t sid = 11;
  /// The owner's truth: the newest version of the key.
  sequence newest;
  std::uint64_t believed = 0;
  bool listened = false;

  history(std::uint64_t seed, const replica_options& options) : o{options}, chance{seed} {}

  void drop_everything(std::uint64_t n) {
    entry.reset();
    contiguous = std::max(contiguous, n);
    suspect = false;
  }
  void apply(std::uint64_t first, const std::vector<wire::invalidation>& entries) {
    if (first > contiguous + 1) {
      suspect = true;
      return;
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (first + i <= contiguous) continue;
      contiguous = first + i;
      if (entry && *entry < entries[i].seq) entry.reset();
    }
  }
  void told_of(std::uint64_t n_last) {
    if (n_last > contiguous) {
      suspect = true;
      CHECK(o.ask_replay(anna, sid, contiguous + 1, n_last));
    } else if (connected) {
      suspect = false;
    }
  }
  void believe() {
    if (suspect || !entry) return;
    ++believed;
    REQUIRE(*entry == newest);
  }

  template <class Message>
  static Message read(const wire::packet& packet) {
    Message message;
    REQUIRE(wire::decode(packet.payload, message) == wire::decode_error::none);
    return message;
  }
  void deliver(const wire::packet& packet) {
    using wire::opcode;
    if (packet.sid != 0 && packet.sid != sid) return;
    const bool may_be_lost = packet.code == opcode::invalidate ||
                             packet.code == opcode::invalidate_all || packet.code == opcode::replay;
    if (may_be_lost && chance.below(8) == 0) return;
    if (packet.code == opcode::invalidate) {
      const auto m = read<wire::invalidate>(packet);
      apply(m.first.value(), m.entries);
    } else if (packet.code == opcode::invalidate_all) {
      const auto m = read<wire::invalidate_all>(packet);
      if (m.n.value() > contiguous) drop_everything(m.n.value());
    } else if (packet.code == opcode::replay) {
      const auto m = read<wire::replay>(packet);
      m.too_old ? drop_everything(m.first.value()) : apply(m.first.value(), m.entries);
    } else if (packet.code == opcode::subscribed) {
      const auto m = read<wire::subscribed>(packet);
      connected = true;
      m.reset ? drop_everything(m.n.value()) : told_of(m.n.value());
    } else if (packet.code == opcode::digest) {
      for (const auto& p : read<wire::digest>(packet).behind) told_of(p.n.value());
      if (connected) believe();
    } else if (packet.code == opcode::get_reply) {
      const auto m = read<wire::get_reply>(packet);
      told_of(m.n_last.value());
      if (m.cacheable && m.status == wire::get_status::hit && !suspect) entry = m.version.seq;
      if (connected) believe();
    }
  }
  /// Handling may make the owner send more.
  void deliver_all() {
    while (!o.out.empty()) {
      const outbox arrived = std::exchange(o.out, {});
      for (const effect& e : arrived) {
        const auto* s = std::get_if<wire::send>(&e);
        if (s != nullptr && s->to == anna && sid != 0) deliver(s->message);
      }
    }
  }
  void reconnect() {
    o.machine.on_session(o.now, anna, 0, o.out);
    o.clear();
    suspect = true;
    for (std::uint64_t i = chance.below(12); i > 0; --i) put();
    o.clear();
    o.machine.on_session(o.now, anna, ++sid, o.out);
    // A request of the old connection may be read late.
    if (chance.below(4) == 0) o.near_get(anna), listened = true;
    o.clear();
    connected = false;
    if (entry || chance.below(2) == 0) {
      listened = true;
      CHECK(o.subscribe(anna, sid, {contiguous}));
    } else {
      connected = true;
      CHECK(o.subscribe(anna, sid, {}));
    }
  }
  void put() {
    o.put(bert, "x");
    newest = newest.next();
  }
  void step() {
    switch (chance.below(10)) {
      case 0:
      case 1:
      case 2: put(); break;
      case 3: o.pass(1ms); break;
      case 4: o.near_get(anna), listened = true; break;
      case 5: CHECK(o.beat(anna, sid, o.now)); break;
      case 6: o.pass(chance.below(2) == 0 ? 100ms : 1s); break;
      case 7:
      case 8:
        // Nothing of the stream yet: nothing to acknowledge.
        if (listened) CHECK(o.ack(anna, sid, contiguous));
        break;
      case 9:
        if (chance.below(3) == 0) {
          reconnect();
        } else if (listened && chance.below(2) == 0) {
          entry.reset();
          CHECK(o.ack(anna, sid, contiguous, true));
        }
        break;
    }
    deliver_all();
  }
};

}  // namespace

TEST_CASE("stream: a reader that follows the rules never keeps what the owner replaced") {
  counters seen;
  std::uint64_t believed = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    replica_options options = options_of_home();
    options.log_entries = 6;
    options.backlog_keys = 4 + seed % 5;
    options.batch_keys = 3;
    history h{seed, options};
    // Where another one listens, the log goes on while the reader does not.
    if (seed % 2 == 0) h.o.near_get(bert);
    for (int i = 0; i < 300; ++i) h.step();
    const counters& c = h.o.counted();
    CHECK(c.violations == 0);
    seen.resumes += c.resumes;
    seen.resets += c.resets;
    seen.replays += c.replays;
    seen.replays_too_old += c.replays_too_old;
    seen.overflows_collapsed += c.overflows_collapsed;
    seen.unsubscriptions += c.unsubscriptions;
    believed += h.believed;
  }
  // A branch that no history took proves nothing.
  CHECK(seen.resumes > 0);
  CHECK(seen.resets > 0);
  CHECK(seen.replays > 0);
  CHECK(seen.replays_too_old > 0);
  CHECK(seen.overflows_collapsed > 0);
  CHECK(seen.unsubscriptions > 0);
  CHECK(believed > 1000);
}
