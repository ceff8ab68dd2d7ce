// How a runtime begins and ends (runtime.hpp).
#pragma once

#include <kith/net/addresses.hpp>
#include <kith/net/runtime.hpp>
#include <kith/net/system_random.hpp>

#include <boost/asio/post.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace kith::net {

/// What two members must have alike before their first frame.
[[nodiscard]] inline std::uint64_t config_hash(cluster::quorum_mode quorum,
                                               const cluster::membership_timers& timers,
                                               duration lease) {
  std::uint64_t hash = stable_hash_combine(stable_hash_word(partition_count), node::lane_count);
  hash = stable_hash_combine(hash, static_cast<std::uint64_t>(quorum));
  for (const duration each : {timers.heartbeat, timers.fence, timers.ack_timeout, lease}) {
    hash = stable_hash_combine(hash, static_cast<std::uint64_t>(each.count()));
  }
  return hash;
}

/// How often it is asked whether stores were written, where a member ends.
inline constexpr std::chrono::milliseconds write_look{2};

inline std::shared_ptr<runtime> runtime::make(runtime_options options) {
  return {new runtime{std::move(options)}, [](const runtime* over) {
            if (!over->in_child()) delete over;
          }};
}

inline runtime::runtime(runtime_options options)
    : options_{std::move(options)},
      log_{options_.log},
      threads_{options_.io_threads},
      handlers_{std::make_shared<handler_queue>(threads_.home())},
      listener_{std::make_shared<listener>(threads_.home(), options_.listen)},
      discovery_{std::make_shared<discovery>(threads_.home(), options_.membership.candidates,
                                             options_.discovery, options_.lookup, log_)},
      membership_{membership_options()},
      workers_{options_.workers},
      links_{threads_, make_link_options(), *this},
      control_{membership_, random_source{system_random()}},
      control_wake_{std::make_shared<alarm>(threads_.home(),
                                            [this] {
                                              on_control_due();
                                              return control_.next_timeout();
                                            })},
      self_{membership_.self.id} {
  make_lanes();
  memory_wake_ = std::make_shared<alarm>(threads_.home(), [this] { return on_memory_due(); });
  if (options_.memory_limit > 0) set_memory_limit(options_.memory_limit);
}

inline cluster::membership_options runtime::membership_options() const {
  cluster::membership_options made = options_.membership;
  made.self.id = {system_random(), system_random() | 1, 1};
  made.self.address = options_.advertise.value_or(listener_->local());
  made.candidates = discovery_->known();
  made.extent = discovery_->extent();
  if (made.self.address.port == 0) made.self.address.port = listener_->local().port;
  const auto known = known_addresses(made.self.address.host);
  if (!known.empty() && known.front().is_unspecified()) {
    throw kith::error{errc::invalid_option,
                      "advertise: other members would dial " + to_string(made.self.address) +
                          ", which is no machine; give the address at which they reach this one"};
  }
  return made;
}

inline link_options runtime::make_link_options() const {
  link_options made = options_.links;
  made.self = membership_.self.id;
  made.cluster_hash = cluster_hash();
  made.config_hash = config_hash(membership_.quorum, membership_.timers, lease());
  return made;
}

inline void runtime::make_lanes() {
  for (std::uint32_t i = 0; i < node::lane_count; ++i) {
    node::lane_options lane = options_.lane;
    lane.replica.lane = lane.near.lane = i;
    lane.replica.lanes = lane.near.lanes = node::lane_count;
    lane.replica.salt = system_random();
    lanes_.push_back(std::make_unique<lane_slot>(i, membership_.self.id, gates_, lane));
    lane_slot& made = *lanes_.back();
    made.wake = std::make_shared<alarm>(threads_.at(i % threads_.size()), [this, &made] {
      drive(made, [](node::lane& machine, time_point now, node::lane::outbox& out) {
        machine.on_timeout(now, out);
      });
      return never;  // drive() has armed it
    });
  }
}

inline runtime::~runtime() { stop(); }

inline void runtime::start() {
  KITH_ASSERT(!started_);
  started_ = true;
  boost::asio::post(threads_.home(), [this] {
    links_.accept_from(listener_);
    turn([](node::control& machine, time_point now, node::control::outbox& out) {
      machine.start(now, out);
    });
    discovery_->begin(
        weak_from_this(), [this](std::vector<endpoint> found, cluster::discovered extent) {
          turn([&](node::control& machine, time_point now, node::control::outbox& out) {
            machine.on_candidates(now, std::move(found), extent, out);
          });
        });
  });
}

template <class Visit>
void runtime::with_control(Visit&& visit) {
  KITH_ASSERT(!on_serving_thread());
  std::promise<void> done;
  boost::asio::post(threads_.home(), [this, &visit, &done] {
    visit(std::as_const(control_));
    done.set_value();
  });
  done.get_future().wait();
}

inline void runtime::stop() {
  if (in_child() || closing_.exchange(true)) return;
  if (on_serving_thread() || workers_.on_one_of_them() || discovery_->on_own_thread()) {
    assertion_failed("a member is not stopped on one of its own threads", __FILE__, __LINE__);
  }
  write_owed();
  if (started_) leave();
  end_lanes();
  const auto report = [this](const char* event, std::size_t hanging) {
    if (hanging == 0) return;
    log_.write({log_level::warning, event, {{"threads", std::to_string(hanging)}}});
  };
  report("loader left behind", workers_.stop(options_.worker_time));
  report("discovery left behind", discovery_->stop(options_.worker_time));
  end_links();
  threads_.stop();
  handlers_->end();
  log_.tell_left_out();
  control_.forget_caches();  // its thread is gone
  std::map<cache_id, std::shared_ptr<node::cache_hooks>> hooks;
  const mutex_lock lock{hooks_mutex_};
  hooks.swap(hooks_);  // they end after the lock
}

inline bool runtime::drain(duration most) {
  if (closed() || !started_ || draining_.exchange(true)) return false;
  std::future<void> drained = drained_.get_future();
  boost::asio::post(threads_.home(), [this] {
    turn([](node::control& machine, time_point now, node::control::outbox& out) {
      machine.drain(now, out);
    });
  });
  if (drained.wait_for(most) == std::future_status::ready) return true;
  log_.write({log_level::warning, "left before others had all that this member had", {}});
  return false;
}

/// What stores are owed by this member, so that it is not lost where nobody has a copy.
inline void runtime::write_owed() {
  const auto owed = [this] {
    std::size_t sum = 0;
    for_each_lane([&](const node::lane& machine) { sum += machine.owned().owed_writes(); });
    return sum;
  };
  std::size_t left = owed();
  if (left == 0) return;
  drive_all([](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.hurry_writes(now, out);
  });
  const time_point until = now() + options_.write_time;
  while ((left = owed()) > 0 && now() < until) std::this_thread::sleep_for(write_look);
  if (left == 0) return;
  log_.write({log_level::warning,
              "left before its stores were written",
              {{"keys", std::to_string(left)}}});
}

inline void runtime::leave() {
  drive_all([](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.retire(now, out);
  });
  std::future<void> left = left_.get_future();
  boost::asio::post(threads_.home(), [this] {
    fail_opens();
    turn([](node::control& machine, time_point now, node::control::outbox& out) {
      machine.leave(now, out);
    });
  });
  if (left.wait_for(options_.leave_time) == std::future_status::ready) return;
  log_.write({log_level::warning, "left without the others' consent", {}});
}

inline void runtime::end_lanes() {
  for (const auto& each : lanes_) {
    node::lane::outbox effects;
    {
      const mutex_lock lock{each->mutex};
      each->machine.fail_all(now(), errc::closed, effects);
      each->stopped = true;
    }
    run_rest(*each, effects);
  }
}

inline void runtime::end_links() {
  const auto done = std::make_shared<std::promise<void>>();
  std::future<void> over = done->get_future();
  boost::asio::post(threads_.home(), [this, done] {
    links_.stop([done] { done->set_value(); });
    if (!started_) listener_->stop();
  });
  over.wait_for(options_.drain_time);
}

}  // namespace kith::net
