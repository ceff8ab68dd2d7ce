// The little of SQLite's C interface that the catalogue needs, with owners and exceptions.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace catalog::sqlite {

class error : public std::runtime_error {
 public:
  explicit error(sqlite3* from)
      : std::runtime_error{std::string{"SQLite: "} + sqlite3_errmsg(from)} {}
};

/// A prepared statement. Text that is bound must live until the statement is reset.
class statement {
 public:
  statement(sqlite3* on, std::string_view sql) : on_{on} {
    sqlite3_stmt* made = nullptr;
    const int length = static_cast<int>(sql.size());
    if (sqlite3_prepare_v3(on, sql.data(), length, SQLITE_PREPARE_PERSISTENT, &made, nullptr) !=
        SQLITE_OK) {
      throw error{on};
    }
    made_.reset(made);
  }

  void bind(int at, std::string_view text) {
    check(sqlite3_bind_text(made_.get(), at, text.data(), static_cast<int>(text.size()),
                            SQLITE_STATIC));
  }
  void bind(int at, std::int64_t number) { check(sqlite3_bind_int64(made_.get(), at, number)); }
  /// An absent value is NULL.
  template <class T>
  void bind(int at, const std::optional<T>& value) {
    if (value) {
      bind(at, *value);
    } else {
      check(sqlite3_bind_null(made_.get(), at));
    }
  }

  /// True if there is a row to read.
  bool step() {
    const int result = sqlite3_step(made_.get());
    if (result != SQLITE_ROW && result != SQLITE_DONE) throw error{on_};
    return result == SQLITE_ROW;
  }

  /// Ends the run: until then a reader keeps its snapshot of the database.
  void reset() {
    sqlite3_reset(made_.get());
    sqlite3_clear_bindings(made_.get());
  }

  [[nodiscard]] std::string text(int column) const {
    const auto* const found = sqlite3_column_text(made_.get(), column);
    if (found == nullptr) return {};
    return {reinterpret_cast<const char*>(found),
            static_cast<std::size_t>(sqlite3_column_bytes(made_.get(), column))};
  }
  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(made_.get(), column);
  }

 private:
  struct closer {
    void operator()(sqlite3_stmt* made) const { sqlite3_finalize(made); }
  };
  void check(int result) {
    if (result != SQLITE_OK) throw error{on_};
  }

  sqlite3* on_;
  std::unique_ptr<sqlite3_stmt, closer> made_;
};

/// Resets a statement at the end of a scope, whichever way it is left.
class run {
 public:
  explicit run(statement& of) : of_{of} {}
  ~run() { of_.reset(); }
  run(const run&) = delete;
  run& operator=(const run&) = delete;

 private:
  statement& of_;
};

/// One connection: used by one thread at a time.
class connection {
 public:
  explicit connection(const std::string& path) {
    sqlite3* opened = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int result = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
    made_.reset(opened);
    if (result != SQLITE_OK) throw error{opened};
    // Other replicas write the same file, one at a time: a writer waits for its turn.
    sqlite3_busy_timeout(opened, 5000);
  }

  void execute(const char* sql) {
    if (sqlite3_exec(made_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw error{made_.get()};
    }
  }

  [[nodiscard]] sqlite3* get() const { return made_.get(); }

 private:
  struct closer {
    void operator()(sqlite3* made) const { sqlite3_close(made); }
  };
  std::unique_ptr<sqlite3, closer> made_;
};

}  // namespace catalog::sqlite
