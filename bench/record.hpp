// What the benchmarks store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// About 103 bytes on the wire.
struct record {
  std::string name;
  std::vector<std::int32_t> numbers;
  double price = 0;
  std::uint64_t id = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & name & numbers & price & id;
  }
};

}  // namespace bench
