#include "package_list.hpp"

#include <charconv>
#include <utility>

namespace catalog {
namespace {

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::int64_t to_number(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number < 0 ? 0 : number;
}

}  // namespace

void package_list_parser::feed(std::string_view bytes) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    if (rest_.empty()) {
      take_line(bytes.substr(0, end));
    } else {
      rest_.append(bytes.substr(0, end));
      take_line(rest_);
      rest_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  rest_.append(bytes);
}

void package_list_parser::finish() {
  if (!rest_.empty()) take_line(rest_);
  rest_.clear();
  end_stanza();
}

void package_list_parser::take_line(std::string_view line) {
  const std::string_view text = without_blanks(line);
  if (text.empty()) return end_stanza();
  if (line.front() == ' ' || line.front() == '\t') {
    if (!in_description_) return;
    current_.description += '\n';
    if (text != ".") current_.description += text;  // a lone dot stands for an empty line
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  take_field(line.substr(0, colon), without_blanks(line.substr(colon + 1)));
}

void package_list_parser::take_field(std::string_view name, std::string_view value) {
  in_description_ = name == "Description" || name == "Description-en";
  if (in_description_) {
    current_.description = value;
  } else if (name == "Package") {
    current_.name = value;
  } else if (name == "Version") {
    current_.version = value;
  } else if (name == "Section") {
    current_.section = value;
  } else if (name == "Size") {
    current_.size = to_number(value);
  }
}

void package_list_parser::end_stanza() {
  package done = std::exchange(current_, {});
  in_description_ = false;
  if (!done.name.empty() && !done.version.empty()) found_(std::move(done));
}

}  // namespace catalog
