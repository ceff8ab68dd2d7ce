// Seeds of peer_fuzz: what hostile members have said to others, one story a row of the table of bad
// inputs.
#include "corpus.hpp"
#include "filled.hpp"

#include <fuzz/all_messages.hpp>
#include <fuzz/victim.hpp>

#include <kith/cluster/view.hpp>
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/membership_messages.hpp>

using namespace kith;
using namespace kith::wire;

namespace fuzz {

namespace {

constexpr std::string_view target = "peer";
constexpr std::uint64_t beyond = std::uint64_t{1} << 63;
/// As a request number: the newest that was asked, and one that nobody asked.
constexpr int newest = 0;
constexpr int nobodys = 250;

/// How a message comes.
struct envelope {
  speaker who = speaker::peer;
  session_of by = session_of::none;
  int partition = 0;
  int rid = nobodys;
};

class story {
 public:
  explicit story(bool majority = false) : bytes_{listed({majority ? 1 : 0})} {}

  story& call(node::call_kind kind, int key) {
    constexpr int near = 0x80;  // the lowest seven bits choose the kind, by threes
    return add({0, near + (static_cast<int>(kind) + 1) % 3, key});
  }
  story& wait(int time_in_20_ms) { return add({1, time_in_20_ms}); }
  story& reconnect() { return add({2, 0, 0, 2, 0, 1}); }
  template <class Message>
  story& tell(const Message& message, const envelope& how = {}) {
    const bytes payload = encoded(message);
    const auto size = static_cast<int>(payload.size());
    add({3, static_cast<int>(Message::code), static_cast<int>(how.who), static_cast<int>(how.by),
         how.partition, how.rid, size & 255, size >> 8});
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    return *this;
  }
  [[nodiscard]] const bytes& told() const { return bytes_; }

 private:
  story& add(std::initializer_list<int> all) {
    for (const int one : all) bytes_.push_back(static_cast<std::byte>(one));
    return *this;
  }
  bytes bytes_;
};

/// What a hostile peer knows of its victim.
struct knowledge {
  victim at{false};
  cluster::view view = at.view();
  kith::epoch epoch = view.epoch_of(victim::partition(0));
};

constexpr envelope of_session{speaker::peer, session_of::present};
constexpr envelope of_other{speaker::other, session_of::present};
constexpr envelope of_stranger{speaker::stranger};

/// A key's partition among those of the lane.
int place_of(int key) {
  const partition_id p =
      partition_of(stable_hash(as_bytes(victim::key(static_cast<std::size_t>(key)))));
  return static_cast<int>(index_of(p) / node::lane_count);
}

get get_of(const knowledge& of, int key) {
  get message;
  message.cache = victim::cache;
  message.key = as_bytes(victim::key(static_cast<std::size_t>(key)));
  message.epoch = of.view.epoch_of(victim::partition(static_cast<std::size_t>(place_of(key))));
  message.near = true;
  return message;
}

mutate put_of(const knowledge& of, int key) {
  const get like = get_of(of, key);
  mutate message;
  message.cache = like.cache;
  message.key = like.key;
  message.epoch = like.epoch;
  message.value = as_bytes(std::string_view{"a value"});
  message.operation = static_cast<std::uint64_t>(key) + 1;
  return message;
}

/// Rows 14 to 20: who speaks, and of what time.
void add_identities(corpus& to, knowledge& of) {
  const auto tell = [&to](const char* name, const story& one) { to.add(target, name, one.told()); };
  member_record mine = of.view.members[*of.view.find(of.at.id(speaker::peer))];
  join as_another{mine, {}};
  as_another.self.id = of.at.id(speaker::other);
  tell("14-joins-as-another", story{}.tell(as_another).wait(50));
  join later{mine, {}};
  later.self.id = of.at.id(speaker::later_life);
  tell("15-joins-as-its-later-life", story{}.tell(later, {speaker::later_life}).wait(100));

  get old = get_of(of, 1);
  old.epoch.view = view_number{old.epoch.view.value() - 1};
  tell("16-asks-in-an-old-epoch", story{}.tell(old, {.partition = place_of(1)}));
  tell("16-digest-of-another-session",
       story{}.tell(filled<digest>(), {speaker::peer, session_of::another}));
  view_key far = of.view.key;
  far.number = view_number{far.number.value() + 1000};
  get future = get_of(of, 1);
  future.epoch.view = far.number;
  tell("17-a-view-far-ahead", story{true}
                                  .tell(ping{far})
                                  .tell(future, {.partition = place_of(1)})
                                  .wait(50)
                                  .tell(ping{far}));

  const invalidate said{
      of.epoch, stream_number{1}, {{sequence{1}, victim::cache, scope::cache, 0}}};
  tell("18-invalidations-of-all-partitions-by-all", [&] {
    story all;
    for (int p = 0; p < 6; ++p) {
      for (const speaker who : {speaker::peer, speaker::other, speaker::stranger}) {
        all.tell(said, {who, session_of::present, p});
      }
    }
    return all;
  }());
  const invalidate_ack ack{of.epoch, stream_number{99}, false};
  tell("18-acknowledges-what-was-not-sent", story{}.tell(ack, of_session).tell(ack, of_other));
  tell("19-accuses-a-member-that-is-none",
       story{}.tell(alert{of.view.key, {{9, alert_kind::down}}}).tell(reinforce{of.view.key, 9}));

  get_reply answer;
  answer.epoch = of.epoch;
  answer.version = {of.epoch, sequence{1}};
  answer.cacheable = true;
  answer.value = as_bytes(std::string_view{"a value"});
  story answers;
  for (int key = 0; key < 6; ++key) {
    answers.call(node::call_kind::get, key);
    for (const speaker who : {speaker::stranger, speaker::other, speaker::peer, speaker::peer}) {
      answers.tell(answer, {who, session_of::present, place_of(key), newest});
    }
    answers.tell(mutate_reply{}, {speaker::peer, session_of::present, place_of(key), newest});
  }
  tell("20-answers-for-nobody-twice-and-of-others", answers.tell(answer));
}

/// Rows 21, 22 and 28: numbers at the end of their range, keys and requests.
void add_requests(corpus& to, knowledge& of) {
  const auto tell = [&to](const char* name, const story& one) { to.add(target, name, one.told()); };
  mutate put = put_of(of, 2);
  put.rule = ttl_rule::given;
  put.ttl = duration{INT64_MAX};
  story ends;
  ends.tell(put, {.partition = place_of(2)});
  put.operation = UINT64_MAX;
  put.lowest_unsettled = UINT64_MAX;
  ends.tell(put, {.partition = place_of(2)}).tell(get_of(of, 2), {.partition = place_of(2)});
  tell("21-longest-ttl-and-last-operation", ends);
  const invalidate far{
      of.epoch, stream_number{beyond}, {{sequence{UINT64_MAX}, victim::cache, scope::cache, 0}}};
  const subscribe all{{{victim::partition(0), of.epoch, stream_number{UINT64_MAX}}}};
  tell("21-streams-near-their-end",
       story{}
           .tell(far, of_session)
           .tell(all, of_session)
           .tell(invalidate_all{of.epoch, stream_number{beyond}, sequence{beyond}}, of_session));
  get none = get_of(of, 0);
  none.key = {};
  const bytes long_key(limits::key_bytes);
  get longest = get_of(of, 0);
  longest.key = long_key;
  tell("22-empty-and-longest-key", story{}.tell(none).tell(longest));
  story many;
  for (int i = 0; i < 60; ++i) {
    many.tell(get_of(of, i), {.partition = place_of(i)})
        .tell(put_of(of, i), {.partition = place_of(i)});
  }
  tell("28-many-requests-at-once", many);
  many = story{};
  for (int i = 0; i < 12; ++i) many.call(node::call_kind::mutate, i).call(node::call_kind::get, i);
  tell("calls-that-nobody-answers", many.reconnect().wait(250).call(node::call_kind::count, 1));
}

/// Rows 23 to 26 and 32: views, ballots, joins and clocks.
void add_views(corpus& to, knowledge& of) {
  const auto tell = [&to](const char* name, const story& one) { to.add(target, name, one.told()); };
  const view_key key = of.view.key;
  const std::uint16_t rank = *of.view.find(of.at.id(speaker::peer));
  alert all{key, {}};
  for (std::uint16_t i = 0; i < 3; ++i) all.items.push_back({i, alert_kind::refused});
  story flood{true};
  for (int i = 0; i < 20; ++i) flood.tell(all);
  tell("23-accuses-everybody", flood.wait(250));

  view_body forged = of.view;
  forged.key.number = view_number{900};
  forged.rows.resize(16);
  tell("24-a-view-that-nobody-asked-for",
       story{true}.tell(ping{forged.key}).tell(full_view{forged, 7, {}, true}));
  forged.members.push_back(forged.members.front());
  tell("24-the-same-member-twice",
       story{}.tell(ping{forged.key}).tell(full_view{forged, 7, {}, true}));
  view_change change{key, {view_number{key.number.value() + 1}, key.branch}, {}, {}, {}, {}, {}, 1};
  tell("24-a-decision-with-a-false-hash", story{true}
                                              .tell(accept{key, {1, rank}, change})
                                              .tell(commit{key, {1, rank}, 1, {}, {}, change}));
  tell("25-the-last-ballot",
       story{true}.tell(prepare{key, {UINT32_MAX, rank}}).tell(prepare{key, {1, UINT16_MAX}}));
  story storm;
  for (std::uint64_t i = 0; i < 30; ++i) {
    member_record one{{i + 1, 1, 1}, {"10.0.0.1", 1}, 1, {}};
    storm.tell(join{one, {}}, of_stranger);
  }
  member_record one{of.at.id(speaker::stranger), {"10.0.0.1", 1}, 1, {}};
  tell("26-joins-without-end", storm.tell(join{one, {}}, of_stranger).wait(50));

  const time_point absurd{duration{INT64_MAX}};
  const time_point past{duration{INT64_MIN}};
  tell("32-clocks-of-another-age",
       story{true}
           .tell(heartbeat_ack{key, absurd, absurd, duration{INT64_MAX}, true})
           .tell(heartbeat{key, {}, past, absurd})
           .tell(nack{key, {}, {}, duration{INT64_MAX}})
           .tell(digest{true, absurd, false, {}}, of_session)
           .tell(beat{past}, of_session));
  tell("goodbye",
       story{}.tell(leave{key}).tell(kick{kick_reason::removed, change.next, key, {}}).wait(100));
  tell("offers-a-merge", story{}
                             .tell(merge_offer{{view_number{50}, 3}, 9}, of_stranger)
                             .tell(merge_yield{{view_number{50}, 3}, key}, of_stranger)
                             .wait(50));
}

}  // namespace

void add_peer(corpus& to) {
  knowledge of;
  add_identities(to, of);
  add_requests(to, of);
  add_views(to, of);
  with_each_message([&]<class Message>(const Message&, const char* name) {
    to.add(target, std::string{"full-"} + name,
           story{}.tell(filled<Message>(), of_session).wait(10).told());
  });
}

}  // namespace fuzz
