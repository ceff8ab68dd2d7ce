// Seeds of near_cache_fuzz: short lives of entries, as near_cache_fuzz.cpp numbers its operations.
#include "corpus.hpp"

#include <kith/core/random.hpp>

namespace fuzz {

namespace {

constexpr std::string_view target = "near_cache";
constexpr int all_fits = 0;
constexpr int little_room = 1;
constexpr int one_hash = 2;

enum operation {
  install = 0,
  find = 3,
  erase = 5,
  clear,
  flush,
  wait,
  reclaim,
  suspect,
  hear,
  hold
};

kith::bytes drawn(int settings, std::uint64_t seed, std::size_t size) {
  kith::random_source random{seed};
  kith::bytes all = listed({settings});
  for (std::size_t i = 0; i < size; ++i) all.push_back(static_cast<std::byte>(random.next()));
  return all;
}

}  // namespace

void add_near_cache(corpus& to) {
  to.add(target, "found-again", listed({all_fits, install, 1, 7, 9, 0, find, 1, 1}));
  to.add(target, "older-does-not-replace-newer",
         listed({all_fits, install, 1, 9, 1, 0, install, 1, 8, 1, 0, find, 1, 1}));
  to.add(target, "erased-with-all-of-its-hash",
         listed({all_fits, install, 0, 5,     1, 0, install, 1, 5, 1,    0, install, 2,
                 9,        1,       0, erase, 0, 6, find,    1, 0, find, 2, 0}));
  to.add(target, "an-equal-version-stays",
         listed({all_fits, install, 0, 5, 1, 0, erase, 0, 5, find, 0, 1}));
  to.add(target, "expired", listed({all_fits, install, 4, 1, 1, 10, wait, 11, find, 4, 0}));
  to.add(target, "cleared-and-flushed",
         listed({all_fits, install, 3, 1, 1,       0,  clear,   3, install, 3, 2, 1,    0, flush,
                 4,        find,    3, 0, reclaim, 11, install, 3, 1,       1, 0, find, 3, 0}));
  to.add(target, "suspect-and-stale",
         listed({all_fits, install, 5,    1, 1,    0, suspect, 5,    1,  find, 5, 1, find,
                 5,        0,       hear, 0, find, 5, 1,       wait, 11, find, 5, 2}));
  to.add(target, "held-beyond-its-end",
         listed({all_fits, install, 6, 1, 1, 0, hold, 6, 1, erase, 6, 9, install, 6, 3, 1, 0}));
  kith::bytes crowd = listed({one_hash});
  for (int key = 0; key < 130; ++key) {
    for (const int byte : {int{install}, key, 1, 0, 0})
      crowd.push_back(static_cast<std::byte>(byte));
  }
  to.add(target, "28-keys-of-one-hash", crowd);
  to.add(target, "drawn-all-fits", drawn(all_fits, 1, 600));
  to.add(target, "drawn-little-room", drawn(little_room, 2, 600));
  to.add(target, "drawn-one-hash", drawn(one_hash, 3, 900));
}

}  // namespace fuzz
