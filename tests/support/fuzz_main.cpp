// Runs a fuzz target without libFuzzer: seeded bytes, so that every build with every compiler
// checks each decoder a little. libFuzzer, which looks for the rare branches, brings its own main.
#include <kith/core/random.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Small values are as frequent as all others together: they are what counts and tags are made of.
std::vector<std::uint8_t> draw(kith::random_source& random) {
  std::vector<std::uint8_t> input(random.below(512));
  for (std::uint8_t& byte : input) {
    byte = static_cast<std::uint8_t>(random.below(random.below(2) == 0 ? 4 : 256));
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t runs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
  kith::random_source random{1};
  for (std::uint64_t run = 0; run < runs; ++run) {
    const std::vector<std::uint8_t> input = draw(random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu inputs\n", static_cast<unsigned long long>(runs));
}
