#include "csv.hpp"

#include "utf8.hpp"

#include <algorithm>
#include <charconv>
#include <istream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace catalog {
namespace {

constexpr int end_of_input = std::istream::traits_type::eof();

}  // namespace

void csv_reader::refuse(const char* why) const {
  throw std::runtime_error{"CSV, line " + std::to_string(line_) + ": " + why};
}

std::string csv_reader::quoted_field() {
  std::string field;
  from_.get();  // the opening quote
  for (;;) {
    const int sign = from_.get();
    if (sign == end_of_input) refuse("a quote stays open");
    if (sign == '\n') ++line_;
    if (sign == '"') {
      if (from_.peek() != '"') return field;
      from_.get();
    }
    field.push_back(static_cast<char>(sign));
  }
}

std::string csv_reader::plain_field() {
  std::string field;
  for (int sign = from_.peek(); sign != end_of_input && sign != ',' && sign != '\n';
       sign = from_.peek()) {
    field.push_back(static_cast<char>(from_.get()));
  }
  // A line may end with a carriage return, which is no part of its last field.
  if (!field.empty() && field.back() == '\r' && from_.peek() != ',') field.pop_back();
  return field;
}

bool csv_reader::take_separator() {
  int sign = from_.get();
  if (sign == '\r' && from_.peek() == '\n') sign = from_.get();
  if (sign == '\n') ++line_;
  if (sign != ',' && sign != '\n' && sign != end_of_input) refuse("text behind a closing quote");
  return sign == ',';
}

std::optional<std::vector<std::string>> csv_reader::next() {
  if (from_.peek() == end_of_input) return std::nullopt;
  record_line_ = line_;
  std::vector<std::string> record;
  do {
    record.push_back(from_.peek() == '"' ? quoted_field() : plain_field());
    if (!is_utf8(record.back())) refuse("the bytes are no UTF-8");
  } while (take_separator());
  return record;
}

namespace {

// Where a column stands in each record.
class columns {
 public:
  explicit columns(std::vector<std::string> names) : names_{std::move(names)} {}

  [[nodiscard]] bool has(std::string_view name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }
  [[nodiscard]] std::size_t count() const { return names_.size(); }

  [[nodiscard]] std::string take(std::vector<std::string>& record, std::string_view name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) return {};
    return std::move(record[static_cast<std::size_t>(found - names_.begin())]);
  }

 private:
  std::vector<std::string> names_;
};

[[noreturn]] void refuse_record(std::size_t line, const std::string& why) {
  throw std::runtime_error{"CSV, line " + std::to_string(line) + ": " + why};
}

std::int64_t parse_size(const std::string& text, std::size_t line) {
  if (text.empty()) return 0;
  std::int64_t size = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, size);
  if (error != std::errc{} || end != last || size < 0) {
    refuse_record(line, "'" + text + "' is no size");
  }
  return size;
}

}  // namespace

void read_packages(std::istream& from, const std::function<void(package&&)>& found) {
  csv_reader reader{from};
  auto first = reader.next();
  if (!first) refuse_record(1, "the file is empty");
  const columns in{std::move(*first)};
  if (!in.has("name") || !in.has("version")) {
    refuse_record(1, "the first line must name the columns; name and version must be among them");
  }
  while (auto record = reader.next()) {
    if (record->size() == 1 && record->front().empty()) continue;  // an empty line
    if (record->size() != in.count()) {
      refuse_record(reader.line(), std::to_string(record->size()) + " fields, the first line has " +
                                       std::to_string(in.count()));
    }
    package read;
    read.name = in.take(*record, "name");
    read.version = in.take(*record, "version");
    read.section = in.take(*record, "section");
    read.size = parse_size(in.take(*record, "size"), reader.line());
    read.description = in.take(*record, "description");
    if (read.name.empty()) refuse_record(reader.line(), "a package has no name");
    found(std::move(read));
  }
}

}  // namespace catalog
