#include "store_fixture.hpp"

#include "copies_fixture.hpp"

#include <map>

using namespace kith;
using namespace kith::replica;
using wire::mutate_status;
using wire::mutation;

namespace {

store_settings quick() {
  store_settings made;
  made.delay = 100ms;
  made.batch_max = 3;
  made.queue_max = 4;
  made.retry_first = 1s;
  made.retry_longest = 3s;
  return made;
}

struct owing_owner : storing_owner {
  explicit owing_owner(const store_settings& store = quick(),
                       const replica_options& options = options_of_home())
      : storing_owner{store_kind::behind, options} {
    cache_settings settings;
    settings.id = books;
    settings.has_loader = true;
    settings.store = store;
    machine.open_cache(settings);
  }
  /// The rows that are under way since clear(), by key.
  std::map<std::string, std::string> rows() const {
    std::map<std::string, std::string> found;
    for (const run_write& each : writes()) {
      for (const store_row& row : each.rows) {
        found[std::string{as_text(row.key)}] =
            row.value ? std::string{as_text(*row.value)} : "(erased)";
      }
    }
    return found;
  }
  /// Ends all that began since clear().
  void end_all(const write_result& result = written{}) {
    const auto all = writes();
    clear();
    for (const run_write& each : all) end(each.ticket, result);
  }
};

/// One in which anna has a copy of all, and the store is written behind.
struct owing_team : copied_team {
  std::map<member_id, std::vector<run_write>> runs;

  owing_team() : copied_team{options_of_home(), owing()} {
    const cache_copies all[] = {{books, 1, 0, store_kind::behind}};
    for (const auto& [who, machine] : members) machine->on_caches(all);
  }
  static cache_settings owing() {
    cache_settings settings = books_settings();
    settings.store = quick();
    settings.has_loader = true;
    return settings;
  }
  /// What the member gives its writer now, which succeeds or not.
  std::vector<store_row> write(const member_id& by, const write_result& result) {
    now += 1s;
    outbox out;
    at(by).set_standing(now);
    at(by).on_timeout(now, out);
    std::vector<store_row> rows;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto* run = std::get_if<run_write>(&out[i]);
      if (run == nullptr) continue;
      const write_ticket ticket = run->ticket;
      rows.insert(rows.end(), run->rows.begin(), run->rows.end());
      at(by).on_write_done(now, ticket, result, out);
    }
    carry_out(by, out);
    deliver();
    return rows;
  }
  void take_over(const member_id& by) {
    crash(self);
    install(row_after(by, second_epoch, {}));
    deliver();
  }
};

}  // namespace

TEST_CASE("write behind: a write is applied and answered at once, and written after the delay") {
  owing_owner o;
  o.put(anna, "x");
  CHECK(o.status(anna) == mutate_status::applied);
  CHECK(o.value() == "x");
  CHECK(o.writes().empty());
  o.pass(99ms);
  CHECK(o.writes().empty());
  o.pass(1ms);
  CHECK(o.rows() == std::map<std::string, std::string>{{key, "x"}});
  CHECK(o.machine.owed_writes() == 1);
  o.end_all();
  CHECK(o.machine.owed_writes() == 0);
  o.pass(1h);
  CHECK(o.writes().empty());
}

TEST_CASE("write behind: of a key that is changed again only the newest value is written") {
  owing_owner o;
  o.put(anna, "one");
  o.pass(60ms);
  o.put(anna, "two");
  o.erase(bert);
  o.pass(40ms);
  CHECK(o.rows() == std::map<std::string, std::string>{{key, "(erased)"}});
  CHECK(o.counted().behind_coalesced == 2);
}

TEST_CASE("write behind: what changes while it is written is written again, with a higher fence") {
  owing_owner o;
  o.put(anna, "one");
  o.pass(100ms);
  const store_row first = o.row();
  o.put(anna, "two");
  o.pass(1s);
  CHECK(o.writes().size() == 1);
  o.end_all();
  CHECK(o.machine.owed_writes() == 1);
  o.pass(100ms);
  CHECK(o.row().value == to_bytes("two"));
  CHECK(o.row().fence > first.fence);
  o.end_all();
  CHECK(o.machine.owed_writes() == 0);
}

TEST_CASE("write behind: keys go together, so many at a time") {
  owing_owner o;
  for (int i = 0; i < 4; ++i) o.put(anna, "x", key_of(home, i));
  o.pass(100ms);
  REQUIRE(o.writes().size() == 2);
  CHECK(o.writes()[0].rows.size() == 3);
  CHECK(o.writes()[1].rows.size() == 1);
}

TEST_CASE("write behind: batches under way are bounded, and the next one follows") {
  replica_options options = options_of_home();
  options.store_batches = 1;
  owing_owner o{quick(), options};
  for (int i = 0; i < 4; ++i) o.put(anna, "x", key_of(home, i));
  o.pass(100ms);
  CHECK(o.writes().size() == 1);
  // What may not begin yet is no work that is due.
  CHECK(o.machine.next_timeout() > o.now);
  o.end_all();
  CHECK(o.rows().size() == 1);
}

TEST_CASE("write behind: what fails is tried again, twice as late each time up to the longest") {
  owing_owner o;
  o.put(anna, "x");
  o.pass(100ms);
  for (const duration pause : {1s, 2s, 3s, 3s}) {
    REQUIRE(o.writes().size() == 1);
    o.end_all(write_failure{"down"});
    o.pass(pause - 1ms);
    CHECK(o.writes().empty());
    o.pass(1ms);
  }
  CHECK(o.rows().at(key) == "x");
  CHECK(o.counted().behind_failed == 4);
  o.end_all();
  CHECK(o.machine.owed_writes() == 0);
}

TEST_CASE("write behind: where there is no writer the row is owed on") {
  owing_owner o;
  o.put(anna, "x");
  o.pass(100ms);
  o.end_all(write_unavailable{"not open"});
  CHECK(o.machine.owed_writes() == 1);
  CHECK(o.value() == "x");
}

TEST_CASE("write behind: a writer that does not answer in time is not waited for") {
  owing_owner o;
  o.put(anna, "x");
  o.pass(100ms);
  const write_ticket late = o.writing();
  o.pass(10s);
  o.clear();
  o.pass(1s);
  CHECK(o.rows().at(key) == "x");
  o.end(late);
  CHECK(o.machine.owed_writes() == 1);
  CHECK(o.counted().store_writes_orphaned == 1);
}

TEST_CASE(
    "write behind: of a refused batch each row goes by itself, and a refused row is given up") {
  owing_owner o;
  o.put(anna, "good");
  o.put(anna, "bad", key_of(home, 0));
  o.pass(100ms);
  CHECK(o.writes().size() == 1);
  o.end_all(write_refusal{"a constraint"});
  o.pass(1ms);
  REQUIRE(o.writes().size() == 2);
  const auto all = o.writes();
  for (const run_write& each : all) {
    REQUIRE(each.rows.size() == 1);
    const bool good = each.rows[0].value == to_bytes("good");
    o.end(each.ticket, good ? write_result{written{}} : write_result{write_refusal{"no"}});
  }
  CHECK(o.machine.owed_writes() == 0);
  CHECK(o.value() == "good");
  CHECK(o.value(key_of(home, 0)).empty());
  CHECK(o.counted().behind_refused == 1);
}

TEST_CASE("write behind: a refused row that was changed meanwhile is written as it is now") {
  owing_owner o;
  o.put(anna, "bad");
  o.pass(100ms);
  o.put(anna, "good");
  o.end_all(write_refusal{"no"});
  CHECK(o.value() == "good");
  o.pass(100ms);
  CHECK(o.rows().at(key) == "good");
}

TEST_CASE("write behind: the keys that are owed are bounded, and known ones may change") {
  owing_owner o;
  for (int i = 0; i < 4; ++i) o.put(anna, "x", key_of(home, i));
  o.clear();
  o.put(bert, "too many", key_of(home, 4));
  CHECK(o.status(bert) == mutate_status::overloaded);
  CHECK(o.value(key_of(home, 4)).empty());
  CHECK(o.counted().behind_full == 1);
  o.put(anna, "again", key_of(home, 0));
  CHECK(o.status(anna) == mutate_status::applied);
  o.pass(100ms);
  o.end_all();
  o.put(bert, "room", key_of(home, 4));
  CHECK(o.status(bert) == mutate_status::applied);
}

TEST_CASE(
    "write behind: an entry that left is not loaded from the older row before it is written") {
  owing_owner o;
  o.put(anna, "new");
  o.mutate(bert, {.kind = mutation::clear});
  CHECK(o.value().empty());
  o.clear();
  o.load(anna);
  CHECK(o.effects<run_load>().empty());
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "new");
  CHECK(o.value() == "new");
  CHECK(o.counted().behind_read == 1);
  o.pass(100ms);
  CHECK(o.rows().at(key) == "new");
}

TEST_CASE("write behind: an erased key does not come back before its row is erased") {
  owing_owner o;
  o.put(anna, "x");
  o.pass(100ms);
  o.end_all();
  o.erase(anna);
  o.clear();
  o.load(anna);
  CHECK(o.effects<run_load>().empty());
  CHECK(o.one<wire::get_reply>(anna).status == wire::get_status::absent);
  o.pass(100ms);
  o.end_all();
  o.load(bert);
  CHECK(o.effects<run_load>().size() == 1);
}

TEST_CASE("write behind: a processor's value and an add's sum are owed, a touch is not") {
  owing_owner o;
  o.mutate(anna, {.kind = mutation::invoke, .processor = as_bytes("makes")});
  o.machine.on_processor_done(o.now, o.effects<run_processor>().at(0).ticket,
                              processed{processor_action::set, to_bytes("made"), to_bytes("said")},
                              o.out);
  CHECK(o.status(anna) == mutate_status::applied);
  CHECK(as_text(o.one<wire::mutate_reply>(anna).result) == "said");
  o.mutate(bert, {.kind = mutation::add, .value = write_number(5)}, key_of(home, 0));
  o.pass(100ms);
  CHECK(o.rows().at(key) == "made");
  CHECK(o.rows().at(key_of(home, 0)) == as_text(write_number(5)));
  o.end_all();
  o.mutate(bert, {.kind = mutation::touch, .rule = wire::ttl_rule::given, .ttl = 1h});
  CHECK(o.machine.owed_writes() == 0);
}

TEST_CASE("write behind: a condition that does not hold owes nothing") {
  owing_owner o;
  o.put(anna, "x");
  o.pass(100ms);
  o.end_all();
  o.mutate(bert, {.kind = mutation::put_if_absent, .value = as_bytes("y")});
  CHECK(o.status(bert) == mutate_status::refused);
  CHECK(o.machine.owed_writes() == 0);
}

TEST_CASE("write behind: an owner that lost contact writes nothing until it has it again") {
  owing_owner o;
  o.put(anna, "x");
  o.now += 10s;
  o.machine.on_timeout(o.now, o.out);
  CHECK(o.writes().empty());
  o.pass(1s);
  CHECK(o.rows().at(key) == "x");
}

TEST_CASE("write behind: in a hurry all is written without delay") {
  owing_owner o;
  o.put(anna, "x");
  o.machine.hurry_writes(o.now);
  o.pass(0s);
  CHECK(o.rows().at(key) == "x");
}

TEST_CASE("write behind: who was the owner owes nothing any more") {
  owing_owner o;
  o.put(anna, "x");
  o.machine.on_ownership(o.now, home, anna, {view_number{6}, 0}, o.out);
  CHECK(o.machine.owed_writes() == 0);
  o.pass(1h);
  CHECK(o.writes().empty());
}

TEST_CASE("write behind: the next owner goes on with what was not written, and with no more") {
  owing_team t;
  const std::string second = key_of(home, 0);
  const std::string third = key_of(home, 1);
  t.put("written", second);
  CHECK(t.write(self, written{}).size() == 1);
  t.put("x");
  t.put("y", third);
  t.mutate({.kind = mutation::erase}, third);
  t.deliver();
  t.take_over(anna);
  CHECK(t.at(anna).owed_writes() == 2);
  CHECK(t.counted(anna).behind_inherited == 2);
  std::map<std::string, std::optional<bytes>> rows;
  for (const store_row& row : t.write(anna, written{})) {
    rows[std::string{as_text(row.key)}] = row.value;
    CHECK(row.fence.view == second_epoch.view);
  }
  CHECK(rows ==
        std::map<std::string, std::optional<bytes>>{{key, to_bytes("x")}, {third, std::nullopt}});
  CHECK(t.at(anna).owed_writes() == 0);
}

TEST_CASE(
    "write behind: a copy that is made later is told what is owed, with an entry or without") {
  owing_team t;
  const std::string second = key_of(home, 0);
  const std::string third = key_of(home, 1);
  t.put("x");
  t.put("gone", second);
  t.mutate({.kind = mutation::clear});
  t.put("y");
  t.put("z", third);
  t.mutate({.kind = mutation::erase}, third);
  t.deliver();
  t.install(row_with({bert}));
  t.deliver();
  CHECK(t.copied(bert) == "y");
  CHECK(t.copied(bert, second).empty());
  t.take_over(bert);
  std::map<std::string, std::optional<bytes>> rows;
  for (const store_row& row : t.write(bert, written{})) {
    rows[std::string{as_text(row.key)}] = row.value;
  }
  CHECK(rows == std::map<std::string, std::optional<bytes>>{
                    {key, to_bytes("y")}, {second, to_bytes("gone")}, {third, std::nullopt}});
}

TEST_CASE("write behind: what was written while a copy was made is not written by it again") {
  owing_team t;
  t.put("x");
  t.deliver();
  t.install(row_with({bert}));
  CHECK(t.write(self, written{}).size() == 1);
  t.deliver();
  t.take_over(bert);
  CHECK(t.at(bert).owed_writes() == 0);
  CHECK(t.value() == "x");
}
