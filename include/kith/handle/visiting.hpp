// A handler that sees a value before the caller's own handler hears of it.
#pragma once

#include <kith/error.hpp>
#include <kith/near/ref.hpp>

#include <boost/asio/associator.hpp>

#include <functional>
#include <utility>

namespace kith::handle {

/// Calls `see` with the value, if there is one, then `handler` with whether there was; it runs and
/// allocates where `handler` does.
template <class Visitor, class Handler>
struct visiting_handler {
  Visitor see;
  Handler handler;

  template <class Value>
  void operator()(error_code code, ref<Value> value) {
    const bool present{value};
    try {
      if (present) std::invoke(see, *value);
    } catch (...) {
      code = errc::visitor_failed;
    }
    // The handler may do much: the near cache gets its slot back before.
    value = {};
    std::move(handler)(code, present);
  }
};

}  // namespace kith::handle

/// What is associated with the handler is so with the whole.
template <template <class, class> class Associator, class Visitor, class Handler, class Default>
struct boost::asio::associator<Associator, kith::handle::visiting_handler<Visitor, Handler>,
                               Default> : Associator<Handler, Default> {
  using whole = kith::handle::visiting_handler<Visitor, Handler>;

  static typename Associator<Handler, Default>::type get(const whole& from) noexcept {
    return Associator<Handler, Default>::get(from.handler);
  }
  static auto get(const whole& from, const Default& otherwise) noexcept
      -> decltype(Associator<Handler, Default>::get(from.handler, otherwise)) {
    return Associator<Handler, Default>::get(from.handler, otherwise);
  }
};
