// Hostile bytes against the archive that runs users' serialize(). What is refused must be refused
// without a fault; what is read must survive being written and read again.
//
//   clang++-19 -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -I include
//     tests/fuzz/archive_fuzz.cpp -o archive_fuzz && ./archive_fuzz -malloc_limit_mb=64
#include <kith/codec_boost.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

struct leaf {
  std::string text;
  bool flag = false;
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive & text;
    if (version >= 1) archive & flag;
  }
};

struct tree {
  std::vector<tree> children;
  std::map<std::string, leaf> leaves;
  std::optional<leaf> one;
  std::variant<std::monostate, std::int32_t, std::vector<std::string>> any;
  std::vector<bool> bits;
  std::deque<std::uint16_t> steps;
  std::list<std::tuple<std::int8_t, std::wstring>> items;
  std::set<std::int16_t> seen;
  std::unordered_map<std::int32_t, std::array<bool, 3>> table;
  std::vector<std::monostate> nothing;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & children & leaves & one & any & bits & steps & items & seen & table & nothing;
  }
};

}  // namespace

BOOST_CLASS_VERSION(leaf, 1)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kith::byte_view view{reinterpret_cast<const std::byte*>(data), size};
  const auto value = kith::decode<tree>(view);
  if (!value) return 0;
  const kith::bytes once = kith::encode(*value);
  const auto again = kith::decode<tree>(once);
  if (!again || kith::encode(*again).size() != once.size()) std::abort();
  return 0;
}
