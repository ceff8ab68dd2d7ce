// Errors of calls. An error exists only where a caller would act differently; two conditions group
// them for those who only want to know "again?" and "may it have happened?".
//
// A call that its caller cancelled ends with boost::asio::error::operation_aborted, as anywhere.
// An absent key is no error. A broken invariant of kith itself aborts (core/assert.hpp).
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <string>

namespace kith {

using boost::system::error_code;

enum class errc {
  /// The deadline of the call passed. A write may have been applied.
  timed_out = 1,
  /// The member was shut down, or is gone.
  closed,
  /// No member serves the key's partition at present. A write was sent to nobody.
  no_owner,
  /// This member has lost contact with the cluster and may not answer from what it holds.
  not_connected,
  /// A bound was reached (pending calls, waiters); nothing was done.
  overloaded,
  /// The key or the value is longer than the cache accepts.
  too_large,
  /// The bytes of an entry are not of the cache's type.
  decode_failed,
  /// Another member opened the cache with other options; the message names the field.
  config_mismatch,
  /// An option has a value that is not allowed; the message names it.
  invalid_option,
  /// An argument of the call has a value that is not allowed or cannot be encoded; the message says
  /// which.
  invalid_argument,
  /// The loader failed; the message carries what it threw.
  load_failed,
  /// The processor threw at the owner; the message carries its text.
  processor_failed,
  /// Neither this member nor the owner of the key knows the processor.
  unknown_processor,
  /// The call would block a thread that has to serve it.
  would_deadlock,
  /// The function that was to see the value threw.
  visitor_failed,
  /// The write that the read's causal token names was lost with all members that had it.
  lost_write,
  /// The owner of the key is at its memory limit and may not store; nothing was done.
  out_of_memory,
  /// This member is cut off from the majority of its cluster, and the cache's minority_policy lets
  /// it not do this by itself; nothing was done.
  no_quorum,
  /// The snapshot of a near cache could not be written; or it is damaged, or of another cluster,
  /// cache or schema. The message says which; nothing of it was used.
  snapshot_failed,
  /// The store behind the cache refused the write, or the owner of the key has none; the message
  /// says why. Nothing was written or applied.
  write_failed,
  /// The writer threw, or did not answer in time: the store may have the write, now or later. The
  /// owner has dropped the entry.
  write_uncertain,
};

enum class condition {
  /// The same call may succeed a little later.
  retryable = 1,
  /// The write may have been applied, or may be applied later, at most once.
  maybe_applied,
};

[[nodiscard]] inline const char* describe(errc code) {
  switch (code) {
    case errc::timed_out: return "the deadline of the call passed";
    case errc::closed: return "the member is shut down";
    case errc::no_owner: return "no member serves the partition of the key";
    case errc::not_connected: return "this member has lost contact with its cluster";
    case errc::overloaded: return "a bound was reached, nothing was done";
    case errc::too_large: return "the key or the value is too long";
    case errc::decode_failed: return "the bytes are not of the cache's type";
    case errc::config_mismatch: return "another member opened the cache with other options";
    case errc::invalid_option: return "an option has a value that is not allowed";
    case errc::invalid_argument: return "an argument has a value that is not allowed";
    case errc::load_failed: return "the loader failed";
    case errc::processor_failed: return "the processor threw at the owner";
    case errc::unknown_processor: return "neither this member nor the owner knows the processor";
    case errc::would_deadlock: return "the call would block a thread that has to serve it";
    case errc::visitor_failed: return "the function that was to see the value threw";
    case errc::lost_write: return "all who had the write that the token names are gone";
    case errc::out_of_memory: return "the owner of the key is at its memory limit";
    case errc::no_quorum: return "this member is cut off from the majority of its cluster";
    case errc::snapshot_failed: return "the snapshot cannot be used";
    case errc::write_failed: return "the store refused the write, nothing was done";
    case errc::write_uncertain: return "the store may have the write, or may have it later";
  }
  return "unknown kith error";
}

class error_category final : public boost::system::error_category {
 public:
  constexpr error_category() : boost::system::error_category{0x6B697468'63616368u} {}

  const char* name() const noexcept override { return "kith"; }
  std::string message(int value) const override { return describe(static_cast<errc>(value)); }

  inline bool equivalent(int value,
                         const boost::system::error_condition& asked) const noexcept override;
};

class condition_category final : public boost::system::error_category {
 public:
  constexpr condition_category() : boost::system::error_category{0x6B697468'636F6E64u} {}

  const char* name() const noexcept override { return "kith.condition"; }
  std::string message(int value) const override {
    return static_cast<condition>(value) == condition::retryable ? "retryable" : "maybe applied";
  }
  /// Of codes that are not kith's own.
  inline bool equivalent(const error_code& code, int value) const noexcept override;
};

inline constexpr error_category error_category_instance;
inline constexpr condition_category condition_category_instance;

inline error_code make_error_code(errc code) {
  return {static_cast<int>(code), error_category_instance};
}

inline boost::system::error_condition make_error_condition(condition which) {
  return {static_cast<int>(which), condition_category_instance};
}

[[nodiscard]] constexpr bool is_retryable(errc code) {
  return code == errc::timed_out || code == errc::no_owner || code == errc::not_connected ||
         code == errc::overloaded || code == errc::out_of_memory || code == errc::no_quorum;
}

[[nodiscard]] constexpr bool is_maybe_applied(errc code) {
  return code == errc::timed_out || code == errc::closed || code == errc::write_uncertain;
}

/// Of a call that its caller cancelled: boost::asio::error::operation_aborted. It is maybe_applied.
[[nodiscard]] inline error_code operation_aborted() {
  return {static_cast<int>(boost::system::errc::operation_canceled),
          boost::system::system_category()};
}

/// What blocking calls throw. `code()` says which error it is; `what()` names the field, the key or
/// the peer where there is one to name.
class error : public boost::system::system_error {
 public:
  explicit error(errc code);
  error(errc code, const std::string& subject);
  explicit error(const error_code& code) : boost::system::system_error{code} {}
};

}  // namespace kith

namespace boost::system {

template <>
struct is_error_code_enum<kith::errc> : std::true_type {};
template <>
struct is_error_condition_enum<kith::condition> : std::true_type {};

}  // namespace boost::system

namespace kith {

inline error::error(errc code) : boost::system::system_error{make_error_code(code)} {}
inline error::error(errc code, const std::string& subject)
    : boost::system::system_error{make_error_code(code), subject} {}

inline bool condition_category::equivalent(const error_code& code, int value) const noexcept {
  return static_cast<condition>(value) == condition::maybe_applied && code == operation_aborted();
}

inline bool error_category::equivalent(int value,
                                       const boost::system::error_condition& asked) const noexcept {
  if (asked.category() == condition_category_instance) {
    const auto code = static_cast<errc>(value);
    return static_cast<condition>(asked.value()) == condition::retryable ? is_retryable(code)
                                                                         : is_maybe_applied(code);
  }
  return boost::system::error_category::equivalent(value, asked);
}

}  // namespace kith
