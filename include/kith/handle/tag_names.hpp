// The names of tags, as users write them and as they travel.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/error.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/limits.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace kith::handle {

// Both throw kith::error(invalid_argument).

[[nodiscard]] inline wire::tag tag_of(std::string_view name) {
  if (name.empty() || name.size() > wire::limits::name_bytes) {
    throw error{errc::invalid_argument, "tag: must have 1 to 128 bytes"};
  }
  return {stable_hash(as_bytes(name))};
}

[[nodiscard]] inline std::vector<wire::tag> tags_of(const std::vector<std::string>& names) {
  if (names.size() > wire::limits::tags) {
    throw error{errc::invalid_argument, "tags: at most 16"};
  }
  std::vector<wire::tag> tags;
  for (const std::string& name : names) tags.push_back(tag_of(name));
  return tags;
}

}  // namespace kith::handle
