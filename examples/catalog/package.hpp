// One row of the catalogue, as the database has it and as the cluster caches it.
#pragma once

#include <boost/serialization/string.hpp>

#include <cstdint>
#include <string>

namespace catalog {

struct package {
  std::string name;
  std::string version;
  std::string section;
  std::int64_t size = 0;
  std::string description;
  /// Grows with every write of the row. Clients see it as the ETag, and can tell by it that an
  /// answer is older than a write they know of.
  std::int64_t revision = 0;
  /// When a replica read the row from the database, in nanoseconds of the machine's wall clock.
  std::int64_t read_at = 0;

  friend bool operator==(const package&, const package&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive & name & version & section & size & description & revision & read_at;
  }
};

}  // namespace catalog
