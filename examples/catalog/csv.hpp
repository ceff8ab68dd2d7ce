// Reads comma-separated values as RFC 4180 has them: a field in quotes may hold commas, line breaks
// and, doubled, quotes.
#pragma once

#include "package.hpp"

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace catalog {

class csv_reader {
 public:
  explicit csv_reader(std::istream& from) : from_{from} {}

  /// The next record; empty at the end. Throws std::runtime_error with the line's number for a
  /// quote that stays open, text behind a closing quote, or bytes that are no UTF-8.
  std::optional<std::vector<std::string>> next();

  /// The line on which the last record began.
  [[nodiscard]] std::size_t line() const { return record_line_; }

 private:
  std::string quoted_field();
  std::string plain_field();
  /// True if the record goes on behind the field just read.
  bool take_separator();
  [[noreturn]] void refuse(const char* why) const;

  std::istream& from_;
  std::size_t line_ = 1;
  std::size_t record_line_ = 1;
};

/// Reads packages. The first record names the columns, in any order: name and version must be
/// there; section, size and description may be; others are left out. Throws std::runtime_error.
void read_packages(std::istream& from, const std::function<void(package&&)>& found);

}  // namespace catalog
