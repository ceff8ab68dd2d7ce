// A user's program: includes all of kith and calls a little of it.
#include <kith/kith.hpp>

#include <kith/core/endpoint.hpp>

#include <cstdio>

kith::error_code from_the_other_file();

int main() {
  const auto where = kith::parse_endpoint("localhost:5801");
  if (!where || from_the_other_file() != kith::condition::retryable) return 1;
  std::printf("kith %s at %s\n", KITH_VERSION_STRING, to_string(*where).c_str());
}
