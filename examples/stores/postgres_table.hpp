// A table of PostgreSQL whose rows have a fence, over libpq. Many rows are one statement.
#pragma once

#include <kith/writer.hpp>

#include <libpq-fe.h>

#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace stores {

using word_rows = std::vector<kith::write_row<std::string, std::string>>;

/// Any thread: loaders and writers run on several. One connection, which is opened again when it
/// was lost.
class postgres_table {
 public:
  /// `where` is a connection string; empty: what the environment says (PGHOST and others).
  explicit postgres_table(std::string where) : where_{std::move(where)} {
    run("SET client_min_messages = warning", {});
    // An erased row stays, without a value: a row that is gone has no fence. The order of fences is
    // that of their bytes, not that of a language.
    run("CREATE TABLE IF NOT EXISTS words (key TEXT PRIMARY KEY, value TEXT,"
        " fence TEXT COLLATE \"C\" NOT NULL DEFAULT '')",
        {});
  }

  std::optional<std::string> find(const std::string& key) {
    const answer found = run("SELECT value FROM words WHERE key = $1", {key});
    if (PQntuples(found.get()) == 0 || PQgetisnull(found.get(), 0, 0) != 0) return std::nullopt;
    return std::string{PQgetvalue(found.get(), 0, 0)};
  }

  /// Throws kith::write_refused where a row has a higher fence: then none was written.
  void write(const word_rows& rows) {
    const std::lock_guard lock{mutex_};
    connect();
    run_alone("BEGIN", {});
    try {
      for (const auto& row : rows) {
        const answer done = run_alone(
            "INSERT INTO words (key, value, fence) VALUES ($1, $2, $3)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, fence = excluded.fence"
            " WHERE words.fence < excluded.fence",
            {row.key, row.value, row.fence.text()});
        if (std::string{PQcmdTuples(done.get())} == "0") {
          throw kith::write_refused{"a later owner has written " + row.key};
        }
      }
      run_alone("COMMIT", {});
    } catch (const kith::write_refused&) {
      run_alone("ROLLBACK", {});
      throw;
    } catch (...) {
      connection_.reset();  // which ends the transaction, or leaves its end unknown
      throw;
    }
  }

 private:
  struct closer {
    void operator()(PGconn* gone) const { PQfinish(gone); }
    void operator()(PGresult* gone) const { PQclear(gone); }
  };
  using answer = std::unique_ptr<PGresult, closer>;
  using arguments = std::vector<std::optional<std::string>>;

  answer run(const char* statement, const arguments& with) {
    const std::lock_guard lock{mutex_};
    connect();
    return run_alone(statement, with);
  }
  /// These with the lock held. Not within a transaction, which would go on without its beginning.
  void connect() {
    if (connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK) return;
    connection_.reset(PQconnectdb(where_.c_str()));
  }
  answer run_alone(const char* statement, const arguments& with) {
    std::vector<const char*> values;
    for (const auto& each : with) values.push_back(each ? each->c_str() : nullptr);
    answer done{PQexecParams(connection_.get(), statement, static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0)};
    const ExecStatusType status = PQresultStatus(done.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error{std::string{"PostgreSQL: "} + PQerrorMessage(connection_.get())};
    }
    return done;
  }

  const std::string where_;
  std::mutex mutex_;
  std::unique_ptr<PGconn, closer> connection_;
};

}  // namespace stores
