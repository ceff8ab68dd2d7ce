// What the tests of cancellation share: an operation that can be cancelled, a processor that waits
// at a gate, and what a member has waiting.
#pragma once

#include "face_support.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <future>
#include <string>

namespace face_test {

using cancel_kind = boost::asio::cancellation_type;
using word_cache = kith::cache<std::string, std::string>;

/// Runs until it is let go.
struct gate {
  static inline std::promise<void>* open = nullptr;
  static inline std::promise<void>* entered = nullptr;
  void operator()(kith::entry<std::string, std::string>& entry) const {
    entered->set_value();
    open->get_future().wait();
    entry.set("by the processor");
  }
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

/// One operation that can be cancelled, and the code that its handler got.
struct running {
  boost::asio::cancellation_signal signal;
  std::promise<kith::error_code> told;
  std::future<kith::error_code> code = told.get_future();

  [[nodiscard]] auto token() {
    return boost::asio::bind_cancellation_slot(
        signal.slot(), [this](kith::error_code got, auto&&...) { told.set_value(got); });
  }
  [[nodiscard]] bool over() { return code.wait_for(0s) == std::future_status::ready; }
};

[[nodiscard]] inline std::size_t waiting_calls(kith::member& of) {
  std::size_t all = 0;
  of.runtime().for_each_lane([&](const kith::node::lane& lane) { all += lane.calls().pending(); });
  return all;
}

}  // namespace face_test
