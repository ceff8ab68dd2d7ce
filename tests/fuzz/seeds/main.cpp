// Writes the seeds of all fuzz targets, or says which of them are not as they would be written. See
// scripts/fuzz_corpus.sh.
//
// usage: fuzz_seeds [--check] <folder>
#include "corpus.hpp"

#include <kith/core/bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// Inputs that a fuzzer found are kept beside the seeds.
constexpr std::string_view kept = "found-";

fuzz::corpus all_seeds() {
  fuzz::corpus all;
  fuzz::add_splitter(all);
  fuzz::add_messages(all);
  fuzz::add_archive(all);
  fuzz::add_near_cache(all);
  fuzz::add_membership(all);
  fuzz::add_cluster(all);
  fuzz::add_peer(all);
  fuzz::add_snapshot(all);
  return all;
}

std::vector<char> content_of(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::vector<char> as_chars(const kith::bytes& seed) {
  std::vector<char> chars(seed.size());
  std::ranges::transform(seed, chars.begin(), [](std::byte b) { return static_cast<char>(b); });
  return chars;
}

/// Files below `folder` that are no seeds any more.
std::vector<fs::path> strays(const fs::path& folder, const fuzz::corpus& all) {
  std::vector<fs::path> found;
  if (!fs::exists(folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator{folder}) {
    if (!entry.is_regular_file()) continue;
    const bool is_kept = entry.path().filename().string().starts_with(kept);
    const std::string name = fs::relative(entry.path(), folder).generic_string();
    if (!is_kept && !all.seeds().contains(name)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

int check(const fs::path& folder, const fuzz::corpus& all) {
  int wrong = 0;
  for (const auto& [name, seed] : all.seeds()) {
    if (fs::exists(folder / name) && content_of(folder / name) == as_chars(seed)) continue;
    std::fprintf(stderr, "%s is not what its maker writes\n", name.c_str());
    ++wrong;
  }
  for (const fs::path& stray : strays(folder, all)) {
    std::fprintf(stderr, "%s has no maker\n", stray.string().c_str());
    ++wrong;
  }
  if (wrong > 0) std::fprintf(stderr, "scripts/fuzz_corpus.sh writes the seeds anew\n");
  return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int write(const fs::path& folder, const fuzz::corpus& all) {
  for (const fs::path& stray : strays(folder, all)) fs::remove(stray);
  for (const auto& [name, seed] : all.seeds()) {
    fs::create_directories((folder / name).parent_path());
    const std::vector<char> chars = as_chars(seed);
    std::ofstream out{folder / name, std::ios::binary};
    out.write(chars.data(), static_cast<std::streamsize>(chars.size()));
    if (!out.flush()) {
      std::fprintf(stderr, "cannot write %s\n", (folder / name).string().c_str());
      return EXIT_FAILURE;
    }
  }
  std::printf("%zu seeds\n", all.seeds().size());
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const bool only_check = argc == 3 && std::string_view{argv[1]} == "--check";
  if (argc != 2 && !only_check) {
    std::fprintf(stderr, "usage: %s [--check] <folder>\n", argv[0]);
    return 2;
  }
  try {
    const fuzz::corpus all = all_seeds();
    return only_check ? check(argv[2], all) : write(argv[1], all);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return EXIT_FAILURE;
  }
}
