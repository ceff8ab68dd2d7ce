// How the examples check themselves.
#pragma once

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

/// Ends the program when it does not hold.
inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "not as expected: " << what << '\n';
  std::exit(1);
}

/// Gives it half a minute, which only a failure takes.
template <class Predicate>
void wait_until(Predicate holds, const char* what) {
  using namespace std::chrono_literals;
  for (int tries = 0; tries < 3000 && !holds(); ++tries) std::this_thread::sleep_for(10ms);
  expect(holds(), what);
}
