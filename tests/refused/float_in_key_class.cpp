// refused: kith: keys must have one encoding for each value
#include <kith/codec_boost.hpp>

#include <cstdint>
#include <vector>

struct place {
  std::vector<double> coordinates;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & coordinates;
  }
};

std::uint64_t hash(const place& key) { return kith::encoded_key<place>{key}.hash(); }
