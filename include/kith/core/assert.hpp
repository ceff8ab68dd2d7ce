// A broken invariant ends the process with a message: going on would spread wrong data to other
// members. KITH_ASSERT is always on. KITH_SLOW_ASSERT is for checks that cost more than the work
// they guard; tests and the simulator turn it on with KITH_SLOW_ASSERTS.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace kith {

[[noreturn]] inline void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "kith: broken invariant: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace kith

#define KITH_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::kith::assertion_failed(#expression, __FILE__, __LINE__))

#if defined(KITH_SLOW_ASSERTS)
#define KITH_SLOW_ASSERT(expression) KITH_ASSERT(expression)
#else
#define KITH_SLOW_ASSERT(expression) static_cast<void>(0)
#endif
