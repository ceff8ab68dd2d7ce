// refused: kith: keys must have one encoding for each value
#include <kith/codec.hpp>

#include <cstdint>

std::uint64_t hash(double key) { return kith::encoded_key<double>{key}.hash(); }
