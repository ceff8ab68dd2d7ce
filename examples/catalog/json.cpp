#include "json.hpp"

// Boost.JSON is compiled in this file, so that no library of Boost need be linked.
#include <boost/json/src.hpp>

#include <initializer_list>
#include <stdexcept>
#include <utility>

namespace catalog {
namespace {

namespace json = boost::json;

// The fields of `stats` by name; one list for writing and reading.
constexpr std::initializer_list<std::pair<const char*, std::uint64_t stats::*>> stats_fields = {
    {"near", &stats::near},
    {"owner", &stats::owner},
    {"database", &stats::database},
    {"absent", &stats::absent},
    {"failed", &stats::failed},
    {"writes", &stats::writes},
    {"selects", &stats::selects},
    {"oldest_near_ms", &stats::oldest_near_ms},
    {"staleness_max_ms", &stats::staleness_max_ms},
    {"view", &stats::view},
    {"members", &stats::members},
};

json::object parse_object(std::string_view text) {
  json::error_code error;
  json::value parsed = json::parse({text.data(), text.size()}, error);
  if (error) throw std::invalid_argument{"not JSON: " + error.message()};
  if (!parsed.is_object()) throw std::invalid_argument{"a JSON object was expected"};
  return std::move(parsed.get_object());
}

std::string text_of(const json::value& field, const std::string& name) {
  if (!field.is_string()) throw std::invalid_argument{name + " must be a string"};
  return {field.get_string().data(), field.get_string().size()};
}

std::int64_t size_of(const json::value& field) {
  json::error_code error;
  const auto size = field.to_number<std::int64_t>(error);
  if (error || size < 0) throw std::invalid_argument{"size must be a whole number, 0 or more"};
  return size;
}

}  // namespace

std::string to_json(const package& shown) {
  return json::serialize(json::object{{"name", shown.name},
                                      {"version", shown.version},
                                      {"section", shown.section},
                                      {"size", shown.size},
                                      {"description", shown.description},
                                      {"revision", shown.revision}}) +
         '\n';
}

package_change change_from_json(std::string_view body) {
  package_change change;
  for (const auto& [key, value] : parse_object(body)) {
    const std::string name{key};
    if (name == "version") {
      change.version = text_of(value, name);
    } else if (name == "section") {
      change.section = text_of(value, name);
    } else if (name == "description") {
      change.description = text_of(value, name);
    } else if (name == "size") {
      change.size = size_of(value);
    } else if (name != "name" && name != "revision") {  // a reply may be sent back as it came
      throw std::invalid_argument{"unknown field " + name};
    }
  }
  return change;
}

std::string to_json(const stats& shown) {
  json::object object;
  for (const auto& [name, field] : stats_fields) object[name] = shown.*field;
  return json::serialize(object) + '\n';
}

stats stats_from_json(std::string_view text) {
  const json::object object = parse_object(text);
  stats read;
  for (const auto& [name, field] : stats_fields) {
    const json::value* const found = object.if_contains(name);
    json::error_code error;
    if (found != nullptr) read.*field = found->to_number<std::uint64_t>(error);
    if (found == nullptr || error) throw std::invalid_argument{std::string{"no number "} + name};
  }
  return read;
}

std::string error_json(std::string_view what) {
  return json::serialize(json::object{{"error", json::string_view{what.data(), what.size()}}}) +
         '\n';
}

}  // namespace catalog
