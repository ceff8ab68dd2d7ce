// refused: kith: polymorphic types do not travel
#include <kith/codec_boost.hpp>

struct animal {
  virtual ~animal() = default;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

kith::bytes write(const animal& value) { return kith::encode(value); }
