#include "target.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("target: names are read back as they were written") {
  std::string all;
  for (int code = 1; code < 128; ++code) all.push_back(static_cast<char>(code));
  for (const std::string& name : {std::string{"bash"}, std::string{"libstdc++6"}, all}) {
    CHECK(catalog::name_in(catalog::target_of(name)) == name);
  }
  CHECK(catalog::target_of("g++ 1/2%") == "/package/g++%201%2F2%25");
}

TEST_CASE("target: what is no name is refused") {
  for (const char* wrong : {"", "/", "/package", "/package/", "/stats", "/package/%", "/package/%4",
                            "/package/%zz", "/package/%+1", "/package/a%ff"}) {
    CHECK_MESSAGE(catalog::name_in(wrong).empty(), wrong);
  }
  CHECK(catalog::name_in("/package/" + std::string(256, 'a')).size() == 256);
  CHECK(catalog::name_in("/package/" + std::string(257, 'a')).empty());
}
