// One member of three, whose peers say what a script tells them to: its real membership among real
// others, and one of its lanes with a near cache. What the membership does is carried out in the
// small world of the unit tests; of what the lane sends, request numbers are kept, so that a script
// can answer them.
#pragma once

#include <fuzz/fail.hpp>
#include <unit/cluster/harness.hpp>

#include <kith/core/stable_hash.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/node/lane.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fuzz {

using namespace kith;
using namespace std::chrono_literals;

/// A call of the member's own users: told once, whatever peers say.
struct own_call final : node::completion {
  void complete(node::outcome&& result) noexcept override {
    ++times;
    fill = result.fill;
    version = result.version;
  }
  int times = 0;
  std::uint64_t hash = 0;
  std::string key;
  kith::version version;
  std::optional<std::uint64_t> fill;
};

/// later_life: who says to be the peer's process after a restart.
enum class speaker : std::uint8_t { peer, other, stranger, later_life };
enum class session_of : std::uint8_t { none, present, another };

class victim {
 public:
  static constexpr std::size_t me = 0;
  static constexpr cache_id cache{7};

  explicit victim(bool majority) : world_{options_of(majority)} {
    for (int i = 0; i < 3; ++i) world_.add();
    const bool formed = world_.run_until(10s, [&] { return world_.one_view(world_.living()); });
    expect(formed, "three members do not become a cluster");
    world_.run_for(1s);
    self_ = world_.machine(me).self();
    binding_->id.store(static_cast<std::uint32_t>(cache));
    binding_->max_staleness = 3s;
    replica::cache_settings settings;
    settings.id = cache;
    lane_ = std::make_unique<node::lane>(0, self_, *gates_, node::lane_options{});
    lane_->open_cache(settings, &near_);
    follow();
    for (const speaker who : {speaker::peer, speaker::other}) session(who, true);
  }

  [[nodiscard]] const cluster::view& view() { return *world_.machine(me).current(); }
  [[nodiscard]] member_id id(speaker who) {
    if (who == speaker::stranger) return {77, 77, 1};
    member_id known = world_.machine(who == speaker::other ? 2 : 1).self();
    if (who == speaker::later_life) ++known.incarnation;
    return known;
  }
  /// The session with `who`, 0 where there is none.
  [[nodiscard]] std::uint32_t sid(speaker who) const {
    return sids_[static_cast<std::size_t>(who)];
  }
  /// The partitions of the lane, and a key of it.
  [[nodiscard]] static partition_id partition(std::size_t n) {
    return static_cast<partition_id>(n * node::lane_count % partition_count);
  }
  [[nodiscard]] static const std::string& key(std::size_t n);

  /// A mutation is a put, and an invoke where it is not near.
  void call(node::call_kind kind, bool near, std::size_t key);
  void tell(speaker who, wire::message_frame frame);
  /// A session with `who` ends, and another begins.
  void session(speaker who, bool begins);
  void wait(duration time);
  /// What the `n`th newest request asked for, or `n`.
  [[nodiscard]] std::uint64_t rid(std::size_t n) const {
    return n < asked_.size() ? asked_[asked_.size() - 1 - n] : n;
  }
  /// Lets the time of all calls pass: each was told, once.
  void finish();

 private:
  static harness::world_options options_of(bool majority) {
    harness::world_options options;
    options.quorum = majority ? cluster::quorum_mode::majority : cluster::quorum_mode::none;
    options.expect = 3;
    options.drift = 0;
    options.ports = 3;
    options.check = false;  // the peers lie
    return options;
  }

  /// Runs `input(now, outbox)` on the lane and carries out what it wants.
  template <class Input>
  void drive(Input&& input) {
    world_.act(me, [&](cluster::membership& machine, time_point now, cluster::outbox&) {
      now_ = now;
      gates_->coordinator_fresh = machine.freshness(now).time_since_epoch().count();
    });
    node::lane::outbox out;
    input(now_, out);
    while (!out.empty()) {
      for (auto& effect : std::exchange(out, {})) {
        std::visit([&](auto& one) { carry(one, out); }, effect);
      }
    }
  }
  void carry(wire::send& one, node::lane::outbox&) {
    if (wire::is_request(one.message.code)) asked_.push_back(one.message.rid);
  }
  void carry(node::complete& one, node::lane::outbox& out);
  void carry(node::load_here& one, node::lane::outbox& out) {
    lane_->on_loaded_here(now_, one.rid, replica::not_found{}, out);
  }
  void carry(replica::run_load& one, node::lane::outbox& out) {
    lane_->on_load_done(now_, one.ticket, replica::not_found{}, out);
  }
  void carry(replica::run_processor& one, node::lane::outbox& out) {
    lane_->on_processor_done(now_, one.ticket, replica::processor_unknown{}, out);
  }
  void carry(replica::run_write& one, node::lane::outbox& out) {
    lane_->on_write_done(now_, one.ticket, replica::written{}, out);
  }
  void carry(node::process_here& one, node::lane::outbox& out) {
    lane_->on_processed_here(
        now_, one.rid, replica::processed{replica::processor_action::set, to_bytes("a value"), {}},
        out);
  }
  void carry(replica::change_notice&, node::lane::outbox&) {}
  void carry(node::claim_rows& one, node::lane::outbox&) {
    world_.act(me, [&](cluster::membership& machine, time_point now, cluster::outbox& out) {
      machine.claim_rows(now, one.view, std::move(one.claims), out);
    });
  }
  void carry(node::pull_view& one, node::lane::outbox&) {
    world_.act(me, [&](cluster::membership& machine, time_point now, cluster::outbox& out) {
      machine.on_newer_view(now, one.from, out);
    });
  }
  /// The lane learns what the membership decided.
  void follow();

  harness::world world_;
  member_id self_;
  time_point now_{};
  wire::view_key followed_;
  std::uint32_t last_sid_ = 10;
  /// By speaker.
  std::array<std::uint32_t, 4> sids_{};
  std::unique_ptr<near::gates> gates_ = std::make_unique<near::gates>();
  near::near_cache<std::string, std::string> near_{{.bytes_max = 1 << 16, .salt = 9}, *gates_};
  std::unique_ptr<node::lane> lane_;
  std::shared_ptr<node::cache_binding> binding_ = std::make_shared<node::cache_binding>();
  std::vector<std::unique_ptr<own_call>> calls_;
  std::vector<std::uint64_t> asked_;
};

// --- implementation ---

inline const std::string& victim::key(std::size_t n) {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> all;
    for (int i = 0; all.size() < 16; ++i) {
      std::string one = "k" + std::to_string(i);
      if (node::lane_of(partition_of(stable_hash(as_bytes(one)))) == 0) all.push_back(one);
    }
    return all;
  }();
  return keys[n % keys.size()];
}

inline void victim::carry(node::complete& one, node::lane::outbox& out) {
  auto* const told = static_cast<own_call*>(one.done);
  told->complete(std::move(one.result));
  if (!told->fill) return;
  const near::entry_terms terms{.hash = told->hash, .version = told->version, .charge = 100};
  lane_->settle(now_, *told->fill, near_.draft(terms, told->key, "a value"), out);
}

inline void victim::call(node::call_kind kind, bool near, std::size_t key) {
  calls_.push_back(std::make_unique<own_call>());
  own_call& told = *calls_.back();
  told.key = victim::key(key);
  told.hash = stable_hash(as_bytes(told.key));
  node::call what;
  what.kind = kind;
  what.cache = binding_;
  what.key_hash = told.hash;
  what.partition = partition_of(told.hash);
  what.done = &told;
  what.near = near;
  what.timeout = 5s;
  if (kind != node::call_kind::count) what.key = to_bytes(told.key);
  if (kind == node::call_kind::mutate) {
    what.value = to_bytes("a value");
    if (!near) {
      what.mutation = wire::mutation::invoke;
      what.processor = "a processor";
    }
  }
  drive([&](time_point now, node::lane::outbox& out) {
    what.deadline = now + what.timeout;
    lane_->submit(now, std::move(what), out);
  });
}

inline void victim::tell(speaker who, wire::message_frame frame) {
  const member_id from = id(who);
  if (wire::plane_of(frame.code) == wire::plane::control) {
    world_.act(me, [&](cluster::membership& machine, time_point now, cluster::outbox& out) {
      static_cast<void>(machine.on_message(now, from, frame, out));
    });
    return follow();
  }
  if (wire::plane_of(frame.code) != wire::plane::lane) return;
  node::verdict said = node::verdict::fine;
  drive([&](time_point now, node::lane::outbox& out) {
    said = lane_->on_message(now, from, sid(who), frame, out);
  });
  // The driver closes the connection; the peer comes again.
  if (said == node::verdict::fine) return;
  session(who, false);
  session(who, true);
}

inline void victim::session(speaker who, bool begins) {
  const std::uint32_t sid = begins ? ++last_sid_ : 0;
  sids_[static_cast<std::size_t>(who)] = sid;
  drive(
      [&](time_point now, node::lane::outbox& out) { lane_->on_session(now, id(who), sid, out); });
}

inline void victim::follow() {
  cluster::membership& machine = world_.machine(me);
  if (machine.self() != self_) {
    self_ = machine.self();
    drive([&](time_point now, node::lane::outbox& out) { lane_->on_identity(now, self_, out); });
    replica::cache_settings settings;
    settings.id = cache;
    lane_->open_cache(settings, &near_);
    followed_ = {};
  }
  if (machine.current() == nullptr || machine.current()->key == followed_) return;
  followed_ = machine.current()->key;
  const cluster::placement target = cluster::target_of(*machine.current());
  drive([&](time_point now, node::lane::outbox& out) {
    lane_->on_view(now, *world_.machine(me).current(), &target, out);
  });
}

inline void victim::wait(duration time) {
  world_.run_for(time);
  follow();
  drive([&](time_point now, node::lane::outbox& out) {
    for (int turns = 0; lane_->next_timeout() <= now; ++turns) {
      expect(turns < 10'000, "a timer that never ends");
      lane_->on_timeout(now, out);
    }
  });
}

inline void victim::finish() {
  for (int i = 0; i < 30; ++i) wait(500ms);
  for (const auto& one : calls_) expect(one->times == 1, "a call is not told, or not once");
}

}  // namespace fuzz
