// refused: kith: T has no codec
#include <kith/codec.hpp>

struct unclaimed {
  int value = 0;
};

kith::bytes write(const unclaimed& value) { return kith::encode(value); }
