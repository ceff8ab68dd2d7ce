// Reads package lists as apt keeps and prints them: stanzas of "Field: value" lines, a blank line
// after each; a line that begins with a blank continues the field above it.
#pragma once

#include "package.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace catalog {

class package_list_parser {
 public:
  using sink = std::function<void(package&&)>;

  /// `found` gets every stanza that has a name and a version.
  explicit package_list_parser(sink found) : found_{std::move(found)} {}

  /// The next bytes of the list, cut anywhere.
  void feed(std::string_view bytes);
  /// The list is over: its last stanza may lack the blank line.
  void finish();

 private:
  void take_line(std::string_view line);
  void take_field(std::string_view name, std::string_view value);
  void end_stanza();

  sink found_;
  std::string rest_;  // of a line whose end has not come yet
  package current_;
  bool in_description_ = false;
};

}  // namespace catalog
