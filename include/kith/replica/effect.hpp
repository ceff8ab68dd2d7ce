// What a replica asks of its driver, and the values in which the driver answers.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/row.hpp>
#include <kith/replica/store_write.hpp>
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/membership_messages.hpp>
#include <kith/wire/packet.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kith::replica {

/// Answers to callers in the owner's own process. The views in `reply` are empty: the bytes stand
/// beside it.
struct answer_get {
  std::uint64_t rid = 0;
  partition_id partition{};
  wire::get_reply reply;
  bytes value;
  /// What the loader threw, when it ran in this process.
  std::exception_ptr thrown;
};
struct answer_mutate {
  std::uint64_t rid = 0;
  partition_id partition{};
  wire::mutate_reply reply;
  bytes result;
};
struct answer_count {
  std::uint64_t rid = 0;
  partition_id partition{};
  wire::count_reply reply;
};

/// Names one run of a loader or processor; a run that nobody waits for any more is unknown.
struct load_ticket {
  partition_id partition{};
  std::uint64_t number = 0;
};
struct processor_ticket {
  partition_id partition{};
  std::uint64_t number = 0;
};

/// Run the user's loader and hand the result to replica::on_load_done.
struct run_load {
  load_ticket ticket;
  cache_id cache{};
  bytes key;
  /// The version that the partition had when the load began.
  version fence;
  /// How many loaders, each waiting for the next, wait for this one.
  std::uint32_t depth = 0;
};

/// Run the user's processor and hand the result to replica::on_processor_done.
struct run_processor {
  processor_ticket ticket;
  cache_id cache{};
  std::string name;
  bytes key;
  std::optional<bytes> current;
  /// Of the entry; zero when it is absent.
  version current_version;
  bytes fields;
  /// As a load's.
  std::uint32_t depth = 0;
};

/// `from` spoke of a higher epoch than this member knows.
struct pull_view {
  member_id from;
};

/// A mutation was applied, and this process keeps near entries of what it owns: to be carried out
/// before the lane's lock is released.
struct own_mutation {
  partition_id partition{};
  kith::epoch epoch;
  wire::invalidation entry;
};

/// The owner says of a member what the table of the next view should know.
struct claim_row {
  partition_id partition{};
  wire::claim_kind kind{};
  member_id member{};
  std::uint8_t position = 0;
};

using effect = std::variant<wire::send, answer_get, answer_mutate, answer_count, run_load,
                            run_processor, run_write, own_mutation, pull_view, claim_row>;
using outbox = std::vector<effect>;

/// What a loader brought.
struct loaded {
  bytes value;
  /// Absent: the cache's default. Zero: it is answered, and not kept.
  std::optional<duration> ttl;
  /// None: those of the entry whose value it replaces.
  std::vector<wire::tag> tags = {};
};
struct not_found {
  /// How long that is remembered; absent: as long as the cache says. Zero: not at all.
  std::optional<duration> ttl = std::nullopt;
};
struct load_failure {
  std::string text;
  /// What the loader threw: for callers in its own process, the others get the text.
  std::exception_ptr thrown = nullptr;
};
using load_result = std::variant<loaded, not_found, load_failure>;

/// What a processor wants done with its entry, and its answer to the caller.
enum class processor_action : std::uint8_t { set, erase, keep };
struct processed {
  processor_action action = processor_action::keep;
  bytes value;
  bytes result;
};
struct processor_failure {
  std::string text;
};
struct processor_unknown {};
using processor_result = std::variant<processed, processor_failure, processor_unknown>;

}  // namespace kith::replica
