// The model of a partition's copies: what owners, holders and the coordinator may do in each state.
//
// The rules, of which the tests leave out one after the other:
//
// - P1 A holder takes the feed of the owner of its installed view, in that view's epoch, and no
// other.
// - P2 A write is answered when every member that the owner requires has acknowledged it: who is in
//   the row of its installed view, and whom it has sent the end marker in this epoch, whatever
//   views came since.
// - P3 in_sync and hand_over are claimed once the end marker is acknowledged.
// - P4 A claim counts in the view that it names, and dies with it.
// - P5 Who is claimed to be out of sync is waited for until a view without it is installed.
// - P6 It stays in the row all the same if the owner goes in the next view.
// - P7 A new owner feeds every member of its row from the beginning. What came is laid over the old
//   copy; entries that did not come are dropped at the end marker, not before.
// - P8 An operation is applied once: a retry gets the recorded answer.
// - P9 This holds for inherited operations too: they are answered under P2, as others are.
// - P10 An entry travels with the records of all operations on its key, and takes the place of
// both.
#pragma once

#include "copies_feeds.hpp"
#include "copies_model.hpp"
#include "copies_views.hpp"
