// Seeds of cluster_fuzz: short stories of a cluster of three, as cluster_fuzz.cpp numbers its
// steps.
#include "corpus.hpp"

#include <kith/core/random.hpp>

namespace fuzz {

namespace {

constexpr std::string_view target = "cluster";
constexpr int quorum = 1;
constexpr int split = 2;
constexpr int overflow = 4;
constexpr int slow_decoders = 8;
constexpr int failing_loads = 16;

enum client { write, erase, put_if_absent, add, read_row, write_row = 6, read = 13 };
enum fault { crash, start, pause, freeze, cut, cut_one_way, heal, reset, dial, clog, slow, lossy };

class story {
 public:
  explicit story(int settings, int seed = 1) : bytes_{listed({settings, seed, 0})} {}

  story& ask(client what, int member, int key = 0, int events = 9) {
    return add(what * 4, member + 3 * key, events);
  }
  story& strike(fault what, int member, int how = 0) { return add(what * 4 + 2, member, how); }
  /// In 10 ms.
  story& wait(int time) { return add(3, 0, time); }
  /// Everybody reads and writes a little.
  story& traffic() {
    for (int member = 0; member < 3; ++member) {
      ask(read, member).ask(write, member).ask(read_row, member, 1).ask(fuzz::add, member, 2);
      ask(write_row, member, 1).ask(read, member, 0, 31);
    }
    return *this;
  }
  [[nodiscard]] kith::bytes told() const { return bytes_; }

 private:
  story& add(int what, int whom, int how) {
    for (const int one : {what, whom, how}) bytes_.push_back(static_cast<std::byte>(one));
    return *this;
  }
  kith::bytes bytes_;
};

kith::bytes drawn(int settings, std::uint64_t seed, std::size_t steps) {
  kith::random_source random{seed};
  kith::bytes all = listed({settings, static_cast<int>(seed), 0});
  for (std::size_t i = 0; i < 3 * steps; ++i) all.push_back(static_cast<std::byte>(random.next()));
  return all;
}

}  // namespace

void add_cluster(corpus& to) {
  const auto tell = [&to](const std::string& name, const story& one) {
    to.add(target, name, one.told());
  };
  tell("quiet", story{0});
  tell("traffic", story{0}.traffic().wait(100).traffic().wait(50).traffic());
  tell("04-a-reader-that-is-slow",
       story{split}.traffic().strike(slow, 1, 200).traffic().wait(255).traffic());
  tell("20-answers-after-a-pause",
       story{0}.traffic().strike(pause, 0, 120).traffic().wait(255).wait(255).wait(255).traffic());
  tell("27-a-member-that-stands-still",
       story{0}.traffic().strike(freeze, 2, 90).traffic().traffic().wait(255).wait(255).traffic());
  tell("31-resets-under-way",
       story{split}.traffic().strike(reset, 0).traffic().strike(reset, 1, 1).traffic().wait(99));
  tell("owner-crashes", story{0}
                            .traffic()
                            .strike(crash, 1, 1)
                            .traffic()
                            .wait(255)
                            .wait(255)
                            .strike(start, 1)
                            .wait(255)
                            .traffic());
  tell("owner-dies-silently", story{quorum}
                                  .traffic()
                                  .strike(crash, 1)
                                  .traffic()
                                  .wait(255)
                                  .wait(255)
                                  .wait(255)
                                  .strike(start, 1)
                                  .wait(255)
                                  .traffic());
  tell("cut-and-healed", story{0}
                             .traffic()
                             .strike(cut, 0)
                             .wait(255)
                             .traffic()
                             .wait(255)
                             .wait(255)
                             .strike(heal, 0)
                             .traffic()
                             .wait(255)
                             .traffic());
  tell("one-way", story{quorum}
                      .traffic()
                      .strike(cut_one_way, 1)
                      .wait(255)
                      .traffic()
                      .wait(255)
                      .strike(heal, 0)
                      .traffic());
  tell("two-connections", story{0}.traffic().strike(dial, 0).strike(dial, 1).traffic().wait(120));
  tell("late-and-lost", story{split | slow_decoders}
                            .strike(clog, 0, 20)
                            .strike(lossy, 1)
                            .traffic()
                            .wait(200)
                            .traffic()
                            .strike(heal, 0)
                            .traffic());
  tell("streams-overflow", story{overflow}.traffic().traffic().traffic().wait(10).traffic());
  tell("loads-that-fail",
       story{failing_loads | slow_decoders}.traffic().traffic().wait(30).traffic());
  for (const int settings : {0, int{quorum}, split | overflow, quorum | split | slow_decoders}) {
    to.add(target, "drawn-" + std::to_string(settings),
           drawn(settings, static_cast<std::uint64_t>(settings) + 5, 100));
  }
}

}  // namespace fuzz
