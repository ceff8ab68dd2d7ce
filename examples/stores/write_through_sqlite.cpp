// Write-through: what is put into the cache is in the database when the call returns, whichever
// replica owns the key; and a write that comes late, of an owner that was replaced, changes
// nothing.
#include "../support.hpp"
#include "sqlite_table.hpp"

#include <kith/kith.hpp>

#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

/// A write as the owner of its key tried it.
struct tried_write {
  std::string key;
  std::optional<std::string> value;
  kith::write_fence fence;
};

/// Of all replicas, in their order.
class journal {
 public:
  void note(tried_write one) {
    const std::lock_guard lock{mutex_};
    all_.push_back(std::move(one));
  }
  tried_write first() {
    const std::lock_guard lock{mutex_};
    return all_.front();
  }
  std::size_t size() {
    const std::lock_guard lock{mutex_};
    return all_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<tried_write> all_;
};

/// One replica of a program, with a connection of its own.
class replica {
 public:
  replica(const std::string& path, journal& tried) : table_{path}, tried_{tried} {}

  const kith::cache<std::string, std::string>& words() const { return words_; }
  stores::sqlite_table& table() { return table_; }
  std::size_t members() const { return member_.members().size(); }

 private:
  stores::sqlite_table table_;
  journal& tried_;
  kith::member member_{{.cluster = "example-write-through"}};
  kith::cache<std::string, std::string> words_ = member_.cache<std::string, std::string>(
      "words", {
                   .load = [this](const std::string& key) { return table_.find(key); },
                   .write =
                       [this](const std::string& key, const std::optional<std::string>& value,
                              const kith::write_fence& fence) {
                         tried_.note({key, value, fence});
                         table_.write(key, value, fence);
                       },
               });
};

void run(const std::string& path) {
  journal tried;
  replica one{path, tried};
  replica other{path, tried};
  wait_until([&] { return one.members() == 2 && other.members() == 2; }, "two replicas");

  one.words().put("tea", "green");
  expect(other.table().find("tea") == "green", "the row is there when put returns");
  other.words().put("mate", "of one key");
  other.words().erase("mate");
  expect(!one.table().find("mate"), "the row is gone when erase returns");
  const bool taken = one.words().put_if_absent("tea", "black");
  expect(!taken && tried.size() == 3, "a condition that does not hold does not reach the database");
  std::cout << "writes of the database: " << tried.size() << '\n';

  other.words().put("tea", "white");
  const tried_write late = tried.first();
  bool refused = false;
  try {
    one.table().write(late.key, late.value, late.fence);  // as one that hung until now would
  } catch (const kith::write_refused& why) {
    refused = true;
    std::cout << "refused: " << why.what() << '\n';
  }
  expect(refused, "a late write is refused by its fence");
  expect(one.table().find("tea") == "white", "the newer row is still there");

  one.words().clear();
  expect(*one.words().get("tea") == "white", "what the cache lost is loaded from the database");
  std::cout << "tea: " << *other.words().get("tea") << '\n';
}

}  // namespace

int main() {
  const auto folder =
      std::filesystem::temp_directory_path() / ("kith-write-through-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  run((folder / "words.sqlite").string());
  std::filesystem::remove_all(folder);
}
