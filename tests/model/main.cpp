// Explores a scope of one model that is larger than those of the tests:
//
//   kith_model copies --members 4 --views 3 --operations 2 --keys 010 --states 100000000
//
// Prints the number of states, and the trace of a violation if there is one. Ends with 0 when the
// rules hold in the whole scope, 1 on a violation, 2 when the bound of states was reached (100
// million take 10 to 20 GB), 3 on options that it does not know.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

#include "copies.hpp"
#include "eventual.hpp"
#include "explorer.hpp"
#include "settling.hpp"
#include "strong.hpp"
#include "views.hpp"

namespace {

class options {
 public:
  options(int argc, char** argv) {
    for (int k = 2; k + 1 < argc; k += 2) given_[argv[k]] = argv[k + 1];
    if (argc % 2 != 0) throw std::invalid_argument("an option without a value");
  }

  std::string text(const std::string& name, const std::string& otherwise) {
    known_.insert("--" + name);
    const auto found = given_.find("--" + name);
    return found == given_.end() ? otherwise : found->second;
  }
  int number(const std::string& name, int otherwise) {
    return std::stoi(text(name, std::to_string(otherwise)));
  }
  std::size_t states() { return std::stoull(text("states", "50000000")); }

  void refuse_unknown() const {
    for (const auto& [name, value] : given_) {
      if (!known_.contains(name)) throw std::invalid_argument("unknown option " + name);
    }
  }

 private:
  std::map<std::string, std::string> given_;
  std::set<std::string> known_;
};

template <class Model>
int explored(const Model& model, std::size_t states_max) {
  const model::outcome found = model::explore(model, states_max);
  for (const std::string& line : found.trace) std::printf("  %s\n", line.c_str());
  if (!found.broken.empty()) std::printf("  => %s\n", found.broken.c_str());
  const char* results[] = {"the rules hold", "violation", "bound reached"};
  const int result = static_cast<int>(found.result);
  std::printf("%s: %zu states, %zu transitions, depth %zu\n", results[result], found.states,
              found.transitions, found.depth);
  return result;
}

int copies(options& given) {
  namespace copies = model::copies;
  copies::scope s;
  const int members = given.number("members", 3);
  s.views = given.number("views", s.views);
  s.operations = given.number("operations", s.operations);
  s.backups = static_cast<model::set>(given.number("backups", s.backups));
  s.hand_over = given.number("hand_over", 1) != 0;
  s.compare = given.number("compare", 1) != 0;
  const std::string keys = given.text("keys", "000");
  for (std::size_t k = 0; k < keys.size() && k < s.key_of.size(); ++k) {
    s.key_of[k] = static_cast<model::byte>(keys[k] - '0');
  }
  const int without = given.number("without", -1);
  if (without >= 0) s.without = static_cast<copies::rule>(without);
  const std::size_t states = given.states();
  given.refuse_unknown();
  if (s.views > copies::views_max || s.operations > copies::operations_max) {
    throw std::invalid_argument("more views or operations than the model has room for");
  }
  if (members == 3) return explored(copies::copies_model<3>(s), states);
  if (members == 4) return explored(copies::copies_model<4>(s), states);
  throw std::invalid_argument("--members is 3 or 4");
}

int views(options& given) {
  namespace views = model::views;
  views::scope s;
  const int members = given.number("members", 3);
  s.changes = given.number("changes", s.changes);
  s.window = given.number("window", s.window);
  s.candidates = given.number("candidates", s.candidates);
  s.leaves = given.number("leaves", 0) != 0;
  s.begins_in_change = given.number("begins_in_change", 0) != 0;
  const int without = given.number("without", -1);
  if (without >= 0) s.without = static_cast<views::rule>(without);
  const std::size_t states = given.states();
  given.refuse_unknown();
  if (s.changes > views::changes_max) throw std::invalid_argument("--changes is 1 or 2");
  if (members == 2) return explored(views::views_model<2>(s), states);
  if (members == 3) return explored(views::views_model<3>(s), states);
  if (members == 4) return explored(views::views_model<4>(s), states);
  throw std::invalid_argument("--members is 2, 3 or 4");
}

int eventual(options& given) {
  namespace eventual = model::eventual;
  eventual::scope s;
  s.writes = given.number("writes", s.writes);
  s.gets = given.number("gets", s.gets);
  s.joins = given.number("joins", s.joins);
  s.resets = given.number("resets", s.resets);
  s.drops = given.number("drops", s.drops);
  s.collapses = given.number("collapses", s.collapses);
  s.loads = given.number("loads", s.loads);
  s.backup_reads = given.number("backup_reads", s.backup_reads);
  s.view = given.number("view", 0) != 0;
  s.ttl = given.number("ttl", s.ttl);
  s.staleness = given.number("staleness", s.staleness);
  const int without = given.number("without", -1);
  if (without >= 0) s.without = static_cast<eventual::rule>(without);
  const std::size_t states = given.states();
  given.refuse_unknown();
  const bool room = s.writes <= eventual::writes_max && s.writes + s.loads <= 6 &&
                    s.staleness <= eventual::ticks_max && s.ttl <= eventual::ticks_max;
  if (!room || (s.view && s.ttl > 0)) throw std::invalid_argument("the model has no such scope");
  return explored(eventual::eventual_model(s), states);
}

int strong(options& given) {
  namespace strong = model::strong;
  strong::scope s;
  const int keys = given.number("keys", 1);
  s.writes = given.number("writes", s.writes);
  s.leases = given.number("leases", s.leases);
  s.views = given.number("views", s.views);
  s.late = given.number("late", 0) != 0;
  s.minority = given.number("minority", 0) != 0;
  s.duplicates = given.number("duplicates", 0) != 0;
  const int without = given.number("without", -1);
  if (without >= 0) s.without = static_cast<strong::rule>(without);
  const std::size_t states = given.states();
  given.refuse_unknown();
  const bool room = s.writes <= 3 && s.views <= (s.minority ? 1 : 2);
  if (!room) throw std::invalid_argument("the model has no such scope");
  if (keys == 1) return explored(strong::strong_model<1>(s), states);
  if (keys == 2) return explored(strong::strong_model<2>(s), states);
  throw std::invalid_argument("--keys is 1 or 2");
}

int settling(options& given) {
  namespace settling = model::settling;
  settling::scope s;
  const int members = given.number("members", 3);
  s.views = given.number("views", s.views);
  s.operations = given.number("operations", s.operations);
  const int without = given.number("without", -1);
  if (without >= 0) s.without = static_cast<settling::rule>(without);
  const std::size_t states = given.states();
  given.refuse_unknown();
  if (s.views > settling::views_max || s.operations > settling::operations_max) {
    throw std::invalid_argument("more views or operations than the model has room for");
  }
  if (members == 3) return explored(settling::settling_model<3>(s), states);
  if (members == 4) return explored(settling::settling_model<4>(s), states);
  throw std::invalid_argument("--members is 3 or 4");
}

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name.empty()) throw std::invalid_argument("no model is named");
  options given{argc, argv};
  if (name == "copies") return copies(given);
  if (name == "views") return views(given);
  if (name == "eventual") return eventual(given);
  if (name == "settling") return settling(given);
  if (name == "strong") return strong(given);
  throw std::invalid_argument("unknown model " + name);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& refused) {
    std::fprintf(stderr, "kith_model: %s\n", refused.what());
    return 3;
  }
}
