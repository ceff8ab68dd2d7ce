// Runs a fuzz target without libFuzzer, which brings its own main: on the files that are named, or
// all files of a folder that is; without a name on seeded bytes, so that every build with every
// compiler checks each decoder a little.
//
// usage: <target> [file or folder]...  or  <target> --random RUNS
#include <kith/core/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

// Small values are as frequent as all others together: they are what counts and tags are made of.
std::vector<std::uint8_t> draw(kith::random_source& random) {
  std::vector<std::uint8_t> input(random.below(512));
  for (std::uint8_t& byte : input) {
    byte = static_cast<std::uint8_t>(random.below(random.below(2) == 0 ? 4 : 256));
  }
  return input;
}

int run_random(std::uint64_t runs) {
  kith::random_source random{1};
  for (std::uint64_t run = 0; run < runs; ++run) {
    const std::vector<std::uint8_t> input = draw(random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu inputs\n", static_cast<unsigned long long>(runs));
  return EXIT_SUCCESS;
}

/// In the order of their names, whatever the file system's is.
std::vector<fs::path> files_of(const fs::path& named) {
  if (!fs::is_directory(named)) return {named};
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator{named}) {
    if (entry.is_regular_file()) all.push_back(entry.path());
  }
  std::ranges::sort(all);
  return all;
}

/// False when it cannot be read.
bool run_file(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) return false;
  const std::vector<char> input{std::istreambuf_iterator<char>{in}, {}};
  // Before it runs: the last name is the one that failed.
  std::printf("%s\n", file.string().c_str());
  std::fflush(stdout);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return run_random(20'000);
  if (std::string_view{argv[1]} == "--random") {
    return run_random(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20'000);
  }
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const fs::path& file : files_of(argv[i])) {
      if (!run_file(file)) {
        std::fprintf(stderr, "cannot read %s\n", file.string().c_str());
        return EXIT_FAILURE;
      }
      ++count;
    }
  }
  std::printf("%zu files\n", count);
  return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
