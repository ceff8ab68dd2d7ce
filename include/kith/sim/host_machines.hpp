// A host's machines: life and death, time, and what their effects mean (host.hpp).
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell_store.hpp>
#include <kith/node/batching.hpp>
#include <kith/sim/host.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace kith::sim {

inline host::host(scheduler& time, network& net, host_options options)
    : time_{time}, network_{net}, options_{std::move(options)}, index_{net.add_host(this)} {}

inline void host::start(const member_id& id, std::uint64_t seed) {
  KITH_ASSERT(node_ == nullptr);
  ++life_;
  random_seed_ = seed;
  random_source random{seed};
  clock_.start(time_.now(), duration{random.below(1'000'000'000'000)}, options_.clock_gains_ppm);
  next_sid_ = static_cast<std::uint32_t>(random.below(1u << 30));
  cluster::membership_options membership = options_.membership;
  membership.self.id = id;
  identities_.insert(id);
  node_ = std::make_unique<machines>(membership, random.next());
  for (std::uint32_t i = 0; i < node::lane_count; ++i) {
    node::lane_options lane = options_.lane;
    lane.replica.lane = lane.near.lane = i;
    lane.replica.lanes = lane.near.lanes = node::lane_count;
    lane.replica.salt = random.next();
    node_->lanes.push_back(std::make_unique<node::lane>(i, id, gates_, lane));
  }
  lanes_due_.assign(node::lane_count, never);
  left_ = drained_ = paused_ = false;
  gates_.cut_off.store(false, std::memory_order_release);
  armed_for_ = never;
  network_.up(index_);
  when_awake([this] {
    node::control::outbox out;
    control().start(now(), out);
    run(out);
  });
}

inline void host::crash(bool silently) {
  ++life_;
  if (clock_.stands()) clock_.go_on(time_.now());
  network_.down(index_, silently);
  connections_.clear();
  links_.clear();
  dials_.clear();
  waiting_packets_.clear();
  view_ = nullptr;
  waiting_inputs_.clear();
  answers_.clear();
  gathered_.reset();
  paused_ = false;
  // Callers in the process are gone with it; the handles outside of the simulation are told.
  const std::unique_ptr<machines> over = std::exchange(node_, nullptr);
  end_decoding();
  if (over == nullptr) return;
  for (const auto& lane : over->lanes) {
    node::lane::outbox out;
    lane->fail_all(now(), errc::closed, out);
    for (node::lane_effect& effect : out) {
      if (auto* done = std::get_if<node::complete>(&effect)) {
        done->done->complete(std::move(done->result));
      }
    }
  }
  for (std::uint32_t p = 0; p < partition_count; ++p) gates_.flush(static_cast<partition_id>(p));
  hooks_.clear();
  cache_ids_.clear();
}

inline void host::stand(duration length, clock_meanwhile clock) {
  if (paused_ || node_ == nullptr) return;
  paused_ = true;
  if (clock == clock_meanwhile::stands) clock_.stop(time_.now());
  time_.after(length, [this, life = life_, clock] {
    if (life != life_) return;
    paused_ = false;
    if (clock == clock_meanwhile::stands) clock_.go_on(time_.now());
    // What waited is read in one go, as after SIGCONT.
    while (!waiting_inputs_.empty() && !paused_ && life == life_) {
      const auto input = std::move(waiting_inputs_.front());
      waiting_inputs_.pop_front();
      input();
      after_input();
    }
    if (life == life_) arm();
  });
}

inline void host::leave() {
  when_awake([this] {
    for (const auto& lane : node_->lanes) {
      node::lane::outbox out;
      lane->retire(now(), out);
      run(*lane, out);
    }
    node::control::outbox out;
    control().leave(now(), out);
    run(out);
  });
}

inline void host::drain() {
  when_awake([this] {
    node::control::outbox out;
    control().drain(now(), out);
    run(out);
  });
}

inline void host::press(const store::memory_state& state) {
  when_awake([this, state] {
    for (const auto& lane : node_->lanes) lane->set_memory(now(), state);
    if (state.pressure < store::pressure::shrink_near) return;
    for (const auto& [id, hooks] : hooks_) {
      near::table* const table = hooks->near_table();
      if (table != nullptr) table->shrink(now(), UINT64_MAX, store::evictions_a_turn);
    }
  });
}

inline void host::when_awake(std::function<void()> input) {
  if (node_ == nullptr) return;
  if (paused_) {
    waiting_inputs_.push_back(std::move(input));
    return;
  }
  input();
  after_input();
}

inline void host::after_input() {
  if (node_ != nullptr) arm();
}

/// One event wakes the host for the earliest deadline of all its machines.
inline void host::arm() {
  time_point earliest = control().next_timeout();
  for (const time_point due : lanes_due_) earliest = std::min(earliest, due);
  if (earliest >= armed_for_ || earliest >= never) return;
  // Before the zero of the host's clock there is nothing: on another clock it would wrap around.
  KITH_ASSERT(earliest >= time_point{});
  armed_for_ = earliest;
  const time_point when = clock_.first(earliest) + options_.tick_delay();
  time_.at(when, [this, life = life_, earliest] {
    if (life != life_ || armed_for_ != earliest) return;
    armed_for_ = never;
    when_awake([this] { on_wake(); });
  });
}

inline void host::note_due(const node::lane& of) {
  for (std::size_t i = 0; i < lanes_due_.size(); ++i) {
    if (node_->lanes[i].get() == &of) lanes_due_[i] = of.next_timeout();
  }
}

inline void host::on_wake() {
  if (control().next_timeout() <= now()) {
    node::control::outbox out;
    control().on_timeout(now(), out);
    run(out);
  }
  for (std::size_t i = 0; i < lanes_due_.size(); ++i) {
    if (lanes_due_[i] > now()) continue;
    const auto& lane = node_->lanes[i];
    node::lane::outbox out;
    lane->on_timeout(now(), out);
    run(*lane, out);
    if (node_ == nullptr) return;
  }
}

inline void host::submit(node::call&& what) {
  if (node_ == nullptr) {
    node::outcome result;
    result.error = errc::closed;
    if (what.done != nullptr) what.done->complete(std::move(result));
    return;
  }
  when_awake([this, shared = std::make_shared<node::call>(std::move(what))] {
    node::lane& in = lane(shared->partition);
    node::lane::outbox out;
    in.submit(now(), std::move(*shared), out);
    run(in, out);
  });
}

inline void host::submit_many(std::vector<node::call>&& calls) {
  if (node_ == nullptr || paused_) {
    for (node::call& one : calls) submit(std::move(one));
    return;
  }
  begin_batch();
  for (node::call& one : calls) submit(std::move(one));
  end_batch();
}

inline void host::carry(node::lane&, wire::send&& one) {
  if (gathered_) {
    gathered_->push_back(std::move(one));
  } else {
    send(one.to, one.message);
  }
}

inline void host::end_batch() {
  if (!gathered_) return;
  std::vector<wire::send> sends = std::move(*gathered_);
  gathered_.reset();
  for (const wire::send& one : node::batched(std::move(sends))) send(one.to, one.message);
}

inline void host::cancel(partition_id p, std::uint64_t cancel_id, node::cancelling how) {
  when_awake([this, p, cancel_id, how] {
    node::lane& in = lane(p);
    node::lane::outbox out;
    in.cancel(now(), cancel_id, how, out);
    run(in, out);
  });
}

inline void host::settle(partition_id p, std::uint64_t rid, near::counted_cell draft) {
  when_awake([this, p, rid, draft = std::move(draft)] {
    node::lane& in = lane(p);
    node::lane::outbox out;
    in.settle(now(), rid, draft, out);
    run(in, out);
  });
}

inline void host::open(const node::open_request& request) {
  answers_.erase(request.agreed.name);
  when_awake([this, request] {
    node::control::outbox out;
    control().open(now(), request, out);
    run(out);
  });
}

inline void host::set_cache_bytes(const std::string& name, std::uint64_t max_bytes) {
  when_awake([this, name, max_bytes] {
    node::control::outbox out;
    control().set_cache_bytes(name, max_bytes, out);
    run(out);
  });
}

inline std::optional<node::open_answered> host::answer_of(const std::string& name) const {
  const auto found = answers_.find(name);
  if (found == answers_.end()) return std::nullopt;
  return found->second;
}

inline std::optional<cache_id> host::cache_named(const std::string& name) const {
  const auto found = cache_ids_.find(name);
  if (found == cache_ids_.end()) return std::nullopt;
  return found->second;
}

inline std::shared_ptr<node::cache_hooks> host::hooks_of(cache_id id) const {
  const auto found = hooks_.find(id);
  return found == hooks_.end() ? nullptr : found->second;
}

// Effects.

inline void host::run(node::control::outbox& effects) {
  gates_.set_standing(control().freshness(now()), control().fence(now()));
  for (node::control_effect& effect : std::exchange(effects, {})) {
    std::visit([this](auto& one) { carry(std::move(one)); }, effect);
  }
}

inline void host::run(node::lane& in, node::lane::outbox& effects) {
  note_due(in);
  for (node::lane_effect& effect : std::exchange(effects, {})) {
    std::visit([&](auto& one) { carry(in, std::move(one)); }, effect);
  }
}

inline void host::carry(cluster::view_stable&& one) {
  for (const auto& lane : node_->lanes) lane->on_stable(one.key);
}

inline void host::carry(node::install_view&& one) {
  if (options_.view_changed) options_.view_changed(one.view);
  view_ = one.view;
  for (const auto& lane : node_->lanes) {
    node::lane::outbox out;
    lane->on_view(now(), *one.view, one.target.get(), out);
    run(*lane, out);
  }
}

inline void host::carry(node::open_in_lanes&& one) {
  hooks_[one.settings.id] = one.hooks;
  cache_ids_[one.settings.name] = one.settings.id;
  for (const auto& lane : node_->lanes) {
    lane->open_cache(one.settings, one.hooks->near_table());
    note_due(*lane);
  }
}

inline void host::carry(node::resize_in_lanes&& one) {
  for (const auto& lane : node_->lanes) {
    lane->set_cache_bytes(one.cache, one.max_bytes);
    note_due(*lane);
  }
}

inline void host::carry(node::reset_lanes&& one) {
  identities_.insert(one.self);
  for (auto& [id, c] : connections_) network_.close(id, index_);
  connections_.clear();
  links_.clear();
  dials_.clear();
  waiting_packets_.clear();
  end_decoding();
  hooks_.clear();
  cache_ids_.clear();
  for (const auto& lane : node_->lanes) {
    node::lane::outbox out;
    lane->on_identity(now(), one.self, out);
    run(*lane, out);
  }
}

inline void host::carry(node::tell_quorum&& one) {
  gates_.cut_off.store(one.lost, std::memory_order_release);
  for (const auto& lane : node_->lanes) {
    node::lane::outbox out;
    lane->on_quorum(now(), one.lost, out);
    run(*lane, out);
  }
}

inline void host::carry(node::tell_cut&& one) {
  for (const auto& lane : node_->lanes) lane->on_cut(now(), one.cut);
}

inline void host::carry(node::lane&, node::complete&& one) {
  time_.note(static_cast<std::uint64_t>(one.result.error.value()));
  const duration decoding = one.result.fill ? options_.decode_time() : duration{};
  if (decoding <= duration{}) return one.done->complete(std::move(one.result));
  const std::uint64_t id = ++last_decoding_;
  decoding_.emplace(id, std::move(one));
  time_.after(decoding, [this, life = life_, id] {
    if (life != life_) return;
    when_awake([this, id] {
      const auto found = decoding_.find(id);
      if (found == decoding_.end()) return;
      node::complete decoded = std::move(found->second);
      decoding_.erase(found);
      decoded.done->complete(std::move(decoded.result));
    });
  });
}

inline void host::end_decoding() {
  for (auto& [id, one] : std::exchange(decoding_, {})) one.done->complete(std::move(one.result));
}

inline void host::carry(node::lane&, node::claim_rows&& one) {
  node::control::outbox out;
  control().on_claims(now(), one.view, std::move(one.claims), out);
  run(out);
}

inline void host::carry(node::lane&, node::pull_view&& one) {
  node::control::outbox out;
  control().on_newer_view(now(), one.from, out);
  run(out);
}

[[nodiscard]] inline replica::load_result load_by(node::cache_hooks* hooks, byte_view key) {
  if (hooks == nullptr) return replica::load_failure{"the cache is not open"};
  return hooks->load(key);
}

inline void host::carry(node::lane& in, node::load_here&& one) {
  const auto hooks = hooks_of(one.cache);
  time_.after(options_.load_time(), [this, &in, life = life_, hooks, one = std::move(one)] {
    if (life != life_) return;
    when_awake([this, &in, hooks, one] {
      replica::load_result loaded = load_by(hooks.get(), one.key);
      node::lane::outbox out;
      in.on_loaded_here(now(), one.rid, std::move(loaded), out);
      run(in, out);
    });
  });
}

inline void host::carry(node::lane&, replica::change_notice&& one) {
  const auto hooks = hooks_of(one.cache);
  if (hooks == nullptr) return;
  hooks->note_change(one);
  hooks->tell_listeners();
}

/// The loader reads at the start and its result arrives later: what the races are about.
inline void host::carry(node::lane& in, replica::run_load&& one) {
  const auto hooks = hooks_of(one.cache);
  auto result = std::make_shared<replica::load_result>(load_by(hooks.get(), one.key));
  time_.after(options_.load_time(), [this, &in, life = life_, ticket = one.ticket, result] {
    if (life != life_) return;
    when_awake([this, &in, ticket, result] {
      node::lane::outbox out;
      in.on_load_done(now(), ticket, std::move(*result), out);
      run(in, out);
    });
  });
}

template <class Done>
void host::process_later(node::lane& in, replica::run_processor&& one, Done done) {
  const auto hooks = hooks_of(one.cache);
  time_.after(duration{1000}, [this, &in, life = life_, hooks, one = std::move(one), done] {
    if (life != life_) return;
    when_awake([this, &in, hooks, one, done] {
      replica::processor_result result =
          hooks != nullptr ? hooks->process(one)
                           : replica::processor_result{replica::processor_unknown{}};
      node::lane::outbox out;
      done(in, std::move(result), out);
      run(in, out);
    });
  });
}

inline void host::carry(node::lane& in, replica::run_processor&& one) {
  const auto ticket = one.ticket;
  process_later(in, std::move(one), [this, ticket](auto& lane, auto&& result, auto& out) {
    lane.on_processor_done(now(), ticket, std::move(result), out);
  });
}

/// The store has it at the start, and the owner hears of it later, if it lives.
inline void host::carry(node::lane& in, replica::run_write&& one) {
  const auto hooks = hooks_of(one.cache);
  auto result = std::make_shared<replica::write_result>(
      hooks != nullptr
          ? hooks->write(one)
          : replica::write_unavailable{"the owner of the key has not opened the cache"});
  time_.after(options_.load_time(), [this, &in, life = life_, ticket = one.ticket, result] {
    if (life != life_) return;
    when_awake([this, &in, ticket, result] {
      node::lane::outbox out;
      in.on_write_done(now(), ticket, std::move(*result), out);
      run(in, out);
    });
  });
}

inline void host::carry(node::lane& in, node::process_here&& one) {
  process_later(in, std::move(one.run),
                [this, rid = one.rid](auto& lane, auto&& result, auto& out) {
                  lane.on_processed_here(now(), rid, std::move(result), out);
                });
}

}  // namespace kith::sim
