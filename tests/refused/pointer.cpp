// refused: kith: pointers do not travel
#include <kith/codec_boost.hpp>

struct node {
  int* next = nullptr;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & next;
  }
};

kith::bytes write(const node& value) { return kith::encode(value); }
