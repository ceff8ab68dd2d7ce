// A table of SQLite whose rows have a fence: a write of an owner that was replaced is refused.
#pragma once

#include "../catalog/sqlite.hpp"

#include <kith/writer.hpp>

#include <mutex>
#include <optional>
#include <string>

namespace stores {

/// Any thread: loaders and writers run on several.
class sqlite_table {
 public:
  explicit sqlite_table(const std::string& path) : database_{path} {
    // An erased row stays, without a value: a row that is gone has no fence.
    database_.execute(
        "PRAGMA journal_mode = WAL;"
        "CREATE TABLE IF NOT EXISTS words (key TEXT PRIMARY KEY, value TEXT,"
        " fence TEXT NOT NULL DEFAULT '')");
  }

  std::optional<std::string> find(const std::string& key) {
    const std::lock_guard lock{mutex_};
    catalog::sqlite::statement query{
        database_.get(), "SELECT value FROM words WHERE key = ?1 AND value IS NOT NULL"};
    query.bind(1, key);
    if (!query.step()) return std::nullopt;
    return query.text(0);
  }

  /// Throws kith::write_refused where the row has a higher fence. In one statement: so nothing
  /// comes between the comparison and the write.
  void write(const std::string& key, const std::optional<std::string>& value,
             const kith::write_fence& fence) {
    const std::lock_guard lock{mutex_};
    const std::string text = fence.text();
    catalog::sqlite::statement change{
        database_.get(),
        "INSERT INTO words (key, value, fence) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, fence = excluded.fence"
        " WHERE words.fence < excluded.fence"};
    change.bind(1, key);
    change.bind(2, value);
    change.bind(3, text);
    change.step();
    if (sqlite3_changes(database_.get()) == 0) {
      throw kith::write_refused{"a later owner has written " + key};
    }
  }

 private:
  std::mutex mutex_;
  catalog::sqlite::connection database_;
};

}  // namespace stores
