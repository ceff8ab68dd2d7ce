// refused: kith: a view does not own what it shows
#include <kith/codec_boost.hpp>

#include <string_view>

struct label {
  std::string_view text;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & text;
  }
};

bool read(kith::byte_view from, label& into) { return kith::decode(from, into); }
