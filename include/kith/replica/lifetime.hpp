// The times of an entry at its owner.
//
//   written        read_anew           ends                                kept_until
//      |--- fresh ----|-- refreshed ----|-- stale: answered at once, or ------|
//                        while answered      when a load fails or takes long
//
// Up to `ends` it is an entry like any other. Beyond it there is no entry, for all operations but a
// read that may load: that one may be answered with the old value, whose version is still the old
// one. Whatever writes, erases or clears the key ends that too.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace kith::replica {

/// What is known of an entry's time beside the moment at which the shard removes it.
struct lifetime {
  time_point ends = never;
  time_point read_anew = never;
  /// A load of the key failed: before this no other one begins.
  time_point quiet_until = time_point::min();
  /// How long its load took; zero for what was put.
  duration took{};
};

/// What it adds to the charge of an entry.
inline constexpr std::uint64_t lifetime_bytes = 32;
static_assert(sizeof(lifetime) <= lifetime_bytes);

/// The instant `ttl` from now; never, when it is absent or beyond all times.
[[nodiscard]] inline time_point expiry_after(time_point now, const std::optional<duration>& ttl) {
  if (!ttl || *ttl >= never - now) return never;
  return now + (*ttl < duration::zero() ? duration::zero() : *ttl);
}

/// The cache's default time to live, shortened by up to `most`: entries that were written together
/// do not end together. From key and version, so that every replica comes to the same.
[[nodiscard]] inline std::optional<duration> jittered(const std::optional<duration>& ttl,
                                                      duration most, std::uint64_t hash,
                                                      const version& at) {
  if (!ttl || *ttl <= duration::zero() || most <= duration::zero()) return ttl;
  std::uint64_t state = hash ^ (at.epoch.view.value() << 32) ^ at.seq.value();
  const auto span = static_cast<std::uint64_t>(std::min(most, *ttl).count());
  return *ttl - duration{static_cast<std::int64_t>(splitmix64(state) % span)};
}

/// Whether a read of a live entry begins to load it anew.
///
/// Early refreshes are XFetch: Vattani, Chierichetti, Lowenstein: "Optimal Probabilistic Cache
/// Stampede Prevention" (VLDB 2015). Each read draws how much earlier than its end the entry shall
/// be renewed: exponentially distributed, with the duration of its load times beta as the mean.
[[nodiscard]] inline duration drawn_ahead(duration took, std::uint64_t early_refresh,
                                          random_source& random) {
  // Longer loads count as this, so that nothing below overflows.
  constexpr duration longest = std::chrono::seconds{60};
  const std::uint64_t factor = (early_refresh * random.exponential()) >> 16;
  const auto counted = static_cast<std::uint64_t>(std::min(took, longest).count());
  return duration{static_cast<std::int64_t>((counted * factor) >> 16)};
}
[[nodiscard]] inline bool refreshes_early(const lifetime& of, std::uint64_t early_refresh) {
  return early_refresh > 0 && of.took > duration::zero() && of.ends < never;
}

enum class refresh_cause : std::uint8_t { none, due, early };
[[nodiscard]] inline refresh_cause refresh_of(const lifetime& of, time_point now,
                                              std::uint64_t early_refresh, random_source& random) {
  if (now < of.quiet_until) return refresh_cause::none;
  if (now >= of.read_anew) return refresh_cause::due;
  if (!refreshes_early(of, early_refresh)) return refresh_cause::none;
  const time_point begins = of.ends - drawn_ahead(of.took, early_refresh, random);
  return now >= begins ? refresh_cause::early : refresh_cause::none;
}

/// Until when a copy may be read without its owner, so that near hits do not keep the entry from
/// being refreshed: one draw stands for the reads that the copy will answer. A copy that is given
/// out while a refresh is due lives for `pause`: the refresh drops it, or has failed by then.
[[nodiscard]] inline time_point copy_until(const lifetime& of, time_point now, duration pause,
                                           std::uint64_t early_refresh, random_source& random) {
  time_point until = of.read_anew;
  if (refreshes_early(of, early_refresh)) {
    until = std::min(until, of.ends - drawn_ahead(of.took, early_refresh, random));
  }
  return until >= never ? never : std::max(until, now + pause);
}

}  // namespace kith::replica
