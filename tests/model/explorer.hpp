// Explores every state that a model can reach, and shows the shortest way to one that is wrong.
//
// A model is a value type with a small state and these functions:
//
//   state initial() const;                                    // where all runs begin
//   void successors(const state&, sink) const;                // sink(state, step) for each next
//   one const char* violated(const state&) const;                 // what is wrong here, or nullptr
//
// The search is breadth first and deterministic: states are met in the order in which the model
// names them, so the first violation has a shortest trace and is the same one in every run. Of
// states that were met only 128-bit fingerprints are kept; a trace is found by playing the choices
// again. Two states with one fingerprint would hide one of them: at 10^8 states the odds are
// 10^-23.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace model {

/// What happens between two states, for traces: each `#` in the text is the next of the numbers.
struct step {
  const char* text = "";
  std::array<int, 3> numbers = {};
};

inline std::string text_of(const step& taken) {
  std::string out;
  std::size_t next = 0;
  for (const char* at = taken.text; *at != 0; ++at) {
    if (*at != '#') out += *at;
    if (*at == '#') out += std::to_string(taken.numbers.at(next++));
  }
  return out;
}

enum class verdict { holds, violated, bound_reached };

struct outcome {
  verdict result = verdict::holds;
  std::size_t states = 0;       // that were met
  std::size_t transitions = 0;  // that were taken, those to known states too
  std::size_t depth = 0;        // steps from the beginning to the last state that was looked at
  std::string broken = {};      // what violated() said
  std::vector<std::string> trace = {};  // the steps to it, as few as there can be
};

struct fingerprint {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const fingerprint&) const = default;
};

/// Needs a state without padding: its bytes are what is compared.
template <class State>
fingerprint fingerprint_of(const State& state) {
  static_assert(std::has_unique_object_representations_v<State>);
  static_assert(std::is_trivially_copyable_v<State>);
  std::array<std::uint64_t, (sizeof(State) + 7) / 8> words = {};
  std::memcpy(words.data(), &state, sizeof(State));
  fingerprint made{0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F};
  for (const std::uint64_t word : words) {
    made.high = (made.high ^ word) * 0xFF51AFD7ED558CCD;
    made.high ^= made.high >> 32;
    made.low = (made.low + word) * 0xC4CEB9FE1A85EC53;
    made.low ^= made.low >> 29;
  }
  if (made == fingerprint{}) made.low = 1;  // zero is an empty slot
  return made;
}

/// The fingerprints of the states that were met: open addressing, nothing is taken out.
class visited_states {
 public:
  /// True for one that was not there.
  bool insert(fingerprint found) {
    if (size_ * 10 > slots_.size() * 7) grow();
    fingerprint& slot = slot_of(slots_, found);
    if (slot == found) return false;
    slot = found;
    ++size_;
    return true;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static fingerprint& slot_of(std::vector<fingerprint>& slots, fingerprint found) {
    std::size_t at = found.low & (slots.size() - 1);
    while (!(slots[at] == fingerprint{}) && !(slots[at] == found)) {
      at = (at + 1) & (slots.size() - 1);
    }
    return slots[at];
  }

  void grow() {
    std::vector<fingerprint> larger(slots_.size() * 2);
    for (const fingerprint kept : slots_) {
      if (!(kept == fingerprint{})) slot_of(larger, kept) = kept;
    }
    slots_.swap(larger);
  }

  std::vector<fingerprint> slots_ = std::vector<fingerprint>(1 << 16);
  std::size_t size_ = 0;
};

template <class Model>
class explorer {
 public:
  using state = typename Model::state;

  explorer(const Model& model, std::size_t states_max) : model_{model}, states_max_{states_max} {}

  /// Looks at every state that can be reached, or at `states_max` of them.
  outcome run() {
    std::vector<state> level{model_.initial()};
    visited_.insert(fingerprint_of(level.front()));
    origins_.push_back({});
    look_at(level.front(), 0);
    for (std::size_t first = 0; !level.empty() && going_on(); ++found_.depth) {
      std::vector<state> next;
      for (std::size_t k = 0; k < level.size() && going_on(); ++k) {
        expand(level[k], first + k, next);
      }
      first += level.size();
      level.swap(next);
    }
    found_.states = visited_.size();
    return found_;
  }

 private:
  struct origin {
    std::uint32_t parent = 0;  // by the order in which states were met
    std::uint32_t choice = 0;  // which of its successors
  };

  [[nodiscard]] bool going_on() const { return found_.result == verdict::holds; }

  void expand(const state& from, std::size_t number, std::vector<state>& next) {
    std::uint32_t choice = 0;
    model_.successors(from, [&](const state& to, const step&) {
      const std::uint32_t chosen = choice++;
      if (!going_on()) return;
      ++found_.transitions;
      if (!visited_.insert(fingerprint_of(to))) return;
      origins_.push_back({static_cast<std::uint32_t>(number), chosen});
      next.push_back(to);
      look_at(to, origins_.size() - 1);
      if (going_on() && visited_.size() >= states_max_) found_.result = verdict::bound_reached;
    });
  }

  void look_at(const state& met, std::size_t number) {
    const char* broken = model_.violated(met);
    if (broken == nullptr) return;
    found_.result = verdict::violated;
    found_.broken = broken;
    found_.trace = trace_to(number);
  }

  std::vector<std::string> trace_to(std::size_t number) const {
    std::vector<std::uint32_t> choices;
    for (; number != 0; number = origins_[number].parent) {
      choices.push_back(origins_[number].choice);
    }
    std::vector<std::string> trace;
    state at = model_.initial();
    for (; !choices.empty(); choices.pop_back()) {
      std::uint32_t choice = 0;
      state chosen = at;
      model_.successors(at, [&](const state& to, const step& taken) {
        if (choice++ != choices.back()) return;
        chosen = to;
        trace.push_back(text_of(taken));
      });
      at = chosen;
    }
    return trace;
  }

  const Model& model_;
  const std::size_t states_max_;
  visited_states visited_;
  std::vector<origin> origins_;
  outcome found_;
};

/// Explores `model`, and stops at the first violation or after `states_max` states.
template <class Model>
outcome explore(const Model& model, std::size_t states_max) {
  return explorer<Model>(model, states_max).run();
}

}  // namespace model
