#include <kith/core/log.hpp>

#include <doctest/doctest.h>

namespace kith {

TEST_CASE("log_level: each has its name, and worse is greater") {
  CHECK(to_string(log_level::debug) == "debug");
  CHECK(to_string(log_level::info) == "info");
  CHECK(to_string(log_level::warning) == "warning");
  CHECK(to_string(log_level::error) == "error");
  CHECK(log_level::debug < log_level::info);
  CHECK(log_level::info < log_level::warning);
  CHECK(log_level::warning < log_level::error);
}

}  // namespace kith
