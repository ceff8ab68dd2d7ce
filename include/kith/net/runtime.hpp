// The real driver of a node: threads, sockets, timers and loaders around the machines of node/.
//
//   lanes     each behind its own lock. Who has an input takes the lock and drives: a reader of
//             a connection, a caller, a loader's thread, a timer. What the lane sends is queued
//             with the connections before the lock is let go, so it leaves in the order in which it
//             was emitted; it is written after, and completions and jobs run after.
//   control   on the home thread, which is its strand. What others want of it is posted there.
//   loaders   on the worker pool, with no lock.
//   discovery asks where others may be, on threads of its own (discovery.hpp).
//   handlers  of async calls that name no executor: on the home thread, by way of handler_queue.
//
// Locks: lane, then a connection's outbox. hooks_mutex_ and view_mutex_ are leaves.
//
// Life: make, start(), stop(). Jobs of loaders share the runtime, so one that hangs keeps the
// memory, but after stop() no thread, socket or machine of it does anything. In a forked child it
// is closed and never destroyed: it has no threads there, and nobody will let go the locks that
// they held.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/listener_queue.hpp>
#include <kith/core/mutex.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/error.hpp>
#include <kith/events.hpp>
#include <kith/net/alarm.hpp>
#include <kith/net/clock.hpp>
#include <kith/net/discovery.hpp>
#include <kith/net/fork_mark.hpp>
#include <kith/net/handler_queue.hpp>
#include <kith/net/io_threads.hpp>
#include <kith/net/links.hpp>
#include <kith/net/listener.hpp>
#include <kith/net/load_gathering.hpp>
#include <kith/net/log_sink.hpp>
#include <kith/net/memory_account.hpp>
#include <kith/net/runtime_counters.hpp>
#include <kith/net/runtime_options.hpp>
#include <kith/net/told_view.hpp>
#include <kith/net/worker_pool.hpp>
#include <kith/node/batching.hpp>
#include <kith/node/call.hpp>
#include <kith/node/control.hpp>
#include <kith/node/hooks.hpp>
#include <kith/node/lane.hpp>
#include <kith/node/lane_index.hpp>

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith::net {

/// Bytes of values that one drive of a lane takes from a caller of many, about (1 MiB).
inline constexpr std::size_t drive_bytes = std::size_t{1} << 20;

class runtime final : public link_events, public std::enable_shared_from_this<runtime> {
 public:
  /// Binds the listener. Throws kith::error: invalid_option, which names the field; overloaded
  /// where the system gives no thread or socket.
  [[nodiscard]] static std::shared_ptr<runtime> make(runtime_options options);
  inline ~runtime() override;
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Looks for others and takes part. Once.
  void start();
  /// Has the others take what this member has, and goes on serving meanwhile. Blocks until they
  /// have it, at most so long. False: they have not, or the member has been drained or stopped
  /// before. Not from one of the member's own threads.
  bool drain(duration most);
  /// Refuses new calls, leaves the cluster, ends what waits with errc::closed, stops all threads.
  /// Handlers that the threads did not come to are run here.
  /// Not from one of the member's own threads. Again is harmless; in a forked child it does
  /// nothing.
  void stop();

  // Any thread.

  /// Agrees on the cache with the cluster. Blocks. Throws kith::error: config_mismatch (names the
  /// field), overloaded, timed_out, closed, would_deadlock.
  void open(const node::open_request& request);
  void submit(node::call&& what);
  /// What goes from one lane to one owner goes in one frame.
  void submit_many(std::vector<node::call>&& calls);
  void cancel(partition_id p, std::uint64_t cancel_id, node::cancelling how);
  void settle(partition_id p, std::uint64_t rid, const near::counted_cell& draft);

  /// Of all that the member holds; 0: none. Above it the ladder of store/pressure.hpp begins.
  void set_memory_limit(std::uint64_t bytes);
  [[nodiscard]] const memory_account& memory() const { return memory_; }
  /// What near caches and queues hold now; what the lanes do, they say themselves.
  [[nodiscard]] sampled_memory sample_memory();
  /// This member's share of a cache, from now on. Throws kith::error(closed).
  void set_cache_bytes(const std::string& name, std::uint64_t bytes);

  [[nodiscard]] bool closed() const {
    return closing_.load(std::memory_order_acquire) || made_.elsewhere();
  }
  /// True in a process that forked from the member's.
  [[nodiscard]] bool in_child() const { return made_.elsewhere(); }
  /// True on a thread that serves the network: a call that blocks there would wait for itself.
  [[nodiscard]] bool on_serving_thread() const { return threads_.on_one_of_them(); }
  /// Where loaders and processors run.
  [[nodiscard]] worker_pool& workers() { return workers_; }
  /// Where handlers run that name no executor.
  [[nodiscard]] net::handler_executor handler_executor() const {
    return net::handler_executor{handlers_};
  }
  /// How long a lease of a strong cache lasts.
  [[nodiscard]] duration lease() const { return options_.lane.replica.lease; }
  [[nodiscard]] duration heartbeat() const { return membership_.timers.heartbeat; }
  [[nodiscard]] bool needs_majority() const {
    return membership_.quorum == cluster::quorum_mode::majority;
  }
  [[nodiscard]] near::gates& gates() { return gates_; }
  /// Of the cluster's name.
  [[nodiscard]] std::uint64_t cluster_hash() const {
    return stable_hash(as_bytes(options_.cluster));
  }
  [[nodiscard]] const endpoint& local() const { return listener_->local(); }
  [[nodiscard]] const std::string& cluster_name() const { return options_.cluster; }
  /// Who this member is in its present life. A view without it is of an earlier life.
  [[nodiscard]] member_id self() const KITH_EXCLUDES(view_mutex_);
  [[nodiscard]] const runtime_counters& counters() const { return counters_; }
  [[nodiscard]] const discovery_counters& discovery_counted() const {
    return discovery_->counters();
  }
  /// Null before the first view.
  [[nodiscard]] std::shared_ptr<const cluster::view> view() const KITH_EXCLUDES(view_mutex_);
  /// Tells `listener` of the views that are installed from now on, until it is closed and removed.
  void add_view_listener(std::shared_ptr<listener_queue<view_event>> listener)
      KITH_EXCLUDES(view_mutex_);
  void remove_view_listener(const std::shared_ptr<listener_queue<view_event>>& listener)
      KITH_EXCLUDES(view_mutex_);
  void write_log(const log_record& record) { log_.write(record); }
  void count_listener_failure() {
    counters_.view_listener_failures.fetch_add(1, std::memory_order_relaxed);
  }
  /// Visits each lane with its lock held: `visit(const node::lane&)`.
  template <class Visit>
  void for_each_lane(Visit&& visit);
  /// The same for one of them.
  template <class Visit>
  void read_lane(std::uint32_t index, Visit&& visit);
  /// The same for control, on its thread. Blocks; not from a serving thread, nor after stop().
  template <class Visit>
  void with_control(Visit&& visit);
  /// The caches that are open.
  [[nodiscard]] std::vector<std::shared_ptr<node::cache_hooks>> caches() const
      KITH_EXCLUDES(hooks_mutex_);
  /// What control counted until its last input; no waiting for its thread.
  [[nodiscard]] cluster::membership_counters membership_counters() const KITH_EXCLUDES(view_mutex_);
  [[nodiscard]] const link_table& peers() const { return links_.table(); }
  [[nodiscard]] const log_sink& log() const { return log_; }

  // Of the links.
  inline void on_link_up(const member_id& peer, std::uint32_t sid,
                         const std::optional<endpoint>& dialled) override;
  inline void on_link_down(const member_id& peer, close_reason why) override;
  inline void on_dial_failed(const dial_failure& failure) override;
  inline void on_dial_found(const member_id& peer, const endpoint& where) override;
  inline void on_message(connection& from, const wire::message_frame& frame) override;
  inline void on_batch_end(connection& from) override;
  inline void on_room(connection& at) override;

 private:
  struct unanswered {
    std::shared_ptr<connection> from;
    std::size_t bytes = 0;
  };
  struct lane_slot {
    kith::mutex mutex;
    node::lane machine KITH_GUARDED_BY(mutex);
    bool stopped KITH_GUARDED_BY(mutex) = false;
    /// What its entries were charged when the account was told.
    std::uint64_t told_bytes KITH_GUARDED_BY(mutex) = 0;
    std::shared_ptr<alarm> wake;
    /// Requests of others that their own drive did not answer, by asker and number.
    std::map<std::pair<member_id, std::uint64_t>, unanswered> waiting KITH_GUARDED_BY(mutex);

    lane_slot(std::uint32_t index, const member_id& self, near::gates& gates,
              const node::lane_options& options)
        : machine{index, self, gates, options} {}
  };
  enum class joining : std::uint8_t { no, yes };
  struct open_wait {
    std::promise<node::open_answered> answer;
  };

  explicit runtime(runtime_options options);

  // runtime_life.hpp: making, starting, stopping.
  [[nodiscard]] cluster::membership_options membership_options() const;
  [[nodiscard]] link_options make_link_options() const;
  void make_lanes();
  void write_owed();
  void leave();
  void end_lanes();
  void end_links();

  // runtime_lanes.hpp: inputs to lanes and what their effects mean.
  [[nodiscard]] lane_slot& lane(partition_id p) { return *lanes_[node::lane_of(p)]; }
  /// `input(machine, now, outbox)` with the lock held. `later`: somebody else flushes. False when
  /// the lane has stopped.
  template <class Input>
  bool drive(lane_slot& in, Input&& input, touched* later = nullptr, joining join = joining::no);
  template <class Input>
  void drive_all(Input&& input);
  void push_sends(lane_slot& in, std::vector<wire::send>&& sends, touched& written)
      KITH_REQUIRES(in.mutex);
  void run_rest(lane_slot& in, node::lane::outbox& effects);
  void send_held(connection& at);
  void carry(lane_slot&, wire::send&&) {}  // is on its way already
  void carry(lane_slot&, node::complete&& one) { one.done->complete(std::move(one.result)); }
  void carry(lane_slot&, node::claim_rows&& one);
  void carry(lane_slot&, node::pull_view&& one);
  /// Runs the cache's loader on a worker, then `done` with what it gave.
  template <class Done>
  void post_load(cache_id cache, bytes&& key, std::uint32_t depth, const Done& done);
  void carry(lane_slot& in, node::load_here&& one);
  /// Runs the cache's processor on a worker, then `done` with what it gave.
  template <class Done>
  void post_processor(replica::run_processor&& job, const Done& done);
  void carry(lane_slot& in, node::process_here&& one);
  void note_changes(node::lane::outbox& effects);
  void carry(lane_slot&, replica::change_notice&& one);
  void carry(lane_slot& in, replica::run_load&& one);
  void carry(lane_slot& in, replica::run_processor&& one);
  void carry(lane_slot& in, replica::run_write&& one);
  [[nodiscard]] std::shared_ptr<node::cache_hooks> hooks_of(cache_id id)
      KITH_EXCLUDES(hooks_mutex_);
  static void refuse(node::call&& what, errc why);
  static touched& read_here();
  /// The loads that this thread gathers.
  static load_gathering& loads_here();
  void post_gathered_loads();

  // runtime_requests.hpp: messages of other members' lanes.
  enum class admission : std::uint8_t { now, parked, refused };
  [[nodiscard]] node::verdict take_data(connection& from, const wire::message_frame& frame);
  [[nodiscard]] node::verdict take_one(connection& from, const wire::message_frame& frame,
                                       touched& written);
  [[nodiscard]] node::verdict take_batch(connection& from, const wire::message_frame& frame);
  [[nodiscard]] admission admit(connection& from, const wire::message_frame& frame,
                                std::size_t produced);
  void after_admission(connection& from, admission worst);
  void resume_parked(connection& from);
  static void note_request(lane_slot& in, connection& from, const wire::message_frame& frame,
                           const node::lane::outbox& out, std::size_t first)
      KITH_REQUIRES(in.mutex);
  static void note_answers(lane_slot& in, const std::vector<wire::send>& sends)
      KITH_REQUIRES(in.mutex);
  void forget_requests(const member_id& peer, std::uint32_t sid);
  void on_bad_message(connection& from, node::verdict said);

  // runtime_control.hpp: inputs to control and what its effects mean.
  template <class Input>
  void turn(Input&& input);
  void take_control(connection& from, const wire::message_frame& frame);
  void on_control_due();
  void tell_session(const member_id& peer, std::uint32_t sid);
  void count_close(close_reason why);
  void carry(cluster::send&& one) { links_.push(one.to, std::move(one.packet), control_written_); }
  void carry(cluster::dial&& one) { links_.dial(one.where); }
  void carry(cluster::close&& one);
  void carry(node::install_view&& one);
  void carry(cluster::view_stable&& one);
  void tell_view(const cluster::view& installed);
  void carry(node::open_in_lanes&& one);
  void carry(node::resize_in_lanes&& one);
  void carry(node::reset_lanes&& one);
  void carry(node::tell_quorum&& one);
  void carry(node::tell_cut&& one);
  void carry(node::open_answered&& one);
  void carry(cluster::drained&&);
  void carry(cluster::left&&);
  void carry(log_record&& one) { log_.write_about_peer(std::move(one)); }
  void fail_opens();

  // runtime_memory.hpp
  bool shrink_near_caches(time_point now, std::uint64_t all);
  time_point on_memory_due();

  // Constant after construction. Threads before all that they carry: sockets end before contexts.
  const fork_mark made_;
  const runtime_options options_;
  log_sink log_;
  near::gates gates_;
  io_threads threads_;
  const std::shared_ptr<handler_queue> handlers_;
  std::shared_ptr<listener> listener_;
  const std::shared_ptr<discovery> discovery_;
  const cluster::membership_options membership_;
  std::vector<std::unique_ptr<lane_slot>> lanes_;

  // Any thread.
  worker_pool workers_;
  links links_;
  runtime_counters counters_;
  memory_account memory_{counters_};
  std::shared_ptr<alarm> memory_wake_;
  std::atomic<bool> closing_{false};
  std::atomic<bool> draining_{false};
  /// The lane that is next to send what it held back.
  std::atomic<std::uint32_t> room_turn_{0};

  // Of the home thread.
  node::control control_;
  std::shared_ptr<alarm> control_wake_;
  touched control_written_;
  bool in_control_ = false;
  std::multimap<std::string, std::shared_ptr<open_wait>> opens_;
  std::promise<void> drained_;
  bool has_drained_ = false;
  std::promise<void> left_;
  bool has_left_ = false;
  /// What view listeners were told last.
  told_view told_;

  // Of whoever made it.
  bool started_ = false;

  mutable kith::mutex hooks_mutex_;
  std::map<cache_id, std::shared_ptr<node::cache_hooks>> hooks_ KITH_GUARDED_BY(hooks_mutex_);
  mutable kith::mutex view_mutex_;
  std::shared_ptr<const cluster::view> view_ KITH_GUARDED_BY(view_mutex_);
  member_id self_ KITH_GUARDED_BY(view_mutex_);
  cluster::membership_counters membership_counters_ KITH_GUARDED_BY(view_mutex_);
  std::vector<std::shared_ptr<listener_queue<view_event>>> view_listeners_
      KITH_GUARDED_BY(view_mutex_);
};

}  // namespace kith::net

#include <kith/net/runtime_control.hpp>
#include <kith/net/runtime_events.hpp>
#include <kith/net/runtime_lanes.hpp>
#include <kith/net/runtime_life.hpp>
#include <kith/net/runtime_memory.hpp>
#include <kith/net/runtime_requests.hpp>
