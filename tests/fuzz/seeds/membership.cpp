// Seeds of membership_fuzz: the accidents that clusters know, as membership_fuzz.cpp numbers them.
#include "corpus.hpp"

#include <kith/core/random.hpp>

namespace fuzz {

namespace {

constexpr std::string_view target = "membership";
constexpr int quorum = 1;
constexpr int long_delays = 2;
constexpr int resets = 4;
constexpr int drift = 8;

enum event { crash, start, pause, cut, part, heal, reset, leave, nothing };

constexpr int second = 83;  // in 12 ms

kith::bytes drawn(int settings, std::uint64_t seed, std::size_t events) {
  kith::random_source random{seed};
  kith::bytes all = listed({settings, static_cast<int>(seed), 0, 200});
  for (std::size_t i = 0; i < 3 * events; ++i) all.push_back(static_cast<std::byte>(random.next()));
  return all;
}

/// `events` in a cluster that has had 8 s to form.
void add_both(corpus& to, const std::string& name, std::initializer_list<int> events) {
  to.add(target, name, joined({0, 1, 0, 250}, listed(events)));
  to.add(target, name + "-with-quorum", joined({quorum, 1, 0, 250}, listed(events)));
}

}  // namespace

void add_membership(corpus& to) {
  add_both(to, "crash-and-return", {crash, 1, 255, nothing, 0, 255, start, 1, 2 * second});
  add_both(to, "coordinator-is-paused", {pause, 0, 10, pause, 100, 255, nothing, 0, 255});
  add_both(to, "one-of-five-is-cut-off", {part, 1, 255, nothing, 0, 255, heal, 0, 255});
  add_both(to, "two-against-three", {part, 3, 255, nothing, 0, 255, heal, 0, 255});
  add_both(to, "halves-that-change",
           {part, 7, 255, heal, 0, 1, part, 28, 255, nothing, 0, 255, heal, 0, 10});
  add_both(to, "one-bad-line", {cut, 5, 255, nothing, 0, 255, nothing, 0, 255, heal, 0, second});
  add_both(to, "31-resets", {reset, 0, 1, reset, 1, 1, reset, 2, 1, reset, 3, 1, reset, 0, second});
  add_both(to, "leaving", {leave, 2, second, leave, 0, second, start, 2, second});
  add_both(to, "crash-of-two", {crash, 0, 1, crash, 1, 255, nothing, 0, 255, start, 0, second});
  for (const int settings : {0, int{quorum}, long_delays | resets, quorum | long_delays | resets,
                             drift, quorum | drift}) {
    to.add(target, "drawn-" + std::to_string(settings),
           drawn(settings, static_cast<std::uint64_t>(settings) + 3, 20));
  }
}

}  // namespace fuzz
