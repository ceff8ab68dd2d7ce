// What a value has to do with its version and with who wrote it, for one cache whose written values
// are all different:
//
//   V1 value  whatever clients were told of one version of a key is one value; and what they read
//             was written, for that key, by an operation that had been invoked by then. One whose
//             outcome is not known counts
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/history.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

class value_oracle {
 public:
  explicit value_oracle(std::string cache) : cache_{std::move(cache)} {}

  /// Before an operation that writes the value is invoked.
  void invoked(std::uint32_t key, std::int64_t value) { written_.emplace(value, key); }
  /// A read or a write was answered. Reads that found nothing and failed operations tell nothing.
  void told(const record& op);

  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

 private:
  void fail(const record& op, const std::string& more);

  std::string cache_;
  /// For which key each value was, or may have been, written.
  std::map<std::int64_t, std::uint32_t> written_;
  std::map<std::pair<std::uint32_t, version>, std::int64_t> told_;
  std::vector<violation> violations_;
};

// --- implementation ---

inline void value_oracle::fail(const record& op, const std::string& more) {
  const auto ms = [](time_point t) {
    return std::to_string(t.time_since_epoch() / std::chrono::milliseconds{1});
  };
  violations_.push_back({"V1: " + cache_ + " key " + std::to_string(op.key) + " member " +
                         std::to_string(op.member) + " invoked " + ms(op.invoked) +
                         " ms answered " + ms(op.answered) + " ms version " +
                         std::to_string(op.version.epoch.view.value()) + "/" +
                         std::to_string(op.version.seq.value()) + " value " +
                         std::to_string(op.value) + ": " + more});
}

inline void value_oracle::told(const record& op) {
  if (op.failed || (op.kind == operation_kind::read && !op.yes)) return;
  const auto writer = written_.find(op.value);
  if (writer == written_.end()) return fail(op, "nobody had written it");
  if (writer->second != op.key) {
    return fail(op, "it was written for key " + std::to_string(writer->second));
  }
  // What a ticket's holder loaded itself has no version.
  if (op.version == version{}) return;
  const auto [known, fresh] = told_.emplace(std::pair{op.key, op.version}, op.value);
  if (!fresh && known->second != op.value) {
    fail(op, "the same version had the value " + std::to_string(known->second));
  }
}

}  // namespace kith::sim
