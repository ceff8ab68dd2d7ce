// The command lines of both programs: "--name value" and "--flag", nothing else.
#pragma once

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace catalog {

/// The command line is wrong; the text says how.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class arguments {
 public:
  /// Knows the options in `names`; each takes a value. Throws usage_error for any other.
  arguments(int count, char** values, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) given_[std::string{name}];
    for (int i = 1; i < count; ++i) {
      const std::string name = values[i];
      const auto found = given_.find(name);
      if (found == given_.end()) throw usage_error{"unknown option " + name};
      if (++i == count) throw usage_error{name + " needs a value"};
      found->second = values[i];
    }
  }

  [[nodiscard]] const std::string& text(std::string_view name) const {
    return given_.at(std::string{name});
  }

  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise) const {
    const std::string& given = text(name);
    return given.empty() ? std::string{otherwise} : given;
  }

  /// A whole number from 0 to `max`.
  [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t otherwise,
                                     std::uint64_t max) const {
    const std::string& given = text(name);
    if (given.empty()) return otherwise;
    std::uint64_t value = 0;
    const char* const last = given.data() + given.size();
    const auto [end, error] = std::from_chars(given.data(), last, value);
    if (error != std::errc{} || end != last || value > max) {
      throw usage_error{std::string{name} + " needs a number from 0 to " + std::to_string(max)};
    }
    return value;
  }

 private:
  std::map<std::string, std::string> given_;
};

}  // namespace catalog
