// Seeds of archive_fuzz: trees, whole and damaged.
#include "corpus.hpp"

#include <fuzz/tree.hpp>

#include <kith/codec_boost.hpp>

namespace fuzz {

namespace {

constexpr std::string_view target = "archive";

tree sample() {
  tree all;
  all.leaves = {{"first", {"a text", true}}, {"second", {"", false}}};
  all.one = leaf{"only", true};
  all.any = std::vector<std::string>{"x", "y"};
  all.bits = {true, false, true};
  all.steps = {1, 2, 3};
  all.items = {{std::int8_t{-1}, L"wide"}};
  all.seen = {-3, 3};
  all.table = {{7, {true, false, true}}};
  all.nothing.resize(3);
  return all;
}

tree nested(int depth) {
  tree all;
  if (depth > 0) all.children.push_back(nested(depth - 1));
  return all;
}

/// Some levels of children that claim a thousand more each: deeper than a value may be.
kith::bytes depth_bomb() {
  kith::bytes all;
  for (int level = 0; level < 200; ++level) {
    for (const int byte : {0, 1}) all.push_back(static_cast<std::byte>(byte));
  }
  return all;
}

}  // namespace

void add_archive(corpus& to) {
  const kith::bytes whole = kith::encode(sample());
  to.add(target, "empty-tree", kith::encode(tree{}));
  to.add(target, "whole-tree", whole);
  to.add(target, "nested-ten-deep", kith::encode(nested(10)));
  to.add(target, "11-nested-too-deep", depth_bomb());
  kith::bytes changed = whole;
  changed.resize(whole.size() / 2);
  to.add(target, "08-cut-in-half", changed);
  to.add(target, "08-count-of-everything",
         listed({0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 7}));
  to.add(target, "09-padded-count", listed({0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  changed = whole;
  changed.push_back(std::byte{0});
  to.add(target, "10-trailing-byte", changed);
  changed = whole;
  for (std::byte& one : changed) one ^= std::byte{0x40};
  to.add(target, "30-bytes-of-another-type", changed);
}

}  // namespace fuzz
