// refused: kith: keys must have one encoding for each value
#include <kith/codec_boost.hpp>

#include <cstdint>
#include <unordered_set>

using words = std::unordered_set<std::string>;
std::uint64_t hash(const words& key) { return kith::encoded_key<words>{key}.hash(); }
