// The text form of histories of registers. One line an operation:
//
//   key client invoked returned action argument... = answer
//
// Words with blanks between them. The key is any word of up to 4096 bytes; client is a number; the
// times are whole numbers, and `returned` is ? where nobody knows how it ended, as then is the
// answer. Versions are written v1, v2 and so on. The actions and their answers:
//
//   get                               = absent | VALUE [VERSION]
//   put VALUE                         = ok [VERSION]
//   put_if_absent VALUE               = yes [VERSION] | no
//   compare_and_put VERSION VALUE     = yes [VERSION] | no      (v0 expects that there is none)
//   erase                             = ok [VERSION]
//   add VALUE                         = VALUE [VERSION]         (the sum)
//   inherit VERSION                   = ok
//
// The last says that the key began with any entry of at most that version, or with none: it belongs
// before all others.
//
// So "7 1 100 250 put 5 = ok v12": client 1 put 5 into key 7, which got version 12. What follows a
// # is a remark. Empty lines say nothing. The order of lines says nothing either.
#pragma once

#include <kith/sim/register_history.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace kith::sim {

/// By key.
using register_histories = std::map<std::string, register_history>;

struct history_error {
  /// From 1.
  std::size_t line = 0;
  std::string field;
  std::string what;
};

/// Adds what the text says to `into`. On an error the lines before it are added.
[[nodiscard]] std::optional<history_error> parse_histories(std::string_view text,
                                                           register_histories& into);
/// Without the end of the line. Requires a key that is a word without #.
[[nodiscard]] std::string to_text(std::string_view key, const register_operation& op);
[[nodiscard]] std::string to_text(std::string_view key, const register_history& history);

// --- implementation ---

namespace history_text {

inline constexpr std::size_t key_bytes_most = 4096;
/// What follows a version has one above it, so there is room.
inline constexpr std::uint64_t version_most = std::uint64_t{1} << 62;
inline constexpr std::string_view names[register_action_count] = {
    "get", "put", "put_if_absent", "compare_and_put", "erase", "add", "inherit"};

/// Reads the words of one line, one field after the other; the first that is wrong is kept.
class line_reader {
 public:
  explicit line_reader(std::string_view line) {
    line = line.substr(0, line.find('#'));
    while (true) {
      const std::size_t begin = line.find_first_not_of(" \t");
      if (begin == std::string_view::npos) break;
      line.remove_prefix(begin);
      const std::size_t length = line.find_first_of(" \t");
      words_.push_back(line.substr(0, length));
      line.remove_prefix(words_.back().size());
    }
  }

  [[nodiscard]] bool at_end() const { return next_ == words_.size(); }
  [[nodiscard]] bool follows(std::string_view word) const {
    return !at_end() && words_[next_] == word;
  }
  bool take(std::string_view word) {
    if (!follows(word)) return false;
    ++next_;
    return true;
  }
  std::string_view word(const char* field) {
    if (!at_end()) return words_[next_++];
    wrong(field, "is missing");
    return {};
  }
  template <class Number>
  Number number(const char* field) {
    return as_number<Number>(field, word(field));
  }
  std::uint64_t version(const char* field) {
    const std::string_view text = word(field);
    if (text.empty()) return 0;
    if (text.front() != 'v') wrong(field, "is no version, as v12 is");
    const auto read = as_number<std::uint64_t>(field, text.substr(1));
    if (read > version_most) wrong(field, "is too large");
    return read;
  }
  /// The version that may stand at the end of an answer: never v0.
  std::uint64_t last_version() {
    if (at_end()) return 0;
    const std::uint64_t read = version("version");
    if (read == 0) wrong("version", "is of no entry");
    return read;
  }
  void wrong(const char* field, std::string what) {
    if (!error_) error_ = history_error{0, field, std::move(what)};
  }
  [[nodiscard]] const std::optional<history_error>& error() const { return error_; }

 private:
  template <class Number>
  Number as_number(const char* field, std::string_view text) {
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure == std::errc::result_out_of_range) {
      wrong(field, "is too large");
    } else if (failure != std::errc{} || end != text.data() + text.size()) {
      wrong(field, "is no whole number");
    }
    return value;
  }

  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
  std::optional<history_error> error_;
};

[[nodiscard]] constexpr bool takes_version(register_action action) {
  return action == register_action::compare_and_put || action == register_action::inherit;
}
[[nodiscard]] constexpr bool takes_value(register_action action) {
  return action != register_action::get && action != register_action::erase &&
         action != register_action::inherit;
}

inline void read_arguments(line_reader& from, register_operation& op) {
  const std::string_view name = from.word("action");
  std::size_t which = 0;
  while (which < register_action_count && names[which] != name) ++which;
  if (which == register_action_count) return from.wrong("action", "is not known");
  op.action = static_cast<register_action>(which);
  if (takes_version(op.action)) op.expected = from.version("expected");
  if (op.action == register_action::inherit && op.expected == 0) {
    from.wrong("expected", "is of no entry");
  }
  if (takes_value(op.action)) {
    op.argument = from.number<std::int64_t>("argument");
  }
}

inline void read_answer(line_reader& from, register_operation& op) {
  switch (op.action) {
    case register_action::get:
      if (from.take("absent")) return;
      op.yes = true;
      op.value = from.number<std::int64_t>("answer");
      break;
    case register_action::add: op.value = from.number<std::int64_t>("answer"); break;
    case register_action::put:
    case register_action::erase:
      if (!from.take("ok")) from.wrong("answer", "is not ok");
      break;
    case register_action::inherit:
      if (!from.take("ok")) from.wrong("answer", "is not ok");
      return;
    case register_action::put_if_absent:
    case register_action::compare_and_put:
      if (from.take("no")) return;
      if (!from.take("yes")) from.wrong("answer", "is neither yes nor no");
      op.yes = true;
      break;
  }
  op.version = from.last_version();
}

inline std::optional<history_error> read_line(std::string_view line, register_histories& into) {
  line_reader from{line};
  if (from.at_end()) return std::nullopt;
  register_operation op;
  const std::string_view key = from.word("key");
  if (key.size() > key_bytes_most) from.wrong("key", "is too long");
  op.client = from.number<std::uint64_t>("client");
  op.invoked = from.number<std::int64_t>("invoked");
  if (!from.take("?")) op.returned = from.number<std::int64_t>("returned");
  if (op.returned && *op.returned < op.invoked) from.wrong("returned", "is before it was invoked");
  if (!from.error()) read_arguments(from, op);
  if (!from.error() && !from.take("=")) from.wrong("=", "is missing, or there is more before it");
  if (!from.error() && op.returned) read_answer(from, op);
  if (!op.returned && !from.take("?")) from.wrong("answer", "is not ?, as `returned` is");
  if (!from.at_end()) from.wrong("answer", "has more behind it");
  if (!from.error()) into[std::string{key}].push_back(op);
  return from.error();
}

inline std::string answer_text(const register_operation& op) {
  if (!op.returned) return "?";
  std::string text;
  switch (op.action) {
    case register_action::get:
      if (!op.yes) return "absent";
      text = std::to_string(op.value);
      break;
    case register_action::add: text = std::to_string(op.value); break;
    case register_action::put:
    case register_action::erase:
    case register_action::inherit: text = "ok"; break;
    case register_action::put_if_absent:
    case register_action::compare_and_put:
      if (!op.yes) return "no";
      text = "yes";
      break;
  }
  return op.version == 0 ? text : text + " v" + std::to_string(op.version);
}

}  // namespace history_text

inline std::optional<history_error> parse_histories(std::string_view text,
                                                    register_histories& into) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t length = text.find('\n');
    std::optional<history_error> error = history_text::read_line(text.substr(0, length), into);
    if (error) {
      error->line = number;
      return error;
    }
    text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
  }
  return std::nullopt;
}

inline std::string to_text(std::string_view key, const register_operation& op) {
  const auto which = static_cast<std::size_t>(op.action);
  std::string line{key};
  line += ' ' + std::to_string(op.client) + ' ' + std::to_string(op.invoked) + ' ';
  line += op.returned ? std::to_string(*op.returned) : "?";
  line += ' ' + std::string{history_text::names[which]};
  if (history_text::takes_version(op.action)) line += " v" + std::to_string(op.expected);
  if (history_text::takes_value(op.action)) line += ' ' + std::to_string(op.argument);
  return line + " = " + history_text::answer_text(op);
}

inline std::string to_text(std::string_view key, const register_history& history) {
  std::string text;
  for (const register_operation& op : history) text += to_text(key, op) + '\n';
  return text;
}

}  // namespace kith::sim
