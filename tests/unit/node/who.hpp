// The members of this room's tests.
#pragma once

#include <kith/core/ids.hpp>

/// Whose machine is tested.
inline constexpr kith::member_id self{1, 1, 1};
inline constexpr kith::member_id other{2, 2, 1};
