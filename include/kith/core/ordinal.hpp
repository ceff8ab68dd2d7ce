// Numbers that only grow. Each kind is a type of its own, so that a sequence is never compared with
// a view number by accident; none converts to an integer without value().
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace kith {

/// A counter of one kind. `Tag` names the kind; 0 is "before the first".
template <class Tag>
class ordinal {
 public:
  constexpr ordinal() = default;
  constexpr explicit ordinal(std::uint64_t value) : value_{value} {}

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr ordinal next() const { return ordinal{value_ + 1}; }

  friend constexpr auto operator<=>(ordinal, ordinal) = default;

 private:
  std::uint64_t value_ = 0;
};

/// Counts the mutations of one partition at its owner.
using sequence = ordinal<struct sequence_tag>;
/// Counts the views of a cluster.
using view_number = ordinal<struct view_number_tag>;
/// Counts, without holes, what one owner sent one member on the invalidation stream of a partition.
using stream_number = ordinal<struct stream_number_tag>;

/// The term of one owner of one partition: the view in which it got the partition, and the branch,
/// which tells two sides apart that went on alone without a quorum. Compared in that order.
struct epoch {
  view_number view;
  std::uint32_t branch = 0;

  friend constexpr auto operator<=>(const epoch&, const epoch&) = default;
};

/// The version of an entry: strictly greater for every mutation of its partition, across owners.
/// A value-initialised version is older than every entry.
struct version {
  kith::epoch epoch;
  sequence seq;

  friend constexpr auto operator<=>(const version&, const version&) = default;
};

/// For people: view.branch/number, as in "3.0/88".
[[nodiscard]] inline std::string to_string(const version& at) {
  return std::to_string(at.epoch.view.value()) + '.' + std::to_string(at.epoch.branch) + '/' +
         std::to_string(at.seq.value());
}

}  // namespace kith
