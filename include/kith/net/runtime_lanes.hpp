// A runtime's lanes: who drives them, and what their effects mean (runtime.hpp).
#pragma once

#include <kith/net/load_gathering.hpp>
#include <kith/net/places_by_lane.hpp>
#include <kith/net/runtime.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/opcode.hpp>

#include <boost/asio/post.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace kith::net {

/// Takes the messages out of `effects`, in their order.
[[nodiscard]] inline std::vector<wire::send> take_sends(node::lane::outbox& effects) {
  std::vector<wire::send> sends;
  for (node::lane_effect& effect : effects) {
    if (auto* one = std::get_if<wire::send>(&effect)) sends.push_back(std::move(*one));
  }
  return sends;
}

/// The request numbers that `request` carries: one, or those of a batch.
inline void append_rids(const wire::packet& request, std::vector<std::uint64_t>& to) {
  if (request.code != wire::opcode::batch) return to.push_back(request.rid);
  wire::batch all;
  KITH_ASSERT(wire::decode(request.payload, all) == wire::decode_error::none);
  for (const wire::batch_item& item : all.items) to.push_back(item.rid);
}

template <class Input>
bool runtime::drive(lane_slot& in, Input&& input, touched* later, joining join) {
  node::lane::outbox effects;
  touched written;
  time_point next = never;
  {
    const mutex_lock lock{in.mutex};
    if (in.stopped) return false;
    const time_point begun = now();
    in.machine.set_memory(begun, memory_.turn(node::lane_count));
    input(in.machine, begun, effects);
    const std::uint64_t owned = in.machine.owned().owned_bytes();
    memory_.change_owned(std::exchange(in.told_bytes, owned), owned);
    std::vector<wire::send> sends = take_sends(effects);
    note_answers(in, sends);
    note_changes(effects);
    if (join == joining::yes) sends = node::batched(std::move(sends));
    push_sends(in, std::move(sends), later != nullptr ? *later : written);
    next = in.machine.next_timeout();
  }
  written.flush();
  in.wake->arm(next);
  run_rest(in, effects);
  return true;
}

template <class Input>
void runtime::drive_all(Input&& input) {
  for (const auto& each : lanes_) drive(*each, input);
}

// With the lane's lock held: what it emits to one peer leaves in the order of emission. Where a
// link is full, what the lane asks of that peer goes back to it, and no later request overtakes it.
inline void runtime::push_sends(lane_slot& in, std::vector<wire::send>&& sends, touched& written) {
  std::map<member_id, std::vector<std::uint64_t>> held;
  for (wire::send& one : sends) {
    const bool request = wire::is_request(wire::kind_of(one.message.code, one.message.payload));
    const bool follows = request && !held.empty() && held.contains(one.to);
    if (!follows &&
        links_.push(one.to, std::move(one.message), written) != link_table::pushed::full) {
      continue;
    }
    append_rids(one.message, held[one.to]);
  }
  for (const auto& [peer, rids] : held) in.machine.on_held_back(peer, rids);
}

// With no lock held.
inline void runtime::run_rest(lane_slot& in, node::lane::outbox& effects) {
  for (node::lane_effect& effect : effects) {
    std::visit([&](auto& one) { this->carry(in, std::move(one)); }, effect);
  }
}

// Calls of this member's user.

inline void runtime::refuse(node::call&& what, errc why) {
  if (what.done == nullptr) return;
  node::outcome result;
  result.error = why;
  what.done->complete(std::move(result));
}

inline void runtime::submit(node::call&& what) {
  what.depth = workers_.depth_here();
  lane_slot& in = lane(what.partition);
  const bool taken =
      !closed() && drive(in, [&](node::lane& machine, time_point now, node::lane::outbox& out) {
        machine.submit(now, std::move(what), out);
      });
  if (!taken) refuse(std::move(what), errc::closed);
}

// One drive takes about drive_bytes, and no more than that is queued before it is written: so a
// lane sees in between how its requests leave, and what does not leave is not made.
inline void runtime::submit_many(std::vector<node::call>&& calls) {
  for (node::call& one : calls) one.depth = workers_.depth_here();
  std::optional<load_gathering::scope> together{std::in_place, loads_here()};
  const auto places = places_by_lane(calls);
  touched written;
  std::size_t queued = 0;
  for (std::uint32_t index = 0; index < node::lane_count; ++index) {
    const std::vector<std::size_t>& mine = places[index];
    for (std::size_t first = 0; first < mine.size();) {
      std::size_t last = first;
      for (std::size_t size = 0; last < mine.size() && size < drive_bytes; ++last) {
        size += calls[mine[last]].value.size();
        queued += calls[mine[last]].value.size();
      }
      const auto submit = [&](node::lane& machine, time_point now, node::lane::outbox& out) {
        for (std::size_t i = first; i < last; ++i) {
          machine.submit(now, std::move(calls[mine[i]]), out);
        }
      };
      if (closed() || !drive(*lanes_[index], submit, &written, joining::yes)) {
        for (std::size_t i = first; i < last; ++i) {
          refuse(std::move(calls[mine[i]]), errc::closed);
        }
      }
      first = last;
      if (queued < drive_bytes) continue;
      queued = 0;
      written.flush();
    }
  }
  written.flush();
  together.reset();
  post_gathered_loads();
}

// In turns, as each lane emits a part of what it holds back: until all have, or it is full again.
inline void runtime::send_held(connection& at) {
  const member_id peer = at.peer();
  touched written;
  std::uint32_t quiet = 0;
  while (quiet < node::lane_count && at.has_room()) {
    bool more = false;
    const std::uint32_t index = room_turn_.fetch_add(1, std::memory_order_relaxed);
    drive(
        *lanes_[index % node::lane_count],
        [&](node::lane& machine, time_point now, node::lane::outbox& out) {
          more = machine.on_room(now, peer, out);
        },
        &written, joining::yes);
    quiet = more ? 0 : quiet + 1;
  }
  written.flush();
}

inline void runtime::on_room(connection& at) {
  resume_parked(at);
  send_held(at);
}

inline void runtime::cancel(partition_id p, std::uint64_t cancel_id, node::cancelling how) {
  if (closed()) return;
  drive(lane(p), [&](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.cancel(now, cancel_id, how, out);
  });
}

inline void runtime::settle(partition_id p, std::uint64_t rid, const near::counted_cell& draft) {
  if (in_child()) return;
  drive(lane(p), [&](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.settle(now, rid, draft, out);
  });
}

template <class Visit>
void runtime::for_each_lane(Visit&& visit) {
  for (std::uint32_t index = 0; index < node::lane_count; ++index) read_lane(index, visit);
}

template <class Visit>
void runtime::read_lane(std::uint32_t index, Visit&& visit) {
  if (in_child()) return;
  lane_slot& in = *lanes_[index];
  const mutex_lock lock{in.mutex};
  visit(std::as_const(in.machine));
}

// Messages.

// What the messages of one receive answer is written at its end.
inline touched& runtime::read_here() {
  thread_local touched written;
  return written;
}

inline void runtime::on_batch_end(connection&) {
  read_here().flush();
  post_gathered_loads();
}

inline void runtime::on_message(connection& from, const wire::message_frame& frame) {
  counters_.messages.fetch_add(1, std::memory_order_relaxed);
  node::verdict said = node::verdict::fine;
  switch (wire::plane_of(frame.code)) {
    case wire::plane::control: return take_control(from, frame);
    case wire::plane::lane: said = take_data(from, frame); break;
    case wire::plane::unknown:
      if ((frame.flags & wire::flag::skippable) == 0) said = node::verdict::violation;
      break;
  }
  if (said != node::verdict::fine) on_bad_message(from, said);
}

// Effects.

inline std::shared_ptr<node::cache_hooks> runtime::hooks_of(cache_id id) {
  const mutex_lock lock{hooks_mutex_};
  const auto found = hooks_.find(id);
  return found == hooks_.end() ? nullptr : found->second;
}

inline void runtime::carry(lane_slot&, node::claim_rows&& one) {
  boost::asio::post(threads_.home(), [this, said = std::move(one)]() mutable {
    turn([&](node::control& machine, time_point now, node::control::outbox& out) {
      machine.on_claims(now, said.view, std::move(said.claims), out);
    });
  });
}

inline void runtime::carry(lane_slot&, node::pull_view&& one) {
  boost::asio::post(threads_.home(), [this, from = one.from] {
    turn([from](node::control& machine, time_point now, node::control::outbox& out) {
      machine.on_newer_view(now, from, out);
    });
  });
}

inline std::vector<std::shared_ptr<node::cache_hooks>> runtime::caches() const {
  std::vector<std::shared_ptr<node::cache_hooks>> open;
  const mutex_lock lock{hooks_mutex_};
  for (const auto& [id, hooks] : hooks_) open.push_back(hooks);
  return open;
}

template <class Done>
void runtime::post_load(cache_id cache, bytes&& key, std::uint32_t depth, const Done& done) {
  const auto hooks = hooks_of(cache);
  if (loads_here().open() && hooks != nullptr && hooks->load_many_max() > 0) {
    return loads_here().add(cache, hooks, std::move(key), depth, done);
  }
  auto load = [hooks, key = std::move(key), done] {
    // Between a merge and the cache's opening: that is no answer about the row.
    done(hooks != nullptr ? hooks->load(key)
                          : replica::load_result{replica::load_failure{"the cache is not open"}});
  };
  if (workers_.post(std::move(load), depth)) return;
  counters_.jobs_refused.fetch_add(1, std::memory_order_relaxed);
  done(replica::load_failure{"too many loads wait"});
}

inline load_gathering& runtime::loads_here() {
  thread_local load_gathering gathered;
  return gathered;
}

// With no lock held.
inline void runtime::post_gathered_loads() {
  if (loads_here().empty()) return;
  for (load_batch& each : loads_here().take()) {
    const std::uint32_t depth = each.depth;
    const auto batch = std::make_shared<load_batch>(std::move(each));
    if (workers_.post([batch] { batch->run(); }, depth)) continue;
    counters_.jobs_refused.fetch_add(1, std::memory_order_relaxed);
    batch->fail("too many loads wait");
  }
}

inline void runtime::carry(lane_slot& in, node::load_here&& one) {
  const auto done = [self = shared_from_this(), &in, rid = one.rid](replica::load_result&& result) {
    self->drive(in, [&](node::lane& machine, time_point now, node::lane::outbox& out) {
      machine.on_loaded_here(now, rid, std::move(result), out);
    });
  };
  post_load(one.cache, std::move(one.key), one.depth, done);
}

inline void runtime::carry(lane_slot& in, replica::run_load&& one) {
  const auto done = [self = shared_from_this(), &in,
                     ticket = one.ticket](replica::load_result&& result) {
    self->drive(in, [&](node::lane& machine, time_point now, node::lane::outbox& out) {
      machine.on_load_done(now, ticket, std::move(result), out);
    });
  };
  post_load(one.cache, std::move(one.key), one.depth, done);
}

template <class Done>
void runtime::post_processor(replica::run_processor&& one, const Done& done) {
  const std::uint32_t depth = one.depth;
  auto process = [hooks = hooks_of(one.cache), job = std::move(one), done] {
    done(hooks != nullptr ? hooks->process(job)
                          : replica::processor_result{replica::processor_unknown{}});
  };
  if (workers_.post(std::move(process), depth)) return;
  counters_.jobs_refused.fetch_add(1, std::memory_order_relaxed);
  done(replica::processor_failure{"too many processors wait"});
}

inline void runtime::carry(lane_slot& in, replica::run_processor&& one) {
  const auto done = [self = shared_from_this(), &in,
                     ticket = one.ticket](replica::processor_result&& result) {
    self->drive(in, [&](node::lane& machine, time_point now, node::lane::outbox& out) {
      machine.on_processor_done(now, ticket, std::move(result), out);
    });
  };
  post_processor(std::move(one), done);
}

inline void runtime::carry(lane_slot& in, replica::run_write&& one) {
  const std::uint32_t depth = one.depth;
  const auto done = [self = shared_from_this(), &in,
                     ticket = one.ticket](replica::write_result&& result) {
    self->drive(in, [&](node::lane& machine, time_point now, node::lane::outbox& out) {
      machine.on_write_done(now, ticket, std::move(result), out);
    });
  };
  auto write = [hooks = hooks_of(one.cache), job = std::move(one), done] {
    done(hooks != nullptr
             ? hooks->write(job)
             : replica::write_unavailable{"the owner of the key has not opened the cache"});
  };
  if (workers_.post(std::move(write), depth)) return;
  counters_.jobs_refused.fetch_add(1, std::memory_order_relaxed);
  done(replica::write_unavailable{"too many writes wait"});
}

inline void runtime::carry(lane_slot& in, node::process_here&& one) {
  const auto done = [self = shared_from_this(), &in,
                     rid = one.rid](replica::processor_result&& result) {
    self->drive(in, [&](node::lane& machine, time_point now, node::lane::outbox& out) {
      machine.on_processed_here(now, rid, std::move(result), out);
    });
  };
  post_processor(std::move(one.run), done);
}

}  // namespace kith::net
