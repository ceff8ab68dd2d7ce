// Five members that agree on views, with what happens to them read from the input. After every
// event the small world of the unit tests checks who has authority and who installs what
// (unit/cluster/harness.hpp: I1, I12, I13, I15); when everything has healed, those who live must
// agree on one view.
//
//   settings   1: quorum = majority; 2: long delays; 4: connections are reset; 8: clocks drift much
//   seed       two bytes: delays and identities
//   then       what happens, to whom, and how long until the next, in 12 ms
#include <fuzz/fail.hpp>
#include <fuzz/script.hpp>
#include <unit/cluster/harness.hpp>

#include <cstddef>
#include <cstdint>

using namespace harness;

namespace {

constexpr std::size_t members = 5;

world_options options_of(std::uint8_t settings, std::uint64_t seed) {
  world_options options;
  options.seed = seed;
  options.quorum = (settings & 1) != 0 ? quorum_mode::majority : quorum_mode::none;
  options.expect = options.quorum == quorum_mode::majority ? members : 1;
  options.delay_max = (settings & 2) != 0 ? 60ms : 2ms;
  options.resets = (settings & 4) != 0 ? 2000 : 0;
  options.drift = (settings & 8) != 0 ? 20 : 1;
  options.ports = members;
  return options;
}

struct schedule {
  world w;
  const bool majority;

  explicit schedule(const world_options& options)
      : w{options}, majority{options.quorum == quorum_mode::majority} {
    for (std::size_t i = 0; i < members; ++i) w.add();
  }

  /// With a quorum nobody may go for good unless all agree on one view and most of it stays: then
  /// the others get on, in the time that a silent member takes to be removed.
  template <class Go>
  void go(Go&& leave_or_crash) {
    if (majority && !(w.healthy() && w.living().size() >= 3 && w.one_view(w.living()))) return;
    leave_or_crash();
    if (majority) w.run_for(12s);
  }

  /// Who is on which side is one bit a member.
  void part(std::uint8_t sides) {
    for (std::size_t a = 0; a < members; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        if ((sides >> a & 1) != (sides >> b & 1)) w.cut(a, b);
      }
    }
  }

  void step(fuzz::script& in) {
    const std::size_t what = in.choice(9);
    const std::uint8_t whom = in.byte();
    const std::size_t i = whom % members;
    const bool alive = w.at(i).alive;
    switch (what) {
      case 0:
        if (alive) go([&] { w.crash(i); });
        break;
      case 1:
        if (!alive) w.start(i);
        break;
      case 2:
        if (alive) w.pause(i, whom * 48ms);
        break;
      case 3: w.cut(i, whom / members % members); break;
      case 4: part(whom); break;
      case 5: w.heal(); break;
      case 6:
        if (alive) w.reset_links(i);
        break;
      case 7:
        if (alive && !w.at(i).left) go([&] { w.leave(i); });
        break;
      default: break;
    }
    w.run_for(in.byte() * 12ms);
    judge();
  }

  void end() {
    w.heal();
    for (std::size_t i = 0; i < members && !majority; ++i) {
      if (!w.at(i).alive && !w.at(i).left) w.start(i);
    }
    const bool agreed =
        w.living().empty() || w.run_until(120s, [&] { return w.one_view(w.living()); });
    judge();
    if (!agreed) fuzz::fail("the members do not agree on one view\n" + w.describe());
  }

  void judge() {
    if (!w.violations().empty()) fuzz::fail(w.violations().front() + "\n" + w.describe());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in{data, size};
  const std::uint8_t settings = in.byte();
  const std::uint64_t seed = in.word();
  schedule all{options_of(settings, seed)};
  all.w.run_for(in.byte() * 32ms);
  constexpr int steps_max = 40;
  for (int i = 0; i < steps_max && !in.over(); ++i) all.step(in);
  all.end();
  return 0;
}
