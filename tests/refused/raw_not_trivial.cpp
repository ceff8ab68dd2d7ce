// refused: kith: trivially_encoded<T> needs a trivially copyable T
#include <kith/codec.hpp>

#include <string>

struct named {
  std::string name;
};
template <>
inline constexpr bool kith::trivially_encoded<named> = true;

kith::bytes write(const named& value) { return kith::encode(value); }
