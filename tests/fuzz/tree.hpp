// A class with a field of every kind that the archive knows, and of its own: what archive_fuzz
// reads and its seeds are made of.
#pragma once

#include <kith/codec_boost.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace fuzz {

struct leaf {
  std::string text;
  bool flag = false;
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive & text;
    if (version >= 1) archive & flag;
  }
};

struct tree {
  std::vector<tree> children;
  std::map<std::string, leaf> leaves;
  std::optional<leaf> one;
  std::variant<std::monostate, std::int32_t, std::vector<std::string>> any;
  std::vector<bool> bits;
  std::deque<std::uint16_t> steps;
  std::list<std::tuple<std::int8_t, std::wstring>> items;
  std::set<std::int16_t> seen;
  std::unordered_map<std::int32_t, std::array<bool, 3>> table;
  std::vector<std::monostate> nothing;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & children & leaves & one & any & bits & steps & items & seen & table & nothing;
  }
};

}  // namespace fuzz

BOOST_CLASS_VERSION(fuzz::leaf, 1)
