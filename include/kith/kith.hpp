// All of kith, for users. The library itself never includes it.
#pragma once

// IWYU pragma: begin_exports
#include <kith/error.hpp>
#include <kith/version.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/session.hpp>
// IWYU pragma: end_exports
