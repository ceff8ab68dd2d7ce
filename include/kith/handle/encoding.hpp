// Where users' functions run while a call is made, as codecs that write: what they throw becomes an
// error of the call, the same for the blocking and the async form, so that no exception of theirs
// is where a handler should be.
#pragma once

#include <kith/codec.hpp>
#include <kith/core/bytes.hpp>
#include <kith/error.hpp>

#include <exception>
#include <new>
#include <string>

namespace kith::handle {

/// Called while an exception that `who` threw is handled: throws it on as a kith::error about
/// `what`, with the exception nested. overloaded: there was no memory; invalid_argument: all else.
[[noreturn]] inline void throw_refusal(const char* what, const char* who = "its codec") {
  const std::string subject{what};
  try {
    throw;
  } catch (const error&) {
    throw;
  } catch (const std::bad_alloc&) {
    std::throw_with_nested(error{errc::overloaded, subject});
  } catch (const std::exception& thrown) {
    std::throw_with_nested(error{errc::invalid_argument, subject + ": " + thrown.what()});
  } catch (...) {
    std::throw_with_nested(error{errc::invalid_argument, subject + ": " + who + " threw"});
  }
}

/// The key of a call. Throws kith::error only: invalid_argument, overloaded.
template <class Key>
class call_key : public encoded_key<Key> {
 public:
  template <class Lookup>
    requires key_like<Lookup, Key>
  explicit call_key(const Lookup& lookup) try : encoded_key
    <Key>{lookup} {}
  catch (...) {
    throw_refusal("the key");
  }
};

/// The bytes of `value`, which is called `what` in errors. Throws as call_key.
template <class Value>
[[nodiscard]] bytes written(const Value& value, const char* what) {
  try {
    return kith::encode(value);
  } catch (...) {
    throw_refusal(what);
  }
}

}  // namespace kith::handle
