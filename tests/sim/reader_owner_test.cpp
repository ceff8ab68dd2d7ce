// One owner and one reader of a lane, the real machines of both sides, over a line that loses
// frames of the stream, breaks, delays, and on which readers decode slowly.
//
// Judged: a read returns nothing older than what was acknowledged max_staleness before it began
// (S), nothing older than what this member has seen of the key (M); and once the line is quiet and
// a few digests have passed, every near entry is the owner's (C).
#include <kith/core/random.hpp>
#include <kith/near/coherence.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/replica/replica.hpp>
#include <kith/wire/decode.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

constexpr member_id reader_id{1, 1, 1};
constexpr member_id owner_id{2, 2, 1};
constexpr cache_id cache{7};
constexpr duration max_staleness = 3s;

struct test_key {
  std::string text;
  std::uint64_t hash = 0;
  partition_id partition{};
};

struct obligation {
  std::size_t key = 0;
  version monotonic;
  version stale;
};

class pair_run {
 public:
  explicit pair_run(std::uint64_t seed) : chance_{seed} {
    for (int i = 0; keys_.size() < 6; ++i) {
      const std::string text = "k" + std::to_string(i);
      const std::uint64_t hash = stable_hash(as_bytes(text));
      if (index_of(partition_of(hash)) % 16 != lane) continue;
      keys_.push_back({text, hash, partition_of(hash)});
    }
    acknowledged_.resize(keys_.size());
    seen_.resize(keys_.size());
    reader_.attach(cache, kept_, max_staleness);
    const std::vector<member_id> members{reader_id, owner_id};
    owner_.on_view(now_, view_number{1}, members, owner_out_);
    for (const test_key& k : keys_) {
      owner_.on_ownership(now_, k.partition, owner_id, term, owner_out_);
      reader_.on_ownership(now_, k.partition, owner_id, term, reader_out_);
    }
    connect();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !failed_; ++i) step(true);
    quiet_down();
  }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const near::coherence_counters& counted() const { return reader_.counters(); }
  [[nodiscard]] std::uint64_t hits() const { return kept_.lookups().hits(); }

 private:
  static constexpr std::uint32_t lane = 3;
  static constexpr epoch term{view_number{1}, 0};

  static near::coherence_options reader_options() {
    near::coherence_options options;
    options.lane = lane;
    return options;
  }
  static replica::replica_options owner_options() {
    replica::replica_options options;
    options.lane = lane;
    options.log_entries = 3;
    options.backlog_keys = 6;
    options.batch_keys = 4;
    return options;
  }

  void fail(const char* what) {
    if (!failed_) MESSAGE(std::string{what});
    failed_ = true;
  }

  // The line.

  void connect() {
    ++sid_;
    up_ = true;
    to_owner_.clear();
    to_reader_.clear();
    owner_.on_session(now_, reader_id, sid_, owner_out_);
    reader_.on_session(now_, owner_id, sid_, reader_out_);
    settle();
  }
  void disconnect() {
    up_ = false;
    to_owner_.clear();
    to_reader_.clear();
    owner_.on_session(now_, reader_id, 0, owner_out_);
    reader_.on_session(now_, owner_id, 0, reader_out_);
    settle();
  }

  /// Carries out what both machines asked for until they ask for nothing more.
  void settle() {
    while (!owner_out_.empty() || !reader_out_.empty()) {
      for (replica::effect& one : std::exchange(owner_out_, {})) {
        if (auto* sent = std::get_if<wire::send>(&one); sent != nullptr && up_) {
          to_reader_.push_back(std::move(sent->message));
        } else if (auto* done = std::get_if<replica::answer_mutate>(&one)) {
          acknowledge(local_writes_[done->rid], done->reply.version);
        }
      }
      for (near::effect& one : std::exchange(reader_out_, {})) {
        if (auto* sent = std::get_if<wire::send>(&one); sent != nullptr && up_) {
          to_owner_.push_back(std::move(sent->message));
        } else if (auto* again = std::get_if<near::retry>(&one)) {
          read_again(again->rid);
        } else if (auto* alone = std::get_if<near::reissue>(&one)) {
          read_again(alone->waiter);
        } else if (auto* served = std::get_if<near::serve>(&one)) {
          finish(served->waiter, served->version, static_cast<bool>(served->value));
        }
      }
    }
  }

  template <class Message, class Handle>
  void take(const wire::packet& frame, Handle&& handle) {
    Message message;
    if (wire::decode(frame.payload, message) != wire::decode_error::none) fail("undecodable");
    if (!handle(message)) fail("a machine called the other one's message a violation");
  }

  void owner_takes() {
    if (to_owner_.empty()) return;
    const wire::packet f = std::move(to_owner_.front());
    to_owner_.pop_front();
    owner_.set_standing(now_);
    auto& out = owner_out_;
    const partition_id p = f.partition;
    switch (f.code) {
      case wire::opcode::get:
        take<wire::get>(f,
                        [&](auto& m) { return owner_.on_get(now_, reader_id, f.rid, p, m, out); });
        break;
      case wire::opcode::mutate:
        take<wire::mutate>(
            f, [&](auto& m) { return owner_.on_mutate(now_, reader_id, f.rid, p, m, out); });
        break;
      case wire::opcode::invalidate_ack:
        take<wire::invalidate_ack>(f, [&](auto& m) {
          return owner_.on_invalidate_ack(now_, reader_id, f.sid, p, m, out);
        });
        break;
      case wire::opcode::replay_request:
        take<wire::replay_request>(f, [&](auto& m) {
          return owner_.on_replay_request(now_, reader_id, f.sid, p, m, out);
        });
        break;
      case wire::opcode::subscribe:
        take<wire::subscribe>(
            f, [&](auto& m) { return owner_.on_subscribe(now_, reader_id, f.sid, p, m, out); });
        break;
      case wire::opcode::beat:
        take<wire::beat>(
            f, [&](auto& m) { return owner_.on_beat(now_, reader_id, f.sid, p, m, out); });
        break;
      default: fail("unexpected to the owner");
    }
    settle();
  }

  void reader_takes() {
    if (to_reader_.empty()) return;
    const wire::packet f = std::move(to_reader_.front());
    to_reader_.pop_front();
    const partition_id p = f.partition;
    auto& out = reader_out_;
    switch (f.code) {
      case wire::opcode::get_reply:
        take<wire::get_reply>(f, [&](auto& m) { return on_reply(f.rid, m); });
        break;
      case wire::opcode::mutate_reply:
        take<wire::mutate_reply>(f, [&](auto& m) { return on_written(f.rid, m); });
        break;
      case wire::opcode::invalidate:
        take<wire::invalidate>(
            f, [&](auto& m) { return reader_.on_invalidate(now_, owner_id, f.sid, p, m, out); });
        break;
      case wire::opcode::invalidate_all:
        take<wire::invalidate_all>(f, [&](auto& m) {
          return reader_.on_invalidate_all(now_, owner_id, f.sid, p, m, out);
        });
        break;
      case wire::opcode::digest:
        take<wire::digest>(
            f, [&](auto& m) { return reader_.on_digest(now_, owner_id, f.sid, m, out); });
        break;
      case wire::opcode::replay:
        take<wire::replay>(
            f, [&](auto& m) { return reader_.on_replay(now_, owner_id, f.sid, p, m, out); });
        break;
      case wire::opcode::subscribed:
        take<wire::subscribed>(
            f, [&](auto& m) { return reader_.on_subscribed(now_, owner_id, f.sid, p, m, out); });
        break;
      default: fail("unexpected to the reader");
    }
    settle();
  }

  void lose_a_frame() {
    if (to_reader_.empty()) return;
    const auto at =
        to_reader_.begin() + static_cast<std::ptrdiff_t>(chance_.below(to_reader_.size()));
    const bool stream = at->code == wire::opcode::invalidate || at->code == wire::opcode::replay ||
                        at->code == wire::opcode::digest;
    if (stream) to_reader_.erase(at);
  }

  // Reads.

  [[nodiscard]] version acknowledged_before(std::size_t key, time_point when) const {
    version newest;
    for (const auto& [at, v] : acknowledged_[key]) {
      if (at < when) newest = std::max(newest, v);
    }
    return newest;
  }
  void acknowledge(std::size_t key, version v) { acknowledged_[key].push_back({now_, v}); }

  void read(std::size_t key) {
    const obligation owed{key, seen_[key], acknowledged_before(key, now_ - max_staleness)};
    const test_key& k = keys_[key];
    if (const auto hit = kept_.find(k.hash, k.text, now_, max_staleness)) {
      judge(owed, hit.version());
    } else {
      ask(owed);
    }
  }
  void ask(const obligation& owed) {
    const test_key& k = keys_[owed.key];
    const std::uint64_t rid = ++rids_;
    reads_[rid] = owed;
    const auto how = reader_.begin(now_, {.partition = k.partition,
                                          .cache = cache,
                                          .hash = k.hash,
                                          .key = as_bytes(k.text),
                                          .rid = rid,
                                          .load = false,
                                          .max_age = max_staleness});
    if (how == near::begin_result::lead && up_) {
      to_owner_.push_back(wire::make_packet(wire::get{term, cache, as_bytes(k.text), true, false},
                                            k.partition, rid));
    }
  }
  void read_again(std::uint64_t rid) {
    const auto at = reads_.find(rid);
    if (at == reads_.end()) return;
    const obligation owed = at->second;
    reads_.erase(at);
    if (up_) {
      ask(owed);
    }
  }
  void finish(std::uint64_t rid, version v, bool present) {
    const auto at = reads_.find(rid);
    if (at == reads_.end()) return;
    judge(at->second, present ? v : version{});
    reads_.erase(at);
  }
  void judge(const obligation& owed, version v) {
    if (v < owed.monotonic) fail("M: a read went back");
    if (v < owed.stale) fail("S: a read is older than the bound");
    seen_[owed.key] = std::max(seen_[owed.key], v);
  }
  bool on_reply(std::uint64_t rid, const wire::get_reply& reply) {
    const auto verdict = reader_.on_reply(now_, owner_id, rid, reply, reader_out_);
    const bool present = reply.status == wire::get_status::hit;
    switch (verdict) {
      case near::reply_verdict::retry: read_again(rid); break;
      case near::reply_verdict::ignore: break;
      case near::reply_verdict::deliver: finish(rid, reply.version, present); break;
      case near::reply_verdict::deliver_and_install: {
        const test_key& k = keys_[reads_.at(rid).key];
        decoding_.push_back(
            {rid, kept_.draft({.hash = k.hash, .version = reply.version, .charge = 300}, k.text,
                              std::string{as_text(reply.value)})});
        finish(rid, reply.version, present);
        break;
      }
    }
    return true;
  }
  void install_one() {
    if (decoding_.empty()) return;
    const auto [rid, draft] = decoding_.front();
    decoding_.pop_front();
    reader_.install(now_, rid, draft, reader_out_);
    settle();
  }

  // Writes.

  void write(std::size_t key, bool remotely) {
    const test_key& k = keys_[key];
    const std::string text = std::to_string(++values_);
    wire::mutate message;
    message.epoch = term;
    message.cache = cache;
    message.key = as_bytes(k.text);
    message.value = as_bytes(text);
    message.operation = ++operations_;
    message.lowest_unsettled = operations_ > 20 ? operations_ - 20 : 0;
    const std::uint64_t rid = ++rids_;
    if (remotely) {
      if (!up_) return;
      remote_writes_[rid] = key;
      to_owner_.push_back(wire::make_packet(message, k.partition, rid));
      return;
    }
    local_writes_[rid] = key;
    owner_.set_standing(now_);
    if (!owner_.on_mutate(now_, owner_id, rid, k.partition, message, owner_out_)) fail("mutate");
    settle();
  }
  bool on_written(std::uint64_t rid, const wire::mutate_reply& reply) {
    if (reply.status != wire::mutate_status::applied) return true;
    const std::size_t key = remote_writes_.at(rid);
    reader_.on_mutation_reply(keys_[key].partition, cache, keys_[key].hash, reply.version);
    acknowledge(key, reply.version);
    seen_[key] = std::max(seen_[key], reply.version);
    return true;
  }

  void tick(duration length) {
    now_ += length;
    gates_->coordinator_fresh = now_.time_since_epoch().count();
    owner_.set_standing(now_);
    if (owner_.next_timeout() <= now_) owner_.on_timeout(now_, owner_out_);
    if (reader_.next_timeout() <= now_) reader_.on_timeout(now_, reader_out_);
    settle();
  }

  void step(bool faults) {
    const std::size_t key = chance_.below(keys_.size());
    switch (chance_.below(faults ? 40 : 36)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
      case 8: read(key); break;
      case 9:
      case 10: write(key, true); break;
      case 11:
      case 12: write(key, false); break;
      case 13:
      case 14: tick(duration{static_cast<std::int64_t>(chance_.below(400'000'000))}); break;
      case 15:
      case 16:
      case 17: install_one(); break;
      case 18:
        if (chance_.below(20) == 0) tick(2500ms);
        break;
      case 19: kept_.erase_older(keys_[key].hash, near::newest_version); break;
      case 20:
      case 21:
      case 22:
      case 23:
      case 24:
      case 25:
      case 26:
      case 27: owner_takes(); break;
      case 36:
      case 37: lose_a_frame(); break;
      case 38:
        if (up_ && chance_.below(8) == 0) disconnect();
        break;
      case 39:
        if (!up_ && chance_.below(6) == 0) connect();
        break;
      default: reader_takes(); break;
    }
  }

  void quiet_down() {
    if (!up_) connect();
    for (int i = 0; i < 60 && !failed_; ++i) {
      tick(100ms);
      while (!to_owner_.empty() || !to_reader_.empty() || !decoding_.empty()) {
        owner_takes();
        reader_takes();
        install_one();
      }
    }
    for (const test_key& k : keys_) {
      const auto own = owner_.peek(now_, k.partition, cache, k.hash, as_bytes(k.text));
      const auto copy = kept_.find(k.hash, k.text, now_, near::any_age);
      if (copy && !(own && own->present && own->version == copy.version())) fail("C: it differs");
      if (reader_.stream(k.partition).suspected != near::suspicion::none) fail("C: still suspect");
    }
    if (up_ && reader_.fills() != 0) fail("C: a fill never ends");
  }

  random_source chance_;
  time_point now_{1000s};
  bool failed_ = false;
  bool up_ = false;
  std::uint32_t sid_ = 0;
  std::uint64_t rids_ = 0;
  std::uint64_t values_ = 0;
  std::uint64_t operations_ = 0;

  std::unique_ptr<near::gates> gates_ = std::make_unique<near::gates>();
  near::near_cache<std::string, std::string> kept_{{.bytes_max = 1 << 16, .salt = 1}, *gates_};
  near::coherence reader_{reader_id, *gates_, reader_options()};
  replica::replica owner_{owner_id, owner_options()};
  near::outbox reader_out_;
  replica::outbox owner_out_;
  std::deque<wire::packet> to_owner_;
  std::deque<wire::packet> to_reader_;

  std::vector<test_key> keys_;
  std::vector<std::vector<std::pair<time_point, version>>> acknowledged_;
  std::vector<version> seen_;
  std::map<std::uint64_t, obligation> reads_;
  std::map<std::uint64_t, std::size_t> local_writes_;
  std::map<std::uint64_t, std::size_t> remote_writes_;
  std::deque<std::pair<std::uint64_t, near::counted_cell>> decoding_;
};

}  // namespace

TEST_CASE("reader and owner: nothing stale and nothing lost over a bad line") {
  near::coherence_counters sum;
  std::uint64_t hits = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    pair_run one{seed};
    one.run(1500);
    REQUIRE_FALSE(one.failed());
    const near::coherence_counters& c = one.counted();
    hits += one.hits();
    sum.joins += c.joins;
    sum.followers_served += c.followers_served;
    sum.followers_reissued += c.followers_reissued;
    sum.refused_poisoned += c.refused_poisoned;
    sum.refused_suspect += c.refused_suspect;
    sum.refused_generation += c.refused_generation;
    sum.gaps += c.gaps;
    sum.replays_applied += c.replays_applied;
    sum.too_old += c.too_old;
    sum.invalidate_all_applied += c.invalidate_all_applied;
    sum.resumes += c.resumes;
    sum.resets += c.resets;
    sum.no_interest_sent += c.no_interest_sent;
    sum.duplicates += c.duplicates;
    sum.numbers_went_back += c.numbers_went_back;
    sum.violations += c.violations;
  }
  // A branch that was never taken would prove nothing.
  CHECK(hits > 1000);
  CHECK(sum.joins > 0);
  CHECK(sum.followers_served > 0);
  CHECK(sum.followers_reissued > 0);
  CHECK(sum.refused_poisoned > 0);
  CHECK(sum.refused_suspect > 0);
  CHECK(sum.refused_generation > 0);
  CHECK(sum.gaps > 0);
  CHECK(sum.replays_applied > 0);
  CHECK(sum.too_old > 0);
  CHECK(sum.invalidate_all_applied > 0);
  CHECK(sum.resumes > 0);
  CHECK(sum.resets > 0);
  CHECK(sum.no_interest_sent > 0);
  CHECK(sum.duplicates > 0);
  CHECK(sum.numbers_went_back == 0);
  CHECK(sum.violations == 0);
}
