// Read-through with tags: rows come from a database by a loader, pages are made of rows, and a page
// is tagged with the rows that it shows. When a row changes, one call drops every page that shows
// it, on all members, without knowing which those are.
#include "support.hpp"

#include <kith/kith.hpp>

#include <boost/serialization/string.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;

struct product {
  std::string name;
  std::int64_t cents = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & name & cents;
  }
};

// Stands for a database: slow, and the source of truth.
class database {
 public:
  std::optional<product> find(const std::string& sku) {
    const std::lock_guard lock{mutex_};
    ++questions;
    const auto found = rows_.find(sku);
    return found == rows_.end() ? std::nullopt : std::optional{found->second};
  }
  void store(const std::string& sku, const product& row) {
    const std::lock_guard lock{mutex_};
    rows_[sku] = row;
  }

  std::atomic<int> questions = 0;

 private:
  std::mutex mutex_;
  std::map<std::string, product> rows_;
};

// One replica of the shop.
class shop {
 public:
  explicit shop(database& rows) : rows_{rows} {}

  std::string page(const std::string& name, const std::vector<std::string>& skus) {
    if (const kith::ref<std::string> kept = pages_.get(name)) return *kept;
    std::string made = name + ':';
    std::vector<kith::version> seen;
    for (const std::string& sku : skus) {
      const kith::ref<product> row = products_.get(sku);
      made += row ? ' ' + row->name + ' ' + std::to_string(row->cents) : " (gone)";
      seen.push_back(row.version());
    }
    const kith::version put = pages_.put(name, made, {.tags = skus});
    // A row may have changed after it was read here and before the page had its tags: then nobody
    // dropped the page. Whoever changes a row drops the row first, so that this sees it.
    for (std::size_t i = 0; i < skus.size(); ++i) {
      if (products_.get_versioned(skus[i]).version != seen[i]) pages_.erase_if_version(name, put);
    }
    return made;
  }

  void change(const std::string& sku, const product& row) {
    rows_.store(sku, row);
    products_.erase(sku);         // the next read loads the new row
    pages_.invalidate_tag(sku);   // and the pages that show it are made anew
  }

  bool keeps(const std::string& name) const { return pages_.contains(name); }
  std::size_t members() const { return member_.members().size(); }

 private:
  database& rows_;
  kith::member member_{{.cluster = "example-read-through-tags"}};
  kith::cache<std::string, product> products_ = member_.cache<std::string, product>("products", {
      .ttl = 10min,
      .load = [this](const std::string& sku) { return rows_.find(sku); },
  });
  kith::cache<std::string, std::string> pages_ =
      member_.cache<std::string, std::string>("pages", {.ttl = 10min});
};

int main() {
  database rows;
  rows.store("tea", {"Tea", 499});
  rows.store("mate", {"Mate", 399});
  rows.store("mug", {"Mug", 900});

  shop one{rows};
  shop other{rows};
  wait_until([&] { return one.members() == 2 && other.members() == 2; }, "two replicas");

  one.page("drinks", {"tea", "mate"});
  one.page("kitchen", {"mug"});
  std::cout << "other: " << other.page("drinks", {"tea", "mate"}) << '\n';
  expect(rows.questions == 3, "each row was asked for once, whoever showed it");

  one.change("tea", {"Green tea", 549});
  expect(!one.keeps("drinks"), "the page that shows tea is gone");
  expect(one.keeps("kitchen"), "the page that does not is still there");
  const auto shown = [&] { return other.page("drinks", {"tea", "mate"}); };
  const auto is_new = [&] { return shown().find("Green") != std::string::npos; };
  wait_until(is_new, "the other replica shows the new row");
  std::cout << "other: " << other.page("drinks", {"tea", "mate"}) << '\n';
  std::cout << "the database was asked " << rows.questions << " times\n";
  expect(rows.questions == 4, "only the changed row was asked for again");
}
