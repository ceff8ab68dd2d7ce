// All of kith, for users. The library itself never includes it.
#pragma once

// IWYU pragma: begin_exports
#include <kith/cache.hpp>
#include <kith/causal_token.hpp>
#include <kith/codec.hpp>
#include <kith/codec_boost.hpp>
#include <kith/discovery.hpp>
#include <kith/error.hpp>
#include <kith/events.hpp>
#include <kith/loader.hpp>
#include <kith/member.hpp>
#include <kith/member_stats.hpp>
#include <kith/options.hpp>
#include <kith/prometheus.hpp>
#include <kith/stats.hpp>
#include <kith/version.hpp>
// IWYU pragma: end_exports
