#include "counters.hpp"
#include "database.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <stdlib.h>

namespace {

using catalog::database;
using catalog::package;

// A folder that is gone at the end of the test.
class temporary_folder {
 public:
  temporary_folder() {
    std::string name = std::filesystem::temp_directory_path() / "catalog-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~temporary_folder() { std::filesystem::remove_all(path_); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  [[nodiscard]] std::string operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

package make_package(const std::string& name, const std::string& description) {
  package made;
  made.name = name;
  made.version = "1.0";
  made.section = "drinks";
  made.size = 12;
  made.description = description;
  return made;
}

void two_packages(const database::sink& found) {
  found(make_package("tea", "green"));
  found(make_package("mate", "strong"));
  found(make_package("tea", "a second version"));
}

void no_source(const database::sink&) { throw std::runtime_error{"asked for content"}; }

}  // namespace

TEST_CASE("database: it is filled once, and the first of two versions counts") {
  const temporary_folder folder;
  std::atomic<std::uint64_t> selects{0};
  { database first{folder / "db", selects, two_packages}; }
  database rows{folder / "db", selects, no_source};
  CHECK(rows.names() == std::vector<std::string>{"mate", "tea"});
  CHECK(selects == 0);
  const auto tea = rows.find("tea");
  REQUIRE(tea);
  CHECK(tea->description == "green");
  CHECK(tea->revision == 1);
  CHECK(tea->read_at > 0);
  CHECK_FALSE(rows.find("coffee"));
  CHECK(selects == 2);
}

TEST_CASE("database: a source that fails leaves it empty for the next start") {
  const temporary_folder folder;
  std::atomic<std::uint64_t> selects{0};
  const auto half = [](const database::sink& found) {
    found(make_package("tea", "green"));
    throw std::runtime_error{"no more"};
  };
  CHECK_THROWS_AS((database{folder / "db", selects, half}), std::runtime_error);
  database rows{folder / "db", selects, two_packages};
  CHECK(rows.names().size() == 2);
}

TEST_CASE("database: a write changes what it names and counts the revision") {
  const temporary_folder folder;
  std::atomic<std::uint64_t> selects{0};
  database rows{folder / "db", selects, two_packages};
  CHECK(rows.write("tea", {.version = {}, .section = {}, .size = 13, .description = "black"}) == 2);
  auto tea = rows.find("tea");
  REQUIRE(tea);
  CHECK(tea->version == "1.0");
  CHECK(tea->size == 13);
  CHECK(tea->description == "black");
  CHECK(rows.write("coffee", {}) == 1);
  CHECK(rows.find("coffee")->version.empty());
  CHECK(rows.write("tea'; DROP TABLE package; --", {}) == 1);
  CHECK(rows.names().size() == 4);
}

// Two objects stand for two processes: the lock is on the open file.
TEST_CASE("database: replicas that start and write together get one content and all revisions") {
  const temporary_folder folder;
  const std::string path = folder / "db";
  std::atomic<std::uint64_t> selects{0};
  std::atomic<int> fills{0};
  const auto counted = [&](const database::sink& found) {
    ++fills;
    two_packages(found);
  };
  std::atomic<std::int64_t> revisions{0};
  {
    std::vector<std::jthread> replicas;
    for (int i = 0; i < 4; ++i) {
      replicas.emplace_back([&] {
        database rows{path, selects, counted};
        for (int n = 0; n < 25; ++n) revisions += rows.write("tea", {});
      });
    }
  }
  CHECK(fills == 1);
  CHECK(revisions == 101 * 102 / 2 - 1);  // each of 2 to 101, once
}

TEST_CASE("counters: what was counted is there when the file is opened again") {
  const temporary_folder folder;
  {
    catalog::counters_file file{folder / "counters"};
    CHECK(file.get().near == 0);
    file.get().near += 5;
    file.get().oldest_near_ns = 7;
  }
  catalog::counters_file again{folder / "counters"};
  CHECK(again.get().near == 5);
  CHECK(again.get().owner == 0);
  CHECK(again.get().oldest_near_ns == 7);
}
