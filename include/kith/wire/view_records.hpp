// What a view is made of, as it travels: members, partition rows, caches, and the change from one
// view to the next. cluster/view.hpp gives them meaning.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace kith::wire {

/// Names a view: its number, and the branch, which tells two sides apart that went on alone.
struct view_key {
  view_number number;
  std::uint32_t branch = 0;

  friend constexpr auto operator<=>(const view_key&, const view_key&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.number, self.branch);
  }
};

struct member_record {
  member_id id;
  endpoint address;
  /// The share of partitions, in proportion to the other members' weights.
  std::uint32_t weight = 1;
  std::string zone;

  friend bool operator==(const member_record&, const member_record&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.id, self.address, self.weight, capped(self.zone, limits::name_bytes));
  }
};

/// Replicas of one partition beside its owner, at most.
inline constexpr std::size_t backups_max = 6;

/// Who holds a partition: indices into the view's members. `epoch` is the view in which the owner
/// got it.
struct partition_row {
  std::uint16_t owner = 0;
  kith::epoch epoch;
  /// By position: 0xFFFF where nobody holds it; the last one is held. A cache with k copies is held
  /// at the positions below k. Who is here holds all that the owner ever acknowledged for them.
  std::vector<std::uint16_t> backups;
  /// The owner began this epoch with what the partition had; otherwise with nothing.
  bool inherits = false;

  friend bool operator==(const partition_row&, const partition_row&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.owner, self.epoch, capped(self.backups, backups_max), self.inherits);
  }
};

/// One agreed option of a cache, by name, so that a disagreement can be named.
struct cache_field {
  std::string name;
  std::string value;

  friend bool operator==(const cache_field&, const cache_field&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(capped(self.name, limits::name_bytes), capped(self.value, limits::text_bytes));
  }
};

inline constexpr std::size_t cache_fields_max = 32;

struct cache_record {
  cache_id id{};
  std::string name;
  std::vector<cache_field> options;

  friend bool operator==(const cache_record&, const cache_record&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.id, capped(self.name, limits::name_bytes), capped(self.options, cache_fields_max));
  }
};

/// A whole view.
struct view_body {
  view_key key;
  /// Oldest first.
  std::vector<member_record> members;
  /// By partition.
  std::vector<partition_row> rows;
  /// By name.
  std::vector<cache_record> caches;

  friend bool operator==(const view_body&, const view_body&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.key, capped(self.members, limits::members), capped(self.rows, partition_count),
          capped(self.caches, limits::caches));
  }
};

/// Why a member is not in the next view.
enum class departure : std::uint8_t { failed, left, superseded };
template <>
inline constexpr departure last_enumerator<departure> = departure::superseded;

/// A member of the base view, by index, and why it goes.
struct removal {
  std::uint16_t member = 0;
  departure why{};

  friend bool operator==(const removal&, const removal&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.member, self.why);
  }
};

/// A member of the base view, by index, and its weight from the next view on. One that leaves in
/// order is given 0 first, so that others take what it has.
struct reweighing {
  std::uint16_t member = 0;
  std::uint32_t weight = 0;

  friend bool operator==(const reweighing&, const reweighing&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.member, self.weight);
  }
};

/// A row of the next view that is not the base's. Indices are into the next view's members.
struct row_change {
  partition_id partition{};
  std::uint16_t owner = 0;
  std::vector<std::uint16_t> backups;
  /// Of an owner that is new.
  bool inherits = false;

  friend bool operator==(const row_change&, const row_change&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.partition, self.owner, capped(self.backups, backups_max), self.inherits);
  }
};

/// The step from one view to the next: the value that the members decide on.
struct view_change {
  view_key base;
  view_key next;
  /// By index.
  std::vector<removal> removed;
  /// In the order in which they are to age.
  std::vector<member_record> added;
  /// By index.
  std::vector<reweighing> reweighed;
  /// By partition.
  std::vector<row_change> rows;
  std::vector<cache_record> caches;
  /// Of the whole next view.
  std::uint64_t hash = 0;

  friend bool operator==(const view_change&, const view_change&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.base, self.next, capped(self.removed, limits::members),
          capped(self.added, limits::members), capped(self.reweighed, limits::members),
          capped(self.rows, partition_count), capped(self.caches, limits::caches),
          fixed(self.hash));
  }
};

}  // namespace kith::wire
