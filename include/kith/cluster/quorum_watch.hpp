// When a member may say that it is cut off from the majority, instead of waiting for a coordinator.
//
// That nobody vouches for its view is no proof: after the death of the coordinator it is so for all
// until the next one has been elected, which takes at most F and what it takes to notice. So it is
// cut off when its freshness is older than F, and has been for another F in which it was awake: a
// process that was stopped finds everything old, and may be answered in the next moment.
//
// A deterministic object: whoever drives it looks at least once a heartbeat.
#pragma once

#include <kith/core/time.hpp>

#include <optional>

namespace kith::cluster {

class quorum_watch {
 public:
  /// `awake`: who looks less often than this was stopped in between.
  quorum_watch(duration limit, duration awake) : patience_{limit}, awake_{awake} {}

  /// `fresh`: as membership's freshness; absent: this member is in no view. True: lost() changed.
  [[nodiscard]] bool look(time_point now, const std::optional<time_point>& fresh);

  [[nodiscard]] bool lost() const { return lost_; }

 private:
  const duration patience_;
  const duration awake_;
  time_point looked_{};
  /// Since when its freshness has been too old; `never`: it is not.
  time_point missing_since_ = never;
  bool lost_ = false;
};

// --- implementation ---

inline bool quorum_watch::look(time_point now, const std::optional<time_point>& fresh) {
  const bool before = lost_;
  const bool slept = now - looked_ > awake_;
  looked_ = now;
  if (!fresh || now - *fresh <= patience_) {
    missing_since_ = never;
    lost_ = false;
  } else {
    if (missing_since_ == never || slept) missing_since_ = now;
    lost_ = lost_ || now - missing_since_ >= patience_;
  }
  return lost_ != before;
}

}  // namespace kith::cluster
