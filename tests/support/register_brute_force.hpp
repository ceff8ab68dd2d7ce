// Register histories for tests: a search that tries everything, which only small histories are for,
// and what draws such histories from a seed.
#pragma once

#include <kith/core/random.hpp>
#include <kith/sim/register_history.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace kith::test {

/// Every order of the operations, every choice of those without an answer, every version for the
/// writes whose version was not told. Shares nothing with what it is to judge: the register here
/// always knows its version.
class brute_force {
 public:
  explicit brute_force(const sim::register_history& history)
      : all_{history}, taken_(history.size()) {
    for (const auto& op : all_) {
      newest_ = std::max({newest_, op.version, op.expected});
    }
    newest_ += all_.size();
  }

  [[nodiscard]] bool linearizable() { return from({}); }

 private:
  struct register_now {
    std::optional<std::int64_t> value;
    std::uint64_t version = 0;
  };

  bool from(const register_now& now) {
    bool done = true;
    for (std::size_t i = 0; i < all_.size(); ++i) done = done && (taken_[i] || !all_[i].returned);
    if (done) return true;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (taken_[i] || came_behind_another(i)) continue;
      taken_[i] = true;
      if (takes(all_[i], now)) return true;
      taken_[i] = false;
    }
    return false;
  }

  [[nodiscard]] bool came_behind_another(std::size_t i) const {
    for (std::size_t j = 0; j < all_.size(); ++j) {
      if (!taken_[j] && all_[j].returned && *all_[j].returned < all_[i].invoked) return true;
    }
    return false;
  }

  bool takes(const sim::register_operation& op, const register_now& now) {
    const bool answered = op.returned.has_value();
    const std::uint64_t current = now.value ? now.version : 0;
    switch (op.action) {
      case sim::register_action::get:
        if (answered && op.yes != now.value.has_value()) return false;
        if (answered && op.yes && op.value != *now.value) return false;
        if (answered && op.yes && op.version != 0 && op.version != current) return false;
        return from(now);
      case sim::register_action::put: return write(op, now, op.argument);
      case sim::register_action::erase: return write(op, now, std::nullopt);
      case sim::register_action::add: {
        const auto sum =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(now.value.value_or(0)) +
                                      static_cast<std::uint64_t>(op.argument));
        if (answered && op.value != sum) return false;
        return write(op, now, sum);
      }
      case sim::register_action::put_if_absent:
        if (answered && op.yes != !now.value) return false;
        return now.value ? from(now) : write(op, now, op.argument);
      case sim::register_action::compare_and_put:
        if (answered && op.yes != (current == op.expected)) return false;
        return current == op.expected ? write(op, now, op.argument) : from(now);
      case sim::register_action::inherit: return inherit(op, now);
    }
    return false;
  }

  bool inherit(const sim::register_operation& op, const register_now& now) {
    if (now.version != 0 || inherited_ != 0) return false;
    inherited_ = op.expected;
    // What is told, or what it was before small additions.
    std::set<std::int64_t> values;
    for (const auto& told : all_) {
      for (std::int64_t added = 0; added < 20; ++added) values.insert(told.value - added);
    }
    bool fits = from(now);
    for (const std::int64_t value : values) {
      for (std::uint64_t at = 1; at <= op.expected; ++at) fits = fits || from({value, at});
    }
    inherited_ = 0;
    return fits;
  }

  bool write(const sim::register_operation& op, const register_now& now,
             std::optional<std::int64_t> value) {
    const bool told = op.returned && op.version != 0;
    const std::uint64_t above = std::max(now.version, inherited_);
    if (told && op.version <= above) return false;
    const std::uint64_t last = told ? op.version : newest_;
    for (std::uint64_t at = told ? op.version : above + 1; at <= last; ++at) {
      if (from({value, at})) return true;
    }
    return false;
  }

  const sim::register_history& all_;
  std::vector<bool> taken_;
  /// No answer tells more than whether a version is above this one.
  std::uint64_t newest_ = 0;
  std::uint64_t inherited_ = 0;
};

/// What is drawn: all operations, all behind something that was there before, or gets, puts and
/// erases with answers and versions.
enum class drawn_actions : std::uint8_t { all, inheriting, plain };

/// A register served operations that overlap; then, in every second history, one answer was
/// changed.
class drawn_history {
 public:
  drawn_history(std::uint64_t seed, drawn_actions which) : random_{seed}, which_{which} {}

  [[nodiscard]] sim::register_history draw() {
    const std::size_t count = 3 + random_.below(4);
    sim::register_history all;
    if (which_ == drawn_actions::inheriting) all.push_back(inherit());
    while (all.size() < count) all.push_back(serve(all.size()));
    if (random_.below(3) > 0) spoil(all[random_.below(count)]);
    return all;
  }

 private:
  [[nodiscard]] sim::register_operation serve(std::size_t number) {
    sim::register_operation op;
    op.client = number;
    const auto served = static_cast<std::int64_t>(10 * number);
    op.invoked = served - number_below(16);
    op.returned = served + number_below(16);
    op.action = which_ == drawn_actions::plain
                    ? plain_[random_.below(plain_.size())]
                    : static_cast<sim::register_action>(random_.below(6));
    const bool stores =
        op.action != sim::register_action::get && op.action != sim::register_action::erase;
    if (stores) op.argument = 1 + number_below(3);
    const bool told = which_ == drawn_actions::plain || random_.below(2) == 0;
    switch (op.action) {
      case sim::register_action::get:
        op.yes = value_.has_value();
        op.value = value_.value_or(0);
        if (told && value_) op.version = version_;
        break;
      case sim::register_action::put_if_absent: op.yes = !value_; break;
      case sim::register_action::compare_and_put:
        op.expected = random_.below(version_ + 2);
        op.yes = op.expected == (value_ ? version_ : 0);
        break;
      case sim::register_action::add: op.value = value_.value_or(0) + op.argument; break;
      default: break;
    }
    if (sim::writes(op)) apply(op, told);
    if (which_ != drawn_actions::plain && random_.below(6) == 0) forget_answer(op);
    return op;
  }
  [[nodiscard]] sim::register_operation inherit() {
    sim::register_operation op;
    op.action = sim::register_action::inherit;
    op.invoked = -100;
    op.returned = -99;
    op.expected = inherited_ = 1 + random_.below(3);
    if (random_.below(3) > 0) {
      value_ = 1 + number_below(3);
      version_ = 1 + random_.below(inherited_);
    }
    return op;
  }
  void apply(sim::register_operation& op, bool told) {
    version_ = std::max(version_, inherited_) + 1 + random_.below(2);
    if (told) op.version = version_;
    value_ = op.action == sim::register_action::add ? op.value : op.argument;
    if (op.action == sim::register_action::erase) value_.reset();
  }
  static void forget_answer(sim::register_operation& op) {
    op.returned.reset();
    op.yes = false;
    op.value = 0;
    op.version = 0;
  }
  void spoil(sim::register_operation& op) {
    if (!op.returned) return;
    switch (random_.below(3)) {
      case 0:
        if (op.version != 0) op.version = 1 + random_.below(version_ + 1);
        break;
      case 1:
        if (op.action == sim::register_action::add || op.value != 0) ++op.value;
        break;
      default: turn(op);
    }
  }
  /// There was an entry, or it was put, where there was none or it was not; or the other way round.
  void turn(sim::register_operation& op) {
    const bool get = op.action == sim::register_action::get;
    if (!get && op.action != sim::register_action::put_if_absent &&
        op.action != sim::register_action::compare_and_put) {
      return;
    }
    op.yes = !op.yes;
    op.value = get && op.yes ? 1 : 0;
    op.version = get && op.yes ? 1 + random_.below(version_ + 1) : 0;
  }
  [[nodiscard]] std::int64_t number_below(std::uint64_t most) {
    return static_cast<std::int64_t>(random_.below(most));
  }

  random_source random_;
  const drawn_actions which_;
  const std::vector<sim::register_action> plain_{
      sim::register_action::get, sim::register_action::put, sim::register_action::erase};
  std::optional<std::int64_t> value_;
  std::uint64_t version_ = 0;
  std::uint64_t inherited_ = 0;
};

}  // namespace kith::test
