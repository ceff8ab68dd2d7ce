// The tags of an entry at its owner, and as they travel.
#pragma once

#include <kith/wire/data_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kith::replica {

/// The tags of an entry, and when it got them (store/tag_ends.hpp).
struct entry_tags {
  std::vector<std::uint64_t> tags;
  std::uint64_t since = 0;
};

/// What an entry costs for its tags, beside its key and value.
[[nodiscard]] constexpr std::uint64_t charge_of_tags(std::size_t tags) {
  constexpr std::uint64_t overhead = 64;
  return tags == 0 ? 0 : overhead + sizeof(std::uint64_t) * tags;
}

[[nodiscard]] inline std::vector<std::uint64_t> hashes_of(const std::vector<wire::tag>& tags) {
  std::vector<std::uint64_t> hashes;
  hashes.reserve(tags.size());
  for (const wire::tag& one : tags) hashes.push_back(one.hash);
  return hashes;
}

/// `kept` is null for an entry without tags.
[[nodiscard]] inline std::vector<wire::tag> wire_tags(const entry_tags* kept) {
  std::vector<wire::tag> tags;
  if (kept == nullptr) return tags;
  tags.reserve(kept->tags.size());
  for (const std::uint64_t hash : kept->tags) tags.push_back({hash});
  return tags;
}

}  // namespace kith::replica
