// refused: kith: pointers do not travel
#include <kith/codec_boost.hpp>

#include <memory>

struct node {
  std::shared_ptr<node> next;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & next;
  }
};

bool read(kith::byte_view from, node& into) { return kith::decode(from, into); }
