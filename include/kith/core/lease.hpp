// Leases: for how long a reader may trust what an owner told it without asking again, as each of
// the two counts it on a clock of its own.
//
// The reader counts from when it sent the message that the owner answered, the owner from when it
// answered: that is later. And the owner counts longer, so that its lease ends last even where its
// clock is fast and the reader's slow (C. Gray, D. Cheriton: "Leases", SOSP 1989).
#pragma once

#include <kith/core/time.hpp>

namespace kith {

/// How long a grant lasts for who gave it: at least lease (1 + rho) / (1 - rho), for clocks whose
/// rates are off by up to rho = 2.4 %.
[[nodiscard]] constexpr duration as_granted(duration lease) { return lease + lease / 20; }

}  // namespace kith
