// The catalogue as one replica offers it: the cluster's cache in front of the database.
#pragma once

#include "counters.hpp"
#include "database.hpp"
#include "json.hpp"
#include "package.hpp"

#include <kith/error.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace catalog {

/// What it took to answer a read.
enum class tier : std::uint8_t { near, owner, database };

struct read_result {
  kith::error_code error;
  tier from = tier::database;
  const package* value = nullptr;  // lives as long as the call that tells it; null: no such package
};

struct write_result {
  std::string failure;     // of the database; empty: the row is written
  kith::error_code error;  // of the cluster; none: no cache holds the old row
  std::int64_t revision = 0;
};

struct service_options {
  std::string cluster = "catalog";
  std::uint64_t near_bytes = std::uint64_t{16} << 20;
  std::uint64_t owned_bytes = std::uint64_t{64} << 20;
  /// Of the page that shows the cluster; 0: 1000 above the member's own, where the pages of the
  /// other replicas look for it.
  std::uint16_t admin_port = 0;
};

class service {
 public:
  /// Starts the member: it finds the other replicas of this machine and joins them. Throws
  /// kith::error.
  service(const service_options& options, database& rows, counters& counted);
  ~service();

  /// Reads through the cache. Called on `strand`, where `done` runs later.
  void find(const std::string& name, const boost::asio::any_io_executor& strand,
            std::function<void(const read_result&)> done);

  /// Writes the database, then takes the key out of every cache. `done` runs on `strand`.
  void write(std::string name, package_change change, boost::asio::any_io_executor strand,
             std::function<void(const write_result&)> done);

  [[nodiscard]] std::vector<std::string> names() { return rows_.names(); }
  [[nodiscard]] stats count();
  /// The page that shows the cluster.
  [[nodiscard]] std::string admin_url() const;

 private:
  /// The member and its cache: behind a pointer, so that one file alone compiles the library.
  struct replica;

  void count_read(const read_result& result);

  database& rows_;
  counters& counted_;
  std::unique_ptr<replica> replica_;
};

}  // namespace catalog
