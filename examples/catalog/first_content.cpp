#include "first_content.hpp"

#include "csv.hpp"
#include "package_list.hpp"
#include "utf8.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace catalog {
namespace {

void read_apt(const database::sink& found) {
  std::size_t count = 0;
  package_list_parser parser{[&](package&& row) {
    if (!is_utf8(row.description) || !is_utf8(row.version) || !is_utf8(row.section)) return;
    ++count;
    found(std::move(row));
  }};
  // A fixed command: nothing of it comes from outside.
  std::FILE* const pipe = ::popen("LC_ALL=C.UTF-8 apt-cache dumpavail", "r");
  if (pipe == nullptr) throw std::runtime_error{"apt-cache cannot be started"};
  std::array<char, 65536> buffer{};
  try {
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      parser.feed({buffer.data(), got});
    }
    parser.finish();
  } catch (...) {
    ::pclose(pipe);
    throw;
  }
  const int status = ::pclose(pipe);
  if (status != 0 || count == 0) {
    throw std::runtime_error{
        "apt-cache dumpavail gave no packages: run apt-get update first, or give a CSV file"};
  }
}

}  // namespace

database::source packages_of_apt() { return read_apt; }

database::source packages_of_csv(std::string path) {
  return [path = std::move(path)](const database::sink& found) {
    std::ifstream from{path, std::ios::binary};
    if (!from) throw std::runtime_error{path + " cannot be read"};
    try {
      read_packages(from, found);
    } catch (const std::runtime_error& wrong) {
      throw std::runtime_error{path + ": " + wrong.what()};
    }
  };
}

}  // namespace catalog
