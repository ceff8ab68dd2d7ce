// The source of truth: one SQLite file that all replicas of this machine share. It is filled at the
// first start; every SELECT of a package is counted, because to save them is what the cache is for.
#pragma once

#include "package.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catalog {

/// The fields that a write changes; those that are absent keep what they hold.
struct package_change {
  std::optional<std::string> version;
  std::optional<std::string> section;
  std::optional<std::int64_t> size;
  std::optional<std::string> description;
};

class database {
 public:
  using sink = std::function<void(package&&)>;
  /// Gives every package to the sink.
  using source = std::function<void(const sink&)>;

  /// Opens the file, and fills it from `first_content` if it holds nothing yet. Replicas that start
  /// together wait for the one that fills. Throws std::runtime_error, std::system_error.
  database(std::string path, std::atomic<std::uint64_t>& selects, const source& first_content);
  ~database();

  // Any thread may call the following; each runs on a connection of its own.

  /// One SELECT.
  [[nodiscard]] std::optional<package> find(std::string_view name);
  /// Changes the package, or makes it; returns its new revision.
  std::int64_t write(std::string_view name, const package_change& change);
  /// All names, in the order of the alphabet; not counted as a SELECT of a package.
  [[nodiscard]] std::vector<std::string> names();

 private:
  class session;
  class lease;

  void fill(const source& first_content);

  const std::string path_;
  std::atomic<std::uint64_t>& selects_;

  std::mutex mutex_;
  /// Connections that no thread uses at present. There are never more than threads that asked at
  /// one time.
  std::vector<std::unique_ptr<session>> idle_;
};

}  // namespace catalog
