// What the tests of the models have in common.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include "explorer.hpp"

namespace model {

inline std::string text_of(const outcome& found) {
  std::string out = std::to_string(found.states) + " states, depth " + std::to_string(found.depth);
  for (const std::string& line : found.trace) out += "\n  " + line;
  return found.broken.empty() ? out : out + "\n  => " + found.broken;
}

/// The rules hold in every state of a scope, which has at least `states_min` of them: a model that
/// stands still breaks no rule.
template <class Model>
void check_holds(const Model& model, std::size_t states_min) {
  const outcome found = explore(model, 30'000'000);
  INFO(text_of(found));
  CHECK(found.result == verdict::holds);
  CHECK(found.states >= states_min);
}

/// Without its rule the model breaks the promise that starts with `broken`.
template <class Model>
void check_caught(const Model& model, const std::string& broken) {
  const outcome found = explore(model, 10'000'000);
  INFO(text_of(found));
  CHECK(found.result == verdict::violated);
  CHECK(found.broken.substr(0, broken.size()) == broken);
}

}  // namespace model
