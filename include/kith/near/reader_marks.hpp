// An eviction policy that learns of hits from marks. Readers of a near cache take no lock, so they
// cannot tell the policy; they leave a mark at the cell. When a victim is wanted, its mark is asked
// first: a marked one counts as accessed now, and the policy chooses again. For SIEVE, which does
// nothing else at a hit than setting such a mark, this is exact.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/store/policy.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace kith::near {

class reader_marks final : public store::policy {
 public:
  /// `take_mark(handle)` returns whether the entry was read since the last such question.
  reader_marks(std::unique_ptr<store::policy> inner, std::function<bool(store::handle)> take_mark)
      : inner_{std::move(inner)}, take_mark_{std::move(take_mark)} {
    KITH_ASSERT(inner_ != nullptr);
  }

  void on_limit(std::uint64_t bytes) override { inner_->on_limit(bytes); }
  void on_insert(store::handle at, store::entry_facts facts) override {
    inner_->on_insert(at, facts);
  }
  void on_access(store::handle at) override { inner_->on_access(at); }
  void on_update(store::handle at, store::entry_facts facts) override {
    inner_->on_update(at, facts);
  }
  void on_erase(store::handle at, store::removal cause) override { inner_->on_erase(at, cause); }

  /// A mark that was not taken yet is the cell's to tell.
  [[nodiscard]] bool read_lately(store::handle at) const override {
    return inner_->read_lately(at);
  }
  [[nodiscard]] store::handle judged_next() const override { return inner_->judged_next(); }

  void trim() override { inner_->trim(); }
  [[nodiscard]] std::uint64_t bytes() const override { return inner_->bytes(); }

  [[nodiscard]] store::handle victim() override {
    store::handle chosen = inner_->victim();
    for (std::size_t i = 0; i < second_chances_max && take_mark_(chosen); ++i) {
      inner_->on_access(chosen);
      chosen = inner_->victim();
    }
    return chosen;
  }

 private:
  /// Where everything was read since, someone has to leave all the same.
  static constexpr std::size_t second_chances_max = 64;

  std::unique_ptr<store::policy> inner_;
  std::function<bool(store::handle)> take_mark_;
};

}  // namespace kith::near
