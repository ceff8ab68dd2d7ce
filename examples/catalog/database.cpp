#include "database.hpp"

#include "file.hpp"
#include "sqlite.hpp"

#include <chrono>
#include <utility>

namespace catalog {
namespace {

constexpr const char* schema = R"(
  CREATE TABLE IF NOT EXISTS package (
    name TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    section TEXT NOT NULL,
    size INTEGER NOT NULL,
    description TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1
  ) WITHOUT ROWID)";

constexpr const char* select_package =
    "SELECT version, section, size, description, revision FROM package WHERE name = ?1";

constexpr const char* write_package = R"(
  INSERT INTO package (name, version, section, size, description)
  VALUES (?1, COALESCE(?2, ''), COALESCE(?3, ''), COALESCE(?4, 0), COALESCE(?5, ''))
  ON CONFLICT (name) DO UPDATE SET
    version = COALESCE(?2, version),
    section = COALESCE(?3, section),
    size = COALESCE(?4, size),
    description = COALESCE(?5, description),
    revision = revision + 1
  RETURNING revision)";

// apt may know a package in several versions; the first is the one it would install.
constexpr const char* insert_package = R"(
  INSERT OR IGNORE INTO package (name, version, section, size, description)
  VALUES (?1, ?2, ?3, ?4, ?5))";

std::int64_t wall_clock_ns() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

}  // namespace

/// A connection with its statements.
class database::session {
 public:
  explicit session(const std::string& path)
      : on_{path}, select_{on_.get(), select_package}, write_{on_.get(), write_package} {
    // With a write-ahead log a commit need not wait for the disk to be safe from a killed process.
    on_.execute("PRAGMA synchronous = NORMAL");
  }

  std::optional<package> find(std::string_view name) {
    const sqlite::run running{select_};
    package found;
    found.read_at = wall_clock_ns();  // before the read: the row is at least as new
    select_.bind(1, name);
    if (!select_.step()) return std::nullopt;
    found.name = name;
    found.version = select_.text(0);
    found.section = select_.text(1);
    found.size = select_.number(2);
    found.description = select_.text(3);
    found.revision = select_.number(4);
    return found;
  }

  std::int64_t write(std::string_view name, const package_change& change) {
    const sqlite::run running{write_};
    write_.bind(1, name);
    write_.bind(2, change.version);
    write_.bind(3, change.section);
    write_.bind(4, change.size);
    write_.bind(5, change.description);
    if (!write_.step()) throw std::runtime_error{"SQLite: a write returned no revision"};
    const std::int64_t revision = write_.number(0);
    write_.step();  // runs to its end, which commits it
    return revision;
  }

  std::vector<std::string> names() {
    sqlite::statement select{on_.get(), "SELECT name FROM package ORDER BY name"};
    std::vector<std::string> found;
    while (select.step()) found.push_back(select.text(0));
    return found;
  }

 private:
  sqlite::connection on_;
  sqlite::statement select_;
  sqlite::statement write_;
};

/// A session for the length of one call. One that failed is closed and not used again.
class database::lease {
 public:
  explicit lease(database& of) : of_{of} {
    {
      const std::lock_guard lock{of_.mutex_};
      if (!of_.idle_.empty()) {
        taken_ = std::move(of_.idle_.back());
        of_.idle_.pop_back();
      }
    }
    if (!taken_) taken_ = std::make_unique<session>(of_.path_);
  }

  template <class Call>
  auto run(Call&& call) {
    auto result = call(*taken_);
    const std::lock_guard lock{of_.mutex_};
    of_.idle_.push_back(std::move(taken_));
    return result;
  }

 private:
  database& of_;
  std::unique_ptr<session> taken_;
};

database::database(std::string path, std::atomic<std::uint64_t>& selects,
                   const source& first_content)
    : path_{std::move(path)}, selects_{selects} {
  fill(first_content);
}

database::~database() = default;

void database::fill(const source& first_content) {
  // A lock of our own: while a database is made and turned to write-ahead logging, SQLite answers
  // "busy" to others without waiting.
  const file guard{path_ + ".lock"};
  guard.lock();
  sqlite::connection on{path_};
  on.execute("PRAGMA journal_mode = WAL");
  on.execute(schema);
  {
    sqlite::statement any{on.get(), "SELECT 1 FROM package LIMIT 1"};
    if (any.step()) return;
  }
  // One transaction: a replica that is killed meanwhile leaves an empty database, not half of one.
  on.execute("BEGIN IMMEDIATE");
  sqlite::statement insert{on.get(), insert_package};
  first_content([&](package&& row) {
    const sqlite::run running{insert};
    insert.bind(1, row.name);
    insert.bind(2, row.version);
    insert.bind(3, row.section);
    insert.bind(4, row.size);
    insert.bind(5, row.description);
    insert.step();
  });
  on.execute("COMMIT");
}

std::optional<package> database::find(std::string_view name) {
  selects_.fetch_add(1, std::memory_order_relaxed);
  return lease{*this}.run([&](session& on) { return on.find(name); });
}

std::int64_t database::write(std::string_view name, const package_change& change) {
  return lease{*this}.run([&](session& on) { return on.write(name, change); });
}

std::vector<std::string> database::names() {
  return lease{*this}.run([](session& on) { return on.names(); });
}

}  // namespace catalog
